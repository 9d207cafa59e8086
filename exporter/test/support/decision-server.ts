import type { ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { eventually } from './eventually.ts'
import { type SlimRecord, takePost } from './push-recorder.ts'
import { serve } from './serve.ts'

/** What marginwatch.py asks before a call. */
export interface Question {
  readonly version: number
  readonly call_id: string
  readonly model: string
  readonly call_type: string
  readonly stream: boolean
  readonly max_tokens?: number
  readonly n?: number
  readonly language?: string
  readonly input: { readonly bytes: number; readonly tokens?: number; readonly images: number; readonly opaque: number }
  readonly needs: readonly string[]
  readonly record: SlimRecord
}

/** An answer of status 200; another status with the problem that goes with it; or none at all. */
export type Decision = Readonly<Record<string, unknown>> | { readonly status: number; readonly body: object } | 'hang'

/** Stands where the exporter is: decides as it is told, and keeps what the gateway posts. */
export interface DecisionServer {
  readonly url: string
  /** Decides from now on; by default every call may leave. */
  set(decide: (question: Question) => Decision): void
  /** In the order of their arrival, with the key that each came with. */
  asked(): readonly (Question & { readonly key: string | undefined })[]
  records(): readonly SlimRecord[]
  /** The newest that fits, once there is one. */
  untilRecord(what: string, fits: (record: SlimRecord) => boolean): Promise<SlimRecord>
  /** What the gateway said last of itself. */
  state(): Readonly<Record<string, unknown>>
  close(): Promise<void>
}

export async function startDecisionServer(): Promise<DecisionServer> {
  let decide: (question: Question) => Decision = () => ALLOW
  let state: Readonly<Record<string, unknown>> = {}
  const asked: (Question & { key: string | undefined })[] = []
  const records: SlimRecord[] = []
  const server = await serve(async (request, response) => {
    if (request.url !== '/v1/decisions') {
      state = JSON.parse(String(request.headers['x-marginwatch-gateway'] ?? '{}'))
      const posted = await takePost(request)
      records.push(...posted)
      send(response, 200, {})
      return
    }
    const question = (await json(request)) as Question
    asked.push({ ...question, key: request.headers.authorization })
    answer(response, question, decide(question))
  })
  return {
    url: server.url,
    set(how) {
      decide = how
    },
    asked: () => asked,
    records: () => records,
    untilRecord: (what, fits) => eventually(`a record of ${what}`, () => records.findLast(fits) ?? null),
    state: () => state,
    close: () => server.close(),
  }
}

const ALLOW = { action: 'allow', reason: 'ok' }

/** What the exporter says with every answer of its. */
const ALWAYS = { version: 1, fallbacks: 'keep', client_fallbacks: 'remove', unreachable: 'allow' }

function answer(response: ServerResponse, question: Question, decision: Decision): void {
  // It ends when the asker gives up.
  if (decision === 'hang') return
  const { status, body } = decision as { status?: unknown; body?: object }
  if (typeof status === 'number') send(response, status, body ?? {})
  else send(response, 200, { ...ALWAYS, call_id: question.call_id, ...decision })
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}
