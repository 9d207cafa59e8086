import pino from 'pino'
import { describe, expect, it } from 'vitest'
import { HttpError } from '../../clients/http.ts'
import type { Span } from '../../clients/otlp.ts'
import type { TraceEvent } from './event.ts'
import { BATCH, MOST_WAITING, type TraceProject } from './outbox.ts'
import { createTraceEvents } from './traces.ts'

const MAIN: TraceProject = { name: 'main', url: 'http://a', publicKey: 'pk', secretKey: 'sk', timeoutMs: 1000 }

const event = (n: number, over: Partial<TraceEvent> = {}): TraceEvent => ({
  callId: `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
  action: 'block',
  reason: 'customer',
  at: 1_795_305_600_123,
  traceparent: null,
  customer: 'acme',
  tier: 'tier_1',
  session: null,
  agent: null,
  trace: null,
  queryType: null,
  modelAsked: 'gpt-4o',
  model: null,
  status: 402,
  rule: 'budget customer of a month, block from 100 % on',
  spent: 8_000_000_001n,
  held: 0n,
  limit: 8_000_000_000n,
  policyVersion: '9d1c04be',
  ...over,
})

/** A Langfuse in memory that answers as it is told, and sleeps that last until they are woken. */
function stage() {
  const world = {
    projects: [MAIN] as TraceProject[],
    written: [] as Span[],
    batches: [] as number[],
    tries: 0,
    answer: (_: readonly Span[]): Promise<void> => Promise.resolve(),
    naps: [] as { ms: number; wake: () => void }[],
    lines: [] as string[],
    closed: 0,
  }
  const log = pino({ level: 'info' }, { write: (line: string) => void world.lines.push(JSON.parse(line).msg) })
  const events = createTraceEvents({
    projects: () => world.projects,
    writerFor: () => ({
      async write(spans, signal) {
        world.tries++
        let stop = () => {}
        const givenUp = new Promise<never>((_, reject) => {
          stop = () => reject(new Error('given up'))
        })
        signal.addEventListener('abort', stop)
        await Promise.race([world.answer(spans), givenUp]).finally(() => signal.removeEventListener('abort', stop))
        world.written.push(...spans)
        world.batches.push(spans.length)
      },
      close: () => void world.closed++,
    }),
    log,
    random: () => 1,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve()
        signal.addEventListener('abort', () => resolve(), { once: true })
        world.naps.push({ ms, wake: resolve })
      }),
  })
  const settled = () => new Promise<void>((resolve) => setImmediate(resolve))
  /** Wakes whoever sleeps, and waits until all sleep again or are done. */
  const turn = async () => {
    for (const { wake } of world.naps.splice(0)) wake()
    await settled()
  }
  return { world, events, turn, settled }
}

const away = () => Promise.reject(new HttpError('nobody answers', { kind: 'network' }))
const answers =
  (status: number, retryAfterMs: number | null = null) =>
  () =>
    Promise.reject(new HttpError(`answered ${status}`, { kind: 'status', status, retryAfterMs }))

describe('Events for traces', () => {
  it('say who, why, by which rule and what was spent, as a warning', async () => {
    const { world, events, turn } = stage()
    events.note(event(1, { session: 's-1', agent: 'nightly', queryType: 'recall' }))
    await turn()
    const callId = event(1).callId
    expect(world.written).toEqual([
      {
        traceId: callId.replaceAll('-', ''),
        spanId: expect.stringMatching(/^[0-9a-f]{16}$/),
        parentSpanId: null,
        name: 'marginwatch.block',
        start: 1_795_305_600_123,
        end: 1_795_305_600_123,
        attributes: {
          'langfuse.observation.type': 'event',
          'langfuse.observation.level': 'WARNING',
          'langfuse.observation.status_message': 'Refused with 402: budget customer of a month, block from 100 % on',
          'user.id': 'acme',
          'session.id': 's-1',
          'langfuse.observation.metadata.marginwatch_call_id': callId,
          'langfuse.observation.metadata.action': 'block',
          'langfuse.observation.metadata.reason': 'customer',
          'langfuse.observation.metadata.rule': 'budget customer of a month, block from 100 % on',
          'langfuse.observation.metadata.status': '402',
          'langfuse.observation.metadata.tier': 'tier_1',
          'langfuse.observation.metadata.agent': 'nightly',
          'langfuse.observation.metadata.query_type': 'recall',
          'langfuse.observation.metadata.model_asked': 'gpt-4o',
          'langfuse.observation.metadata.limit_usd': '8',
          'langfuse.observation.metadata.spent_usd': '8.000000001',
          'langfuse.observation.metadata.held_usd': '0',
          'langfuse.observation.metadata.policy_version': '9d1c04be',
        },
      },
    ])
  })

  it('hold no key, no address and nobody where nobody was named', async () => {
    const { world, events, turn } = stage()
    events.note(event(1, { customer: null, modelAsked: 'sk-live-0123456789abcdef of ann@example.com' }))
    await turn()
    expect(JSON.stringify(world.written)).not.toMatch(/sk-live|ann@|user\.id/)
  })

  it('are one for the same decision on the same call, and two for two', async () => {
    const { world, events, turn } = stage()
    for (let n = 0; n < 3; n++) events.note(event(1))
    events.note(event(1, { action: 'degrade', model: 'gpt-4o-mini', status: null }))
    await turn()
    events.note(event(1))
    await turn()
    expect(world.written.map(({ name }) => name)).toEqual(['marginwatch.block', 'marginwatch.degrade'])
    expect(new Set(world.written.map(({ spanId }) => spanId)).size).toBe(2)
    expect(events.counts()).toEqual({ sent: 2, dropped: 0 })
  })

  it('go together, a hundred at most, in their order', async () => {
    const { world, events, turn } = stage()
    for (let n = 0; n < 2 * BATCH + 1; n++) events.note(event(n))
    expect(world.tries).toBe(0)
    await turn()
    expect(world.batches).toEqual([BATCH, BATCH, 1])
    expect(
      world.written.map(({ attributes }) => attributes['langfuse.observation.metadata.marginwatch_call_id']),
    ).toEqual(Array.from({ length: 2 * BATCH + 1 }, (_, n) => event(n).callId))
  })

  it('wait while Langfuse is away, those that fit; the others are dropped, counted and said once', async () => {
    const { world, events, turn } = stage()
    world.answer = away
    for (let n = 0; n < MOST_WAITING + 25; n++) events.note(event(n))
    await turn()
    await turn()
    expect(events.counts()).toEqual({ sent: 0, dropped: 25 })
    expect(world.lines.filter((line) => line.includes('dropped'))).toHaveLength(1)
    expect(world.lines.filter((line) => line.includes('wait'))).toHaveLength(1)
    world.answer = () => Promise.resolve()
    await turn()
    await turn()
    expect(events.counts()).toEqual({ sent: MOST_WAITING, dropped: 25 })
    expect(world.lines.at(-1)).toBe('events for traces are written to Langfuse again')
    world.answer = away
    events.note(event(90_000))
    await turn()
    expect(world.lines.filter((line) => line.includes('wait'))).toHaveLength(2)
  })

  it('are tried again later and later, and not before the time that Langfuse names', async () => {
    const { world, events, turn } = stage()
    world.answer = away
    events.note(event(1))
    const naps: number[] = []
    for (let n = 0; n < 4; n++) {
      naps.push(...world.naps.map(({ ms }) => ms))
      await turn()
    }
    expect(naps).toEqual([200, 1000, 2000, 4000])
    world.answer = answers(429, 3_600_000)
    await turn()
    expect(world.naps.map(({ ms }) => ms)).toEqual([3_600_000])
    world.answer = () => Promise.resolve()
    await turn()
    expect(events.counts()).toEqual({ sent: 1, dropped: 0 })
  })

  it('that are refused for good do not hold up the others', async () => {
    const { world, events, turn } = stage()
    let first = true
    world.answer = () => {
      if (!first) return Promise.resolve()
      first = false
      return answers(400)()
    }
    for (let n = 0; n < BATCH + 7; n++) events.note(event(n))
    await turn()
    await turn()
    expect(events.counts()).toEqual({ sent: 7, dropped: BATCH })
  })

  it('are written at the end, also those that wait for another try', async () => {
    const { world, events, turn } = stage()
    world.answer = away
    events.note(event(1))
    await turn()
    world.answer = () => Promise.resolve()
    events.note(event(2))
    await events.close()
    expect(events.counts()).toEqual({ sent: 2, dropped: 0 })
    expect(world.closed).toBe(1)
    events.note(event(3))
    expect(events.counts()).toEqual({ sent: 2, dropped: 1 })
  })

  it('do not hold up the end: a Langfuse that never answers is given up, and one that asked for patience is not asked again', async () => {
    const hanging = stage()
    hanging.world.answer = () => new Promise(() => undefined)
    hanging.events.note(event(1))
    await hanging.turn()
    await hanging.events.close()
    expect(hanging.events.counts()).toEqual({ sent: 0, dropped: 1 })
    const patient = stage()
    patient.world.answer = answers(429, 3_600_000)
    patient.events.note(event(1))
    await patient.turn()
    await patient.events.close()
    expect(patient.world.tries).toBe(1)
    expect(patient.events.counts()).toEqual({ sent: 0, dropped: 1 })
  })

  it('are not wanted without a project, and no more when it goes', async () => {
    const { world, events, turn } = stage()
    world.projects = []
    events.note(event(1))
    expect(events.counts()).toBe(null)
    world.projects = [MAIN]
    world.answer = away
    events.note(event(2))
    await turn()
    world.projects = []
    events.renew()
    await turn()
    expect(events.counts()).toEqual({ sent: 0, dropped: 1 })
  })

  it('go to each project that wants them, and one that is away does not stop the other', async () => {
    const { world, events, turn } = stage()
    world.projects = [MAIN, { ...MAIN, name: 'second' }]
    events.note(event(1))
    await turn()
    expect(world.written.map(({ spanId }) => spanId)).toEqual([world.written[0]?.spanId, world.written[0]?.spanId])
    expect(events.counts()).toEqual({ sent: 2, dropped: 0 })
  })

  it('are tried at once when the project is set to other keys', async () => {
    const { world, events, turn, settled } = stage()
    world.answer = answers(401)
    events.note(event(1))
    await turn()
    const tries = world.tries
    events.renew()
    await settled()
    expect(world.tries).toBe(tries)
    world.projects = [{ ...MAIN, secretKey: 'another' }]
    world.answer = () => Promise.resolve()
    events.renew()
    await settled()
    expect(events.counts()).toEqual({ sent: 1, dropped: 0 })
  })
})
