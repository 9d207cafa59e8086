import { fileURLToPath } from 'node:url'
import { startUpstream, type Upstream } from '@marginwatch/sandbox'
import { type DecisionServer, startDecisionServer } from '../support/decision-server.ts'
import { gatewayConfig } from '../support/gateway-config.ts'
import type { SlimRecord } from '../support/push-recorder.ts'
import { type RealGateway, startRealGateway } from '../support/real-gateway.ts'

const HOOK = fileURLToPath(new URL('../../../gateway/marginwatch.py', import.meta.url))

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

/** The real LiteLLM with our file, between an upstream and something that decides as it is told. */
export interface Asking {
  readonly upstream: Upstream
  readonly decisions: DecisionServer
  readonly gateway: RealGateway
  call(path: string, body: object, headers?: Readonly<Record<string, string>>): Promise<Answer>
  /** The record of the call whose decision was asked for last. */
  recordOfLast(): Promise<SlimRecord>
  close(): Promise<void>
}

export async function startAsking(env: Readonly<Record<string, string>> = {}): Promise<Asking> {
  const upstream = await startUpstream()
  const decisions = await startDecisionServer()
  const gateway = await startRealGateway({
    config: gatewayConfig({ upstream: upstream.url, litellm: { callbacks: ['marginwatch.gateway'] } }),
    hooks: [HOOK],
    env: { MARGINWATCH_URL: decisions.url, MARGINWATCH_GATEWAY_KEY: 'k-gateway', ...env },
  })
  const authorization = `Bearer ${gateway.masterKey}`
  return {
    upstream,
    decisions,
    gateway,
    async call(path, body, headers = {}) {
      const answer = await fetch(gateway.url + path, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      })
      return { status: answer.status, headers: answer.headers, text: await answer.text() }
    },
    recordOfLast() {
      const id = decisions.asked().at(-1)?.call_id
      return decisions.untilRecord(`the call ${id}`, (record) => record.kind === 'call' && stampOf(record) === id)
    },
    async close() {
      await gateway.close()
      await decisions.close()
      await upstream.close()
    },
  }
}

/** The id that was stamped on the call of a record. */
export function stampOf(record: SlimRecord): unknown {
  const { spend_logs_metadata: logged } = record.metadata as { spend_logs_metadata?: Record<string, unknown> }
  return logged?.marginwatch_call_id
}

/** A way to call a model: where, with what, and the field that bounds its answer. */
export interface Route {
  readonly name: string
  readonly path: string
  readonly model: string
  body(text: string, more?: object): object
  /** Bounds the answer; absent where nothing does. */
  bounded?(most: number): object
}

const messages = (content: string) => [{ role: 'user', content }]
const contents = (text: string) => [{ role: 'user', parts: [{ text }] }]

export const ROUTES: readonly Route[] = [
  ...[false, true].map((stream) => ({
    name: stream ? 'a streamed chat' : 'a chat',
    path: '/v1/chat/completions',
    model: 'gpt-4o',
    body: (text: string, more = {}) => ({ model: 'gpt-4o', stream, messages: messages(text), ...more }),
    bounded: (most: number) => ({ max_completion_tokens: most }),
  })),
  ...[false, true].map((stream) => ({
    name: stream ? 'streamed messages' : 'messages',
    path: '/v1/messages',
    model: 'claude',
    body: (text: string, more = {}) => ({
      model: 'claude',
      stream,
      max_tokens: 900,
      messages: messages(text),
      ...more,
    }),
    bounded: (most: number) => ({ max_tokens: most }),
  })),
  ...[false, true].map((stream) => ({
    name: stream ? 'streamed responses' : 'responses',
    path: '/v1/responses',
    model: 'gpt-4o',
    body: (input: string, more = {}) => ({ model: 'gpt-4o', stream, input, ...more }),
    bounded: (most: number) => ({ max_output_tokens: most }),
  })),
  {
    name: 'embeddings',
    path: '/v1/embeddings',
    model: 'embedding',
    body: (input, more = {}) => ({ model: 'embedding', input, ...more }),
  },
  ...[false, true].map((stream) => ({
    name: stream ? "streamed Gemini's own" : "Gemini's own",
    path: `/v1beta/models/gemini:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
    model: 'gemini',
    body: (text: string, more = {}) => ({ contents: contents(text), ...more }),
    bounded: (maxOutputTokens: number) => ({ generationConfig: { maxOutputTokens } }),
  })),
]
