import { fileURLToPath } from 'node:url'
import { type Langfuse, startLangfuse, startUpstream, type Upstream } from '@marginwatch/sandbox'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { langfuseSources } from '../../src/sources/langfuse/sources.ts'
import { type RunningSources, runSources } from '../../src/sources/runner.ts'
import type { Observation } from '../../src/usage.ts'
import { stampOf } from './asking.ts'
import { eventually } from '../support/eventually.ts'
import { describeWithFixture } from '../support/fixture.ts'
import { gatewayConfig } from '../support/gateway-config.ts'
import { type PushRecorder, type SlimRecord, startPushRecorder } from '../support/push-recorder.ts'
import { type RealGateway, startRealGateway } from '../support/real-gateway.ts'
import { langfuseProject, policyWith, World } from '../support/world.ts'

const HOOK = fileURLToPath(new URL('../../../gateway/marginwatch.py', import.meta.url))
const CHAT = '/v1/chat/completions'
const chat = (words: string) => ({ messages: [{ role: 'user', content: `Hello. upstream(${words})` }] })

interface Made {
  readonly name: string
  readonly path: string
  readonly body: object
  readonly headers?: Readonly<Record<string, string>>
  readonly fails?: true
  /** What its observation says beside its customer, which is the name. */
  readonly seen: Partial<Observation>
}

/** Each is made as a customer of its own name. */
const CALLS: readonly Made[] = [
  {
    name: 'plain',
    path: CHAT,
    body: { model: 'gpt-4o', ...chat('input=1000 output=300') },
    seen: { model: 'gpt-4o', tokens: 1300 },
  },
  {
    name: 'streamed',
    path: CHAT,
    body: { model: 'gpt-4o', stream: true, ...chat('input=500 output=80') },
    headers: { 'x-litellm-session-id': 'chat-4711' },
    seen: { model: 'gpt-4o', tokens: 580, session: 'chat-4711' },
  },
  {
    name: 'cached',
    path: CHAT,
    body: { model: 'gpt-4o', ...chat('input=1000 cache_read=2000 output=10') },
    seen: { model: 'gpt-4o', tokens: 3010 },
  },
  {
    name: 'with-metadata-of-its-own',
    path: CHAT,
    body: {
      model: 'gpt-4o',
      metadata: { trace_metadata: { plan: 'pro', marginwatch_call_id: 'chosen' } },
      ...chat('input=10 output=10'),
    },
    seen: { tokens: 20 },
  },
  {
    name: 'embedded',
    path: '/v1/embeddings',
    body: { model: 'embedding', input: 'upstream(input=700)' },
    seen: { tokens: 700 },
  },
  {
    name: 'messages',
    path: '/v1/messages',
    body: { model: 'claude', max_tokens: 500, ...chat('input=200 output=40') },
    seen: { tokens: 240 },
  },
  {
    name: 'responses',
    path: '/v1/responses',
    body: { model: 'gpt-4o', input: 'Hello. upstream(input=300 output=60)' },
    seen: { tokens: 360 },
  },
  {
    name: 'failed',
    path: CHAT,
    body: { model: 'gpt-4o', ...chat('status=500') },
    fails: true,
    seen: { status: 'failed' },
  },
  {
    name: 'fallen-back',
    path: CHAT,
    body: { model: 'falling', ...chat('input=100 output=10') },
    seen: { model: 'claude-sonnet-4-5-20250929', tokens: 110, status: 'success' },
  },
]

describeWithFixture('Calls of the real LiteLLM in Langfuse', () => {
  let upstream: Upstream
  let langfuse: Langfuse
  let recorder: PushRecorder
  let gateway: RealGateway
  let world: World
  let running: RunningSources | null = null
  let observed: readonly Observation[] = []

  beforeAll(async () => {
    upstream = await startUpstream()
    langfuse = await startLangfuse()
    recorder = await startPushRecorder()
    gateway = await startRealGateway({
      config: gatewayConfig({
        upstream: upstream.url,
        litellm: { callbacks: ['marginwatch.gateway', 'langfuse_otel'] },
      }),
      hooks: [HOOK],
      env: {
        MARGINWATCH_URL: recorder.url,
        MARGINWATCH_DECISIONS: 'off',
        LANGFUSE_OTEL_HOST: langfuse.url,
        LANGFUSE_PUBLIC_KEY: langfuse.keys.publicKey,
        LANGFUSE_SECRET_KEY: langfuse.keys.secretKey,
        OTEL_BSP_SCHEDULE_DELAY: '200',
      },
    })
    for (const made of CALLS) await make(gateway, made)
    await eventually('a record of each call', () => (finished().length >= CALLS.length ? true : null))
    await eventually('an observation of the end of each call', () => (CALLS.every(isSeen) ? true : null))
    world = new World(policyWith())
    world.now = Date.now()
    const project = langfuseProject({ url: langfuse.url, ...langfuse.keys })
    world.policy = policyWith({ sources: { langfuse: [project] } })
    running = runSources(langfuseSources(['main']), world.recorder, world.deps)
    await running.open()
    await world.idle()
    observed = [...world.beside.values()].filter((entry): entry is Observation => entry.kind === 'observation')
  })
  afterAll(async () => {
    await running?.close()
    world?.remove()
    await gateway?.close()
    await recorder?.close()
    await langfuse?.close()
    await upstream?.close()
  })

  const finished = () => recorder.records().filter(({ kind }) => kind === 'call')
  const recordOf = (name: string) => finished().find((record) => record.end_user === name) as SlimRecord

  /** A try that failed before a fallback has the id of the call too. */
  const isSeen = ({ name, fails }: Made) =>
    langfuse
      .rows()
      .some(
        ({ metadata, level }) =>
          (level === 'ERROR') === (fails === true) && metadata.marginwatch_call_id === stampOf(recordOf(name)),
      )

  it('are all read, and nothing is refused', () => {
    expect(running?.health()[0]).toMatchObject({ up: true, note: null })
    expect(running?.health()[0]?.events).toMatchObject({ refused: 0 })
    expect(observed.length).toBe(langfuse.rows().length)
  })

  it.for(CALLS)('$name is joined to its event by the call id', ({ name, fails, seen }) => {
    const key = `litellm:${String(stampOf(recordOf(name)))}${fails ? ':failed' : ''}`
    const joined = observed.filter(({ call }) => call === key)
    expect(joined).toHaveLength(1)
    expect(joined[0]).toMatchObject({ what: 'call', customer: name, session: null, status: 'success', ...seen })
  })

  it('name no call that there is not', () => {
    const known = new Set(finished().map((record) => `litellm:${String(stampOf(record))}`))
    const others = observed.filter(({ call }) => call !== null && !known.has(call.replace(/:failed$/, '')))
    expect(others).toEqual([])
  })

  it('have the id at the top of their metadata, whole', () => {
    const plain = recordOf('with-metadata-of-its-own')
    const row = langfuse.rows().find(({ metadata }) => metadata.marginwatch_call_id === stampOf(plain))
    expect(row?.metadata).toMatchObject({ plan: 'pro' })
  })
})

async function make(gateway: RealGateway, { name, path, body, headers = {}, fails }: Made): Promise<void> {
  const authorization = `Bearer ${gateway.masterKey}`
  const user = path === '/v1/messages' ? { metadata: { user_id: name } } : { user: name }
  const answer = await fetch(gateway.url + path, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ ...user, ...body, ...('metadata' in body ? { user: name } : {}) }),
  })
  await answer.text()
  if (answer.ok === (fails === true)) throw new Error(`${name} answered ${answer.status}`)
}
