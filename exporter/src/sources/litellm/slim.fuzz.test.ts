import fc from 'fast-check'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { attemptRecord, pushed, slimOf, stamped } from '../../../test/support/litellm.ts'
import { type Served, serve } from '../../../test/support/router.ts'
import { World } from '../../../test/support/world.ts'
import { openQuarantine } from '../quarantine.ts'
import { createGateways, type Gateways } from './gateway.ts'
import { pushRouter } from './push.ts'
import type { Json } from './read.ts'

let world: World
let served: Served
let gateways: Gateways

beforeEach(async () => {
  world = new World()
  gateways = createGateways()
  const quarantine = openQuarantine(world.directory, world.deps.now, () => {})
  const target = { recorder: world.recorder, deps: world.deps, quarantine, source: 'litellm', gateways }
  served = await serve(pushRouter(target, () => {}))
})
afterEach(async () => {
  await served.close()
  world.remove()
})

/** A record with all that one can have. */
const FULL: Json = {
  ...slimOf(stamped(pushed('claude_up_cache'), { marginwatch_model_asked: 'claude', marginwatch_session: '' })),
  error_information: { error_class: 'RateLimitError', error_code: '429', error_message: 'slow down' },
  tools: ['a'],
  dimensions: 3,
  service_tier: 'flex',
  characters: { input: 1, output: 2 },
}
const HEADER: Json = {
  version: 1,
  process: 'host-1-2',
  clock: 1795342380,
  events: 4,
  bytes: 100,
  oldest: 1795342370,
  dropped: { full: 0, disk: 1, refused: 0, torn: 0 },
}

/** Every path of a value, those inside objects included. */
function pathsOf(value: unknown, path: readonly string[] = []): string[][] {
  const own = path.length === 0 ? [] : [[...path]]
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return own
  return [...own, ...Object.entries(value).flatMap(([name, inner]) => pathsOf(inner, [...path, name]))]
}

/** The value with something else in a place. */
function put(value: Json, [name = '', ...rest]: readonly string[], other: unknown): Json {
  return { ...value, [name]: rest.length === 0 ? other : put(value[name] as Json, rest, other) }
}

const anything = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(
    -1,
    0,
    1.5,
    1e308,
    2 ** 53,
    '',
    'None',
    '1e5',
    [],
    {},
    [[]],
    null,
    'sk-abcdef123456',
    '\u0000\ud800',
  ),
)
const spoilt = (records: readonly Json[]) =>
  fc
    .constantFrom(...records.flatMap((record) => pathsOf(record).map((path) => ({ record, path }))))
    .chain(({ record, path }) => anything.map((value) => put(record, path, value)))

function good(i: number, what: string): Json {
  const metadata = {
    spend_logs_metadata: { marginwatch_call_id: `00000000-0000-4000-8000-${String(i).padStart(12, '0')}` },
  }
  return { ...slimOf(pushed('hdrs')), metadata, id: `${what}-${i}` }
}

it('takes the good records beside whatever stands in any field of a slim one', async () => {
  let sent = 0
  await fc.assert(
    fc.asyncProperty(fc.array(spoilt([FULL, attemptRecord(1)]), { minLength: 1, maxLength: 6 }), async (records) => {
      const [before, behind] = [good(sent++, 'before'), good(sent++, 'behind')]
      const body = [before, ...records, behind].map((record) => `${JSON.stringify(record)}\n`).join('')
      const known = world.ledger.size
      const response = await fetch(`${served.url}/v1/sources/litellm`, { method: 'POST', body })
      const answer = (await response.json()) as Record<'accepted' | 'attempts' | 'duplicates' | 'refusedCount', number>
      expect(response.status).toBe(200)
      expect(answer.accepted + answer.attempts + answer.duplicates + answer.refusedCount).toBe(records.length + 2)
      expect(world.ledger.size).toBe(known + answer.accepted)
      for (const { metadata } of [before, behind]) {
        const { marginwatch_call_id: id } = (metadata as { spend_logs_metadata: Json }).spend_logs_metadata
        expect(world.ledger.has(`litellm:${String(id)}`)).toBe(true)
      }
    }),
    { numRuns: 300 },
  )
})

it('takes the records whatever stands in any field of the header, and keeps its sums numbers', async () => {
  const headers = fc.oneof(
    spoilt([HEADER]).map((header) => JSON.stringify(header)),
    fc.string({ unit: 'grapheme-ascii' }),
  )
  let sent = 0
  await fc.assert(
    fc.asyncProperty(headers, async (header) => {
      const fits = /^[\x20-\x7e]*$/.test(header)
      const response = await fetch(`${served.url}/v1/sources/litellm`, {
        method: 'POST',
        body: JSON.stringify(good(sent++, 'beside')),
        headers: fits ? { 'x-marginwatch-gateway': header } : {},
      })
      expect([response.status, ((await response.json()) as Json).accepted]).toEqual([200, 1])
      const { spool, dropped } = gateways.health(world.now)
      const { processes, events, oldest, skewMs } = spool ?? { processes: 0, events: 0, oldest: null, skewMs: 0 }
      for (const value of [processes, events, oldest ?? 0, skewMs, ...Object.values(dropped)])
        expect(Number.isSafeInteger(value)).toBe(true)
    }),
    { numRuns: 300 },
  )
})
