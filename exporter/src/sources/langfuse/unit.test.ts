import { type Langfuse, startLangfuse } from '@marginwatch/sandbox'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { NOW, STAMP } from '../../../test/support/litellm.ts'
import { langfuseProject, policyWith, World } from '../../../test/support/world.ts'
import { LedgerUnavailable } from '../../ledger/ledger.ts'
import type { LangfusePolicy } from '../../policy/policy.ts'
import type { Observation, Usage } from '../../usage.ts'
import { type RunningSources, runSources } from '../runner.ts'
import { langfuseSources } from './sources.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const WATERMARK = 'langfuse.project-default'

let langfuse: Langfuse
let world: World
let running: RunningSources | null = null
/** How far Langfuse's clock is ahead of ours. */
let skew = 0

beforeEach(async () => {
  world = new World()
  skew = 0
  langfuse = await startLangfuse({
    projects: [{ name: 'default' }, { name: 'other' }],
    now: () => world.now + skew,
    sleep: () => new Promise(() => {}),
  })
})

afterEach(async () => {
  await running?.close()
  running = null
  await langfuse.close()
  world.remove()
})

const project = (change: Partial<LangfusePolicy> = {}): LangfusePolicy =>
  langfuseProject({ url: langfuse.url, ...langfuse.project('default').keys, ...change })

function want(...projects: LangfusePolicy[]): void {
  world.policy = policyWith({ sources: { langfuse: projects } })
}

/** Runs the projects of the policy until they have done all that there is to do now. */
async function start(change: Partial<LangfusePolicy> = {}): Promise<void> {
  want(project(change))
  await open()
}

async function open(): Promise<void> {
  const names = world.policy.sources.langfuse.map(({ name }) => name)
  running = runSources(langfuseSources(names), world.recorder, { ...world.deps })
  await running.open()
  await world.idle()
}

async function restart(): Promise<void> {
  await running?.close()
  await open()
}

const health = (unit = 'langfuse') => running?.health().find(({ name }) => name === unit)
const observations = () =>
  [...world.beside.values()].filter((entry): entry is Observation => entry.kind === 'observation')
const ids = () => observations().map(({ id }) => id)
const spent = () => [...world.ledger.values()] as Usage[]
const watermark = () => JSON.parse(world.memory.get(WATERMARK) ?? '{}').watermark as number
const asked = (path: string) => langfuse.stats().requests[path] ?? 0

const call = (id: string, start: number, more: object = {}) => ({
  id,
  start,
  end: start + 2 * SECOND,
  type: 'GENERATION' as const,
  model: 'gpt-4o',
  usage: { input: 1000, output: 100 },
  ...more,
})
const stampedAs = (key: string) => ({ metadata: { marginwatch_call_id: key } })

describe('the first start', () => {
  it('reads back as far as the policy says, oldest first, and goes on from there', async () => {
    for (let i = 0; i < 60; i++) langfuse.put(call(`c${i}`, NOW - 3 * DAY + i * HOUR))
    langfuse.put(call('too-old', NOW - 5 * DAY))
    await start({ backfillMs: 4 * DAY })
    expect(new Set(ids())).toEqual(new Set(Array.from({ length: 60 }, (_, i) => `c${i}`)))
    const places = world.appends.map((keys) => keys.map((key) => Number(key.split(':')[2]?.slice(1))))
    expect(places.length).toBeGreaterThan(3)
    for (const [i, slice] of places.entries())
      expect(Math.min(...slice)).toBe(i === 0 ? 0 : Math.max(...(places[i - 1] ?? [])) + 1)
    expect(watermark()).toBe(NOW - 30 * MINUTE)
    expect(health()).toMatchObject({ up: true, catchingUp: false })
    expect(health()?.events).toMatchObject({ observed: 60, accepted: 0, duplicate: 0, refused: 0 })
  })

  it('of an empty project is well', async () => {
    await start({ backfillMs: 31 * DAY })
    expect(health()).toMatchObject({ up: true, note: null })
    expect(world.appends).toEqual([])
  })

  it('is catching up where its calls are spend, and not where they only stand beside it', async () => {
    const told = async (role: LangfusePolicy['role']) => {
      want(project({ role, backfillMs: DAY }))
      const states: boolean[] = []
      langfuse.put(call('a', NOW - 20 * HOUR))
      running = runSources(langfuseSources(['main']), world.recorder, {
        ...world.deps,
        memory: {
          get: world.deps.memory.get,
          set: async (name, value) => {
            states.push(health()?.catchingUp ?? false)
            await world.deps.memory.set(name, value)
          },
        },
      })
      await running.open()
      await world.idle()
      expect(health()?.catchingUp).toBe(false)
      await running.close()
      return states.includes(true)
    }
    expect(await told('reconcile')).toBe(false)
    world.memory.clear()
    expect(await told('spend')).toBe(true)
  })
})

describe('live', () => {
  it('sees a row within a round, and hands it on once however often it is read', async () => {
    await start()
    langfuse.put(call('a', world.now))
    await world.advance(30 * SECOND)
    expect(ids()).toEqual(['a'])
    await world.advance(20 * MINUTE)
    expect(world.appends).toHaveLength(1)
    expect(health()?.events).toMatchObject({ observed: 1, duplicate: 0 })
  })

  it('sees rows that appear late, up to the end of the window', async () => {
    await start()
    const began = world.now
    langfuse.put(call('late', began), { from: began + 29 * MINUTE })
    await world.advance(28 * MINUTE)
    expect(ids()).toEqual([])
    await world.advance(2 * MINUTE)
    expect(ids()).toEqual(['late'])
  })

  it('hands on what was changed since, and what was changed back', async () => {
    await start()
    langfuse.put(call('a', world.now, { name: 'first' }))
    await world.advance(MINUTE)
    langfuse.edit('a', { name: 'second' })
    await world.advance(MINUTE)
    langfuse.edit('a', { name: 'first' })
    await world.advance(MINUTE)
    expect(observations().map(({ name }) => name)).toEqual(['first', 'second', 'first'])
    expect(new Set(observations().map(({ key }) => key)).size).toBe(3)
  })

  it('takes the newer of two rows with one id, while both are there and after', async () => {
    langfuse.put(call('a', NOW - MINUTE, { name: 'old' }), { from: NOW - MINUTE })
    langfuse.repeat('a', { from: NOW - MINUTE })
    await start()
    expect(ids()).toEqual(['a'])
    langfuse.edit('a', { name: 'new' })
    await world.advance(10 * MINUTE)
    expect(observations().map(({ name }) => name)).toEqual(['old', 'new'])
  })

  it('reads rows of clocks that are ahead of ours', async () => {
    langfuse.put(call('ahead', NOW + 10 * MINUTE))
    await start({ everyMs: 5 * MINUTE })
    expect(ids()).toEqual(['ahead'])
    langfuse.put(call('far-ahead', NOW + 2 * HOUR))
    await world.advance(2 * HOUR)
    expect(ids()).toEqual(['ahead', 'far-ahead'])
  })

  it.each([-2 * HOUR, 2 * HOUR])(
    'goes by the clock of the server when ours is off by %d ms, and says so',
    async (ms) => {
      skew = ms
      langfuse.put(call('before', NOW + ms - 10 * MINUTE))
      await start()
      langfuse.put(call('after', NOW + ms + 10 * SECOND))
      await world.advance(45 * MINUTE)
      expect(ids()).toEqual(['before', 'after'])
      expect(watermark()).toBeGreaterThan(NOW + ms)
      expect(health()?.note).toBe(
        `Langfuse's clock is 120 min ${ms > 0 ? 'ahead of' : 'behind'} ours; its time is used.`,
      )
    },
  )

  it('reads a window of very many rows whole only now and then, its end always', async () => {
    for (let i = 0; i < 2500; i++) langfuse.put(call(`c${i}`, NOW - 25 * MINUTE + i * 500))
    await start()
    expect(ids()).toHaveLength(2500)
    const before = asked('/v2/observations')
    await world.advance(4 * MINUTE)
    expect(asked('/v2/observations') - before).toBeLessThan(30)
    langfuse.put(call('fresh', world.now))
    langfuse.put(call('late', world.now - 10 * MINUTE))
    langfuse.put(call('leaving', world.now - 29 * MINUTE))
    await world.advance(30 * SECOND)
    expect(ids()).toContain('fresh')
    await world.advance(5 * MINUTE)
    expect(ids()).toContain('late')
    expect(ids()).toContain('leaving')
  })

  it('reads scores, and those that were changed', async () => {
    const score = { id: 's1', name: 'helpful', at: NOW - MINUTE, value: 0.5, traceId: 't1', observationId: 'a' }
    langfuse.score(score)
    await start()
    langfuse.score({ ...score, value: 1 })
    await world.advance(10 * MINUTE)
    const scores = [...world.beside.values()].filter(({ kind }) => kind === 'score')
    expect(scores).toMatchObject([
      { project: 'project-default', id: 's1', name: 'helpful', value: 0.5, trace: 't1', observation: 'a' },
      { id: 's1', value: 1 },
    ])
    expect(health()?.events).toMatchObject({ score: 2, duplicate: 0 })
  })
})

describe('a slice', () => {
  it('is followed from page to page, newest first', async () => {
    for (let i = 0; i < 1800; i++) langfuse.put(call(`c${i}`, NOW - 20 * MINUTE + (i % 7) * SECOND))
    await start()
    expect(new Set(ids()).size).toBe(1800)
    expect(ids()).toHaveLength(1800)
    expect(asked('/v2/observations')).toBe(4)
  })

  it('that ends where the next begins gives a row of that moment to one of them', async () => {
    const since = NOW - 30 * MINUTE - 4 * HOUR
    for (let i = 0; i <= 240; i++) langfuse.put(call(`c${i}`, since + i * MINUTE))
    await start({ backfillMs: 4 * HOUR + 30 * MINUTE })
    expect(new Set(ids()).size).toBe(241)
    expect(ids()).toHaveLength(241)
    const { days } = JSON.parse(world.memory.get(WATERMARK) ?? '{}') as { days: Record<string, number> }
    expect(Object.values(days).reduce((sum, n) => sum + n, 0)).toBe(240)
  })

  it('is cut in two for as long as Langfuse cannot answer for it', async () => {
    for (let i = 0; i < 20; i++) langfuse.put(call(`c${i}`, NOW - 20 * MINUTE + i * MINUTE))
    langfuse.fail(...Array.from({ length: 5 }, () => ({ kind: 'too_long' as const, path: '/v2/observations' })))
    await start()
    expect(new Set(ids()).size).toBe(20)
    expect(ids()).toHaveLength(20)
    expect(health()?.up).toBe(true)
  })

  it('that Langfuse cannot answer for however short it is, is told of, and comes when it can', async () => {
    langfuse.put(call('a', NOW - MINUTE))
    langfuse.set({ fault: { kind: 'too_large', path: '/v2/observations' } })
    await start()
    expect(health()).toMatchObject({ up: false })
    expect(health()?.lastError).toMatch(
      /^Langfuse: it has no answer even for the \d+ ms from 2026-11-22T.*10 rows at a time/,
    )
    langfuse.set({ fault: null })
    await world.advance(MINUTE)
    expect(ids()).toEqual(['a'])
    expect(health()?.up).toBe(true)
  })
})

describe('calls as spend', () => {
  it('become events once they have settled, priced by our book and attributed by our rules', async () => {
    await start({ role: 'spend' })
    langfuse.put(
      call('a', world.now, {
        userId: 'acme',
        sessionId: 'chat-1',
        tags: ['feature:search', 'plan_tier:pro'],
        metadata: { query_type: 'rag' },
        usage: { input: 800, input_cached_tokens: 200, output: 100 },
        cost: { total: 0.5 },
      }),
    )
    await world.advance(14 * MINUTE)
    expect(spent()).toEqual([])
    await world.advance(2 * MINUTE)
    expect(spent()).toMatchObject([
      {
        key: 'langfuse:project-default:a',
        source: 'langfuse',
        customer: 'acme',
        session: 'chat-1',
        tier: 'pro',
        operation: 'search',
        queryType: 'rag',
        tokens: { input: 800, cache_read: 200, output: 100 },
        cost: 800n * 2500n + 100n * 10_000n,
        basis: 'priced',
      },
    ])
    expect(health()?.events).toMatchObject({ accepted: 1, observed: 1, conflict: 0 })
  })

  it('are none where the gateway told of the call, before it or while it settled', async () => {
    const before = `litellm:${STAMP}`
    world.ledger.set(before, { key: before } as Usage)
    await start({ role: 'spend' })
    const other = '11111111-2222-4333-8444-555555555555'
    langfuse.put(call('before', world.now, stampedAs(STAMP)))
    langfuse.put(call('meanwhile', world.now, stampedAs(other)))
    langfuse.put(call('never', world.now, stampedAs('99999999-2222-4333-8444-555555555555')))
    langfuse.put(call('tried', world.now, { ...stampedAs(STAMP), level: 'ERROR' as const, usage: {} }))
    await world.advance(10 * MINUTE)
    world.ledger.set(`litellm:${other}`, { key: `litellm:${other}` } as Usage)
    await world.advance(30 * MINUTE)
    expect(spent().flatMap(({ source, key }) => (source === 'langfuse' ? [key] : []))).toEqual([
      'langfuse:project-default:never',
    ])
  })

  it('are none where the gateway failed and used nothing: tries and refusals are its to tell, however late it does', async () => {
    await start({ role: 'spend' })
    const failed = { level: 'ERROR' as const, usage: {}, cost: { total: 0 } }
    const refused = { 'attributes.metadata': '{"user_api_key_alias": "app"}' }
    langfuse.put(call('try', world.now, { ...failed, ...stampedAs(STAMP) }))
    langfuse.put(call('then', world.now, stampedAs(STAMP)))
    langfuse.put(call('refused', world.now, { ...failed, metadata: refused }))
    langfuse.put(call('past', world.now, failed))
    langfuse.put(call('charged', world.now, { ...failed, metadata: refused, cost: { total: 0.5 } }))
    langfuse.put(call('turned', world.now, stampedAs('11111111-2222-4333-8444-555555555555')))
    langfuse.edit('turned', failed, { from: world.now + 5 * MINUTE })
    await world.advance(30 * MINUTE)
    expect(new Set(spent().map(({ key }) => key.split(':').at(-1)))).toEqual(new Set(['then', 'past', 'charged']))
    expect(ids()).toHaveLength(7)
  })

  it('are none in the role reconcile', async () => {
    await start({ everyMs: 5 * MINUTE })
    langfuse.put(call('a', world.now))
    await world.advance(2 * HOUR)
    expect(spent()).toEqual([])
  })

  it('are counted once over restarts, while they settle and after', async () => {
    await start({ role: 'spend' })
    langfuse.put(call('a', world.now))
    await world.advance(5 * MINUTE)
    await restart()
    await world.advance(20 * MINUTE)
    await restart()
    await world.advance(HOUR)
    expect(spent()).toHaveLength(1)
    expect(world.counts.conflict).toBe(0)
  })

  it('are not missed when the program was away while they happened', async () => {
    await start({ role: 'spend' })
    await running?.close()
    langfuse.put(call('away', world.now + HOUR))
    world.now += 5 * HOUR
    await open()
    expect(spent().map(({ key }) => key)).toEqual(['langfuse:project-default:away'])
  })

  it('are not those of roots, steps and tools', async () => {
    langfuse.put({ id: 'root', start: NOW - 20 * MINUTE, type: 'SPAN', name: 'handle request' })
    langfuse.put(call('child', NOW - 20 * MINUTE, { parentObservationId: 'root', traceId: 'root' }))
    langfuse.put({ id: 'tool', start: NOW - 20 * MINUTE, type: 'TOOL', name: 'search', parentObservationId: 'root' })
    await start({ role: 'spend', backfillMs: HOUR })
    await world.advance(MINUTE)
    expect(
      observations()
        .map(({ id, what, cost }) => [id, what, cost])
        .sort(),
    ).toEqual([
      ['child', 'call', null],
      ['root', 'step', null],
      ['tool', 'tool', null],
    ])
    expect(spent().map(({ key }) => key)).toEqual(['langfuse:project-default:child'])
  })
})

describe('a restart', () => {
  it('neither misses nor doubles', async () => {
    for (let i = 0; i < 50; i++) langfuse.put(call(`c${i}`, NOW - DAY + i * 20 * MINUTE))
    await start({ backfillMs: 2 * DAY })
    await running?.close()
    langfuse.put(call('meanwhile', world.now + 20 * MINUTE))
    world.now += 3 * HOUR
    await open()
    expect(new Set(ids()).size).toBe(51)
    expect(ids()).toHaveLength(51)
    const { days } = JSON.parse(world.memory.get(WATERMARK) ?? '{}') as { days: Record<string, number> }
    expect(Object.values(days).reduce((sum, n) => sum + n, 0)).toBe(51)
  })

  it('in the middle of a back-fill goes on with the slice that was not finished', async () => {
    for (let i = 0; i < 40; i++) langfuse.put(call(`c${i}`, NOW - 40 * HOUR + i * HOUR))
    want(project({ backfillMs: 2 * DAY }))
    let writes = 0
    const recorder: typeof world.recorder = async (entries) => {
      if (++writes > 1) throw new LedgerUnavailable('the disk is full')
      return world.recorder(entries)
    }
    running = runSources(langfuseSources(['main']), recorder, world.deps)
    await running.open()
    await world.idle()
    expect(health()?.lastError).toContain('the disk is full')
    const kept = watermark()
    expect(kept).toBeLessThan(NOW - HOUR)
    await running.close()
    await open()
    expect(new Set(ids()).size).toBe(40)
    expect(ids()).toHaveLength(40)
  })

  it('is not misled by a watermark that a wrong clock left in the future', async () => {
    world.memory.set(WATERMARK, JSON.stringify({ since: NOW, watermark: NOW + 2 * DAY, days: {} }))
    langfuse.put(call('a', NOW - MINUTE))
    await start()
    expect(ids()).toEqual(['a'])
  })
})

describe('completeness', () => {
  it('finds rows that came after their window, and counts and spends them once', async () => {
    await start({ role: 'spend', everyMs: 2 * MINUTE })
    langfuse.put(call('usual', world.now))
    langfuse.put(call('very-late', world.now), { from: world.now + 2 * HOUR })
    await world.advance(110 * MINUTE)
    expect(ids()).toEqual(['usual'])
    await world.advance(2 * HOUR)
    expect(ids()).toEqual(['usual', 'very-late'])
    expect(spent()).toHaveLength(2)
    expect(health()?.note).toBeNull()
    await world.advance(5 * HOUR)
    expect(world.counts.conflict).toBe(0)
    expect(spent()).toHaveLength(2)
  })

  it('names the day of which Langfuse counts more than it gives, and reads it again only when that changes', async () => {
    langfuse.put(call('a', NOW - 2 * HOUR))
    langfuse.repeat('a')
    await start({ backfillMs: DAY, everyMs: 5 * MINUTE })
    expect(health()?.note).toBe('Langfuse counts 2 observations of 2026-11-22, but gives 1 of them.')
    expect(health()?.up).toBe(true)
    const before = asked('/v2/observations')
    await world.advance(3 * HOUR)
    expect(asked('/v2/observations') - before).toBe(3 * 12)
  })

  it('asks no more often than the policy says, and a limit of the metrics leaves the rows well', async () => {
    langfuse.set({ fault: { kind: 'rate_limited', retryAfterSeconds: 3600, path: '/v2/metrics' } })
    await start({ backfillMs: 2 * HOUR })
    langfuse.put(call('a', world.now))
    await world.advance(59 * MINUTE)
    expect(asked('/v2/metrics')).toBe(2)
    expect(ids()).toEqual(['a'])
    expect(health()).toMatchObject({
      up: true,
      note: expect.stringMatching(/^Whether all was read cannot be told before 2026-11-22 11:33 UTC/),
    })
    langfuse.set({ fault: null })
    await world.advance(2 * MINUTE)
    expect(health()?.note).toBeNull()
  })

  it('finds no gap in a row that began at the very end of what was read', async () => {
    langfuse.put(call('edge', NOW - 30 * MINUTE))
    langfuse.put(call('inside', NOW - 30 * MINUTE - 1))
    await start({ backfillMs: DAY })
    expect(health()?.note).toBeNull()
    expect(watermark()).toBe(NOW - 30 * MINUTE)
  })

  it('takes counts that come as texts', async () => {
    langfuse.set({ numbers: 'integers' })
    langfuse.put(call('a', NOW - 2 * HOUR))
    await start({ backfillMs: DAY })
    expect(health()?.note).toBeNull()
    expect(ids()).toEqual(['a'])
  })
})

describe('a failure', () => {
  it('by a limit is waited out for as long as Langfuse says, an hour too, and says until when', async () => {
    langfuse.put(call('a', NOW - MINUTE))
    langfuse.fail({ kind: 'rate_limited', retryAfterSeconds: 3600, path: '/v2/observations' })
    await start()
    expect(health()).toMatchObject({ up: false, note: 'Langfuse is not asked again before 2026-11-22 11:33 UTC.' })
    const before = asked('/v2/observations')
    await world.advance(HOUR - SECOND)
    expect(asked('/v2/observations')).toBe(before)
    await world.advance(SECOND)
    expect(ids()).toEqual(['a'])
    expect(health()).toMatchObject({ up: true, note: null })
  })

  it.each([
    [{ kind: 'error' as const, status: 503 as const }, 'Langfuse is not well'],
    [{ kind: 'torn' as const }, 'Langfuse'],
    [{ kind: 'reset' as const }, 'Langfuse cannot be reached'],
  ])('of %j heals by itself, and nothing is missed', async (fault, reason) => {
    langfuse.put(call('a', NOW - MINUTE))
    langfuse.fail({ ...fault, path: '/v2/observations' })
    await start()
    expect(health()?.lastError).toContain(reason)
    expect(ids()).toEqual([])
    await world.advance(MINUTE)
    expect(ids()).toEqual(['a'])
    expect(health()?.up).toBe(true)
  })

  it('of an answer that never comes ends at the deadline', async () => {
    langfuse.fail({ kind: 'slow', ms: 10 * DAY, path: '/v2/observations' })
    await start({ timeoutMs: 50 })
    expect(health()?.lastError).toContain('took longer than 50 ms')
  })

  it('of a server that is away is told once, and ends when it is back', async () => {
    langfuse.put(call('a', NOW - MINUTE))
    await langfuse.down()
    await start()
    expect(health()?.lastError).toMatch(/^Langfuse cannot be reached: .*ECONNREFUSED/)
    await langfuse.up()
    await world.advance(2 * MINUTE)
    expect(ids()).toEqual(['a'])
  })

  it('of wrong keys says what to do, shows none of them, and heals when the policy is mended', async () => {
    langfuse.put(call('a', NOW - MINUTE))
    await start({ secretKey: 'sk-lf-wrong-wrong-wrong' })
    expect(health()?.lastError).toMatch(/refused the keys of the project main.*Set public_key and secret_key/)
    expect(health()?.lastError).not.toContain('sk-lf')
    want(project())
    await world.advance(5 * SECOND)
    expect(ids()).toEqual(['a'])
    expect(health()?.up).toBe(true)
  })

  it("of an organisation's keys says so", async () => {
    await start(langfuse.organizationKeys)
    expect(health()?.lastError).toContain('a key pair of the project, not of the organisation')
  })

  it('of the ledger leaves the watermark where it was', async () => {
    langfuse.put(call('a', NOW - 3 * HOUR))
    world.refuse = new LedgerUnavailable('the disk is full')
    await start({ backfillMs: DAY })
    expect(health()?.lastError).toBe('The ledger cannot be written: the disk is full')
    expect(watermark()).toBeLessThanOrEqual(NOW - 3 * HOUR)
    world.refuse = null
    await world.advance(2 * MINUTE)
    expect(ids()).toEqual(['a'])
  })

  it('of one row costs no other, and is told once however often it is read', async () => {
    langfuse.put(call('good', NOW - MINUTE))
    langfuse.put(call('bad', NOW - MINUTE, { usage: { input: -5 } }))
    await start()
    await world.advance(10 * MINUTE)
    expect(ids()).toEqual(['good'])
    expect(health()?.events).toMatchObject({ observed: 1, refused: 1 })
  })
})

describe('projects', () => {
  it('stand side by side, and one that fails stops no other', async () => {
    const other = langfuse.project('other')
    other.put(call('theirs', NOW - MINUTE))
    langfuse.put(call('ours', NOW - MINUTE))
    want(project({ name: 'prod', secretKey: 'sk-lf-wrong' }), project({ name: 'test', ...other.keys }))
    await open()
    const tried = () => ['langfuse:prod', 'langfuse:test'].every((unit) => health(unit)?.up !== null)
    while (!tried()) await new Promise((resolve) => setImmediate(resolve))
    expect(health('langfuse:prod')?.up).toBe(false)
    expect(health('langfuse:test')?.up).toBe(true)
    expect(observations().map(({ project, id }) => [project, id])).toEqual([['project-other', 'theirs']])
  })

  it('have a watermark of their own: other keys are another project, read from its own beginning', async () => {
    const other = langfuse.project('other')
    other.put(call('theirs', NOW - 5 * HOUR))
    langfuse.put(call('ours', NOW - 5 * HOUR))
    await start({ backfillMs: DAY })
    want(project({ backfillMs: DAY, ...other.keys }))
    await world.advance(5 * SECOND)
    expect(observations().map(({ project, id }) => [project, id])).toEqual([
      ['project-default', 'ours'],
      ['project-other', 'theirs'],
    ])
    expect([...world.memory.keys()].sort()).toEqual(['langfuse.project-default', 'langfuse.project-other'])
  })

  it('with new keys are the same project, which goes on where it was', async () => {
    await start()
    const before = watermark()
    langfuse.put(call('a', world.now))
    want(project({ publicKey: 'pk-lf-new' }))
    await world.advance(5 * SECOND)
    expect(ids()).toEqual(['a'])
    expect(watermark()).toBeGreaterThanOrEqual(before)
  })

  it('that the policy does not name any more are not asked, until it does again', async () => {
    await start()
    want()
    await world.advance(MINUTE)
    const before = asked('/v2/observations')
    await world.advance(10 * MINUTE)
    expect(asked('/v2/observations')).toBe(before)
    want(project())
    await world.advance(10 * SECOND)
    expect(asked('/v2/observations')).toBeGreaterThan(before)
  })
})

describe('an old server', () => {
  it('of one’s own is read by the first version, with user and session from its traces', async () => {
    langfuse.set({ mode: 'legacy', v4Reads: false, version: '3.225.4' })
    for (let i = 0; i < 250; i++)
      langfuse.put(
        call(`c${i}`, NOW - 20 * MINUTE + i * SECOND, { traceId: `t${i}`, userId: 'acme', sessionId: 's-1' }),
      )
    await start({ role: 'spend' })
    expect(new Set(ids()).size).toBe(250)
    expect(observations()[0]).toMatchObject({ customer: 'acme', session: 's-1', tokens: 1100, model: 'gpt-4o' })
    expect(health()?.up).toBe(true)
    expect(health()?.note).toMatch(/^It is 3\.225\.4, which has no second version of its API/)
    expect(asked('/v2/observations')).toBe(0)
  })

  it('that was updated is asked by the second version from then on', async () => {
    langfuse.set({ mode: 'legacy', v4Reads: false })
    await start()
    langfuse.set({ mode: 'events_only', v4Reads: true })
    langfuse.put(call('a', world.now))
    await world.advance(6 * MINUTE)
    expect(ids()).toEqual(['a'])
    expect(health()?.note).toBeNull()
  })
})

describe('its queues', () => {
  it('are read with the key of the administrator, and forgotten when they are not told of any more', async () => {
    langfuse.set({ queues: { 'ingestion-queue': { waiting: 7, active: 1 }, 'webhook-queue': null } })
    await start({ adminKey: langfuse.adminKey })
    expect(running?.queues()).toEqual([
      { queue: 'ingestion-queue', jobs: { waiting: 7, active: 1 } },
      { queue: 'webhook-queue', jobs: null },
    ])
    await langfuse.down()
    world.now += 10 * MINUTE
    expect(running?.queues()).toEqual([])
  })

  it('that the key does not open are told of, and the rows are well', async () => {
    langfuse.put(call('a', NOW - MINUTE))
    await start({ adminKey: 'wrong' })
    expect(ids()).toEqual(['a'])
    expect(health()?.note).toMatch(/^Its queues cannot be read with the admin_key of the project main: .*answered 401/)
    expect(running?.queues()).toEqual([])
  })
})

it('closes in the middle of an answer that does not come', async () => {
  langfuse.fail({ kind: 'slow', ms: DAY, path: '/v2/observations' })
  want(project())
  running = runSources(langfuseSources(['main']), world.recorder, world.deps)
  await running.open()
  while (asked('/v2/observations') === 0) await new Promise((resolve) => setImmediate(resolve))
  await running.close()
  expect(health()?.up).not.toBe(false)
})
