import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Json } from '../../src/sources/litellm/read.ts'
import { scratch } from '../support/ledger.ts'
import { type Program, startProgram } from '../support/program.ts'
import { push } from '../support/push.ts'
import { nanosOf, scrape, sumOf } from '../support/scrape.ts'
import { readLedger } from '../support/sql-truth.ts'
import { varied } from '../support/varied.ts'

const KEYS = {
  reader: `reader-${'r'.repeat(32)}`,
  ingest: `ingest-${'i'.repeat(32)}`,
  admin: `admin-${'a'.repeat(32)}`,
}
const POLICY = `version: 1
server:
  port: 0
  body_limit: 16MB
  keys: { reader: "\${READER}", ingest: "\${INGEST}", admin: "\${ADMIN}" }
`
const RESULTS = ['accepted', 'duplicate', 'conflict', 'refused', 'future', 'estimated'] as const

const calls = varied(11, Date.now())
let folder: Awaited<ReturnType<typeof scratch>>
let program: Program
let used = 0
/** Ids of the records that the program said that it took. */
const good: string[] = []

beforeAll(async () => {
  folder = await scratch()
  const config = join(folder.path, 'policy.yaml')
  await writeFile(config, POLICY)
  program = await startProgram({
    args: ['serve', '--config', config, '--data', folder.path],
    env: { READER: KEYS.reader, INGEST: KEYS.ingest, ADMIN: KEYS.admin },
  })
})

afterAll(async () => {
  await program.kill()
  await folder.remove()
})

/** A record of a call that succeeded, as nobody has sent it yet. */
function fresh(change: Json = {}): Json {
  do used++
  while (calls.call(used).outcome !== 'success' || calls.call(used).cost === null)
  return { ...calls.record(used), ...change }
}

function taken(...records: Json[]): string[] {
  const texts = records.map((record) => JSON.stringify(record))
  for (const { id } of records) good.push(String(id))
  return texts
}

const send = (body: Parameters<typeof push>[1], headers: Record<string, string> = {}) =>
  push(program.url, body, { key: KEYS.ingest, headers })

/** What `marginwatch_events_total` counts for what is pushed. */
async function counted(): Promise<Record<(typeof RESULTS)[number], number>> {
  const page = await scrape(program.url, KEYS.reader)
  const samples = page.families.find(({ name }) => name === 'marginwatch_events_total')?.samples ?? []
  const values = samples.map(({ labels, value }) => [labels.result, Number(value)] as const)
  return Object.fromEntries(values) as Record<(typeof RESULTS)[number], number>
}

/** Does something and returns by how much each result has grown, without those that have not. */
async function growth(act: () => Promise<unknown>): Promise<Partial<Record<string, number>>> {
  const before = await counted()
  await act()
  const after = await counted()
  return Object.fromEntries(
    RESULTS.flatMap((result) => (after[result] > before[result] ? [[result, after[result] - before[result]]] : [])),
  )
}

describe('a key', () => {
  const status = async (path: string, key: string | null) => {
    const headers = key === null ? {} : { authorization: `Bearer ${key}` }
    return (await fetch(`${program.url}${path}`, { headers })).status
  }

  it.each([
    ['/v1/sources/litellm/quarantine', { none: 401, wrong: 401, reader: 403, ingest: 200, admin: 200 }],
    ['/metrics', { none: 401, wrong: 401, reader: 200, ingest: 403, admin: 200 }],
    ['/', { none: 401, wrong: 401, reader: 200, ingest: 403, admin: 200 }],
    ['/page/fragment', { none: 401, wrong: 401, reader: 200, ingest: 403, admin: 200 }],
  ])('opens what it is for, and nothing else: %s', async (path, expected) => {
    const { reader, ingest, admin } = KEYS
    const found = {
      none: await status(path, null),
      wrong: await status(path, `${ingest.slice(0, -1)}x`),
      reader: await status(path, reader),
      ingest: await status(path, ingest),
      admin: await status(path, admin),
    }
    expect(found).toEqual(expected)
  })

  it('that is missing, wrong or of another role brings nothing in', async () => {
    const body = JSON.stringify([fresh()])
    const grown = await growth(async () => {
      expect((await push(program.url, body)).status).toBe(401)
      expect((await push(program.url, body, { key: 'wrong' })).status).toBe(401)
      expect((await push(program.url, body, { key: KEYS.reader })).status).toBe(403)
    })
    expect(grown).toEqual({})
  })
})

describe('a body that cannot be taken', () => {
  const large = Buffer.alloc(17_000_000, ' ')

  it.each([
    ['with its length said', large],
    ['without a length', [large.subarray(0, 9_000_000), large.subarray(9_000_000)]],
    ['packed', gzipSync(large)],
  ])('is answered with 413 beyond the limit, %s', async (_, body) => {
    const headers = body === large || Array.isArray(body) ? {} : { 'content-encoding': 'gzip' }
    const answer = await send(body, headers as Record<string, string>)
    expect(answer.status).toBe(413)
    expect(answer.body.detail).toBe(
      'Found a body of more than 16000000 bytes (unpacked), expected less: send it in several requests.',
    )
  })

  it('is answered with 400 where it is no JSON, with the place and what was taken before it', async () => {
    const [first = '', second = ''] = taken(fresh(), fresh())
    const grown = await growth(async () => {
      const answer = await send(`[${first},\n${second},\n  {"id":1}}]`)
      expect(answer.status).toBe(400)
      const offset = Buffer.byteLength(first) + Buffer.byteLength(second) + '[,\n,\n  {"id":1}'.length
      expect(answer.body).toMatchObject({
        accepted: 2,
        position: { offset, line: 3, column: 11 },
        detail: expect.stringMatching(
          new RegExp(`not JSON at byte ${offset} \\(line 3, column 11\\): .*2 records before it`),
        ),
      })
    })
    expect(grown).toEqual({ accepted: 2, refused: 1 })
  })

  it('is answered with 400 where it ends too early, and what came before is kept', async () => {
    const [first = '', second = ''] = taken(fresh())
    const answer = await send(`[${first},${second || JSON.stringify(fresh()).slice(0, 900)}`)
    expect(answer).toMatchObject({ status: 400, body: { accepted: 1 } })
  })

  it.each([
    ['a Content-Encoding that nobody knows', 'zip', 415],
    ['a Content-Encoding that it does not have', 'gzip', 400],
  ])('is refused with %s', async (_, encoding, status) => {
    expect((await send('[]', { 'content-encoding': encoding })).status).toBe(status)
  })
})

describe('a record that cannot be used', () => {
  const text = (record: Json) => JSON.stringify(record)
  const cost = /"response_cost":[^,]+/
  const BAD: readonly (readonly [what: string, record: () => string, reason: RegExp])[] = [
    ['negative tokens', () => text(fresh({ prompt_tokens: -5 })), /^prompt_tokens is -5, expected a whole number/],
    ['half a token', () => text(fresh({ completion_tokens: 1.5 })), /^completion_tokens is 1\.5, expected/],
    ['a negative cost', () => text(fresh({ response_cost: -0.1 })), /^response_cost is -0\.1, expected dollars/],
    [
      'a cost that nobody pays',
      () => text(fresh({ response_cost: 1e12 })),
      /^response_cost is 1000000000000, expected/,
    ],
    ['NaN', () => text(fresh()).replace(cost, '"response_cost":NaN'), /^record at byte \d+: not valid JSON/],
    ['Infinity', () => text(fresh()).replace(cost, '"response_cost":Infinity'), /^record at byte \d+: not valid JSON/],
    [
      'a time before there were models',
      () => text(fresh({ startTime: 12 })),
      /^startTime is 1970-01-01T00:00:12\.000Z/,
    ],
    ['a time after the year 9999', () => text(fresh({ startTime: 1e300 })), /^startTime is 1e\+300, expected seconds/],
    ['a word for a time', () => text(fresh({ startTime: 'yesterday' })), /^startTime is a text of 9 characters/],
    ['no time', () => text(fresh({ startTime: null })), /^startTime is null/],
    ['no id', () => text(fresh({ id: null, litellm_call_id: '' })), /^litellm_call_id and id are absent/],
    ['a text of ten megabytes', () => `{"id":"x","said":"${'x'.repeat(10_000_000)}"}`, /bytes|large|long/i],
    ['an array', () => '[]', /is an array, expected an object/],
    ['nothing', () => 'null', /expected an object/],
  ]

  it('is refused by itself, counted and listed, and nothing good beside it is lost', async () => {
    const bodies = BAD.flatMap(([, record]) => [record(), ...taken(fresh())])
    const grown = await growth(async () => {
      const answer = await send(`[${bodies.join(',')}]`)
      expect(answer.status).toBe(200)
      expect(answer.body).toMatchObject({ accepted: BAD.length, duplicates: 0, refusedCount: BAD.length })
      const refused = answer.body.refused as { index: number; reason: string }[]
      expect(refused.map(({ index }) => index)).toEqual(BAD.map((_, i) => 2 * i))
      for (const [i, [what, , reason]] of BAD.entries()) expect(refused[i]?.reason, what).toMatch(reason)
    })
    expect(grown).toEqual({ accepted: BAD.length, refused: BAD.length })
    const headers = { authorization: `Bearer ${KEYS.ingest}` }
    const listed = await fetch(`${program.url}/v1/sources/litellm/quarantine?limit=${BAD.length}`, { headers })
    const { records } = (await listed.json()) as { records: { reason: string }[] }
    expect(records).toHaveLength(BAD.length)
    for (const [i, [what, , reason]] of BAD.entries()) expect(records.at(-1 - i)?.reason, what).toMatch(reason)
  })

  it('but for a clock that is ahead is taken, dated at its arrival and counted', async () => {
    const [ahead = ''] = taken(fresh({ startTime: Date.now() / 1000 + 86_400 * 400 }))
    const grown = await growth(async () => {
      expect(await send(`[${ahead}]`)).toMatchObject({ status: 200, body: { accepted: 1 } })
    })
    expect(grown).toEqual({ accepted: 1, future: 1 })
  })

  it('because it says something else of a known call changes nothing and is counted as a conflict', async () => {
    const record = fresh()
    const [first = ''] = taken(record)
    const before = await scrape(program.url, KEYS.reader)
    const grown = await growth(async () => {
      await send(`[${first}]`)
      const answer = await send(`[${JSON.stringify({ ...record, response_cost: 1.5 })}]`)
      expect(answer).toMatchObject({ status: 200, body: { accepted: 0, duplicates: 1, conflicts: 1 } })
    })
    expect(grown).toEqual({ accepted: 1, duplicate: 1, conflict: 1 })
    const after = await scrape(program.url, KEYS.reader)
    const cost = calls.call(used).cost ?? 0n
    expect(sumOf(after, 'llm_cost_usd_total') - sumOf(before, 'llm_cost_usd_total')).toBe(cost)
  })
})

it('a model that no price list knows is counted as unpriced, and adds nothing to any sum of money', async () => {
  const model = {
    custom_llm_provider: 'openai',
    model: 'openai/nobody-knows-7b',
    model_group: 'nobody',
    response_cost: 0,
  }
  const before = await scrape(program.url, KEYS.reader)
  const [first = ''] = taken(fresh(model))
  expect(await send(`[${first}]`)).toMatchObject({ status: 200, body: { accepted: 1 } })
  const after = await scrape(program.url, KEYS.reader)
  expect(sumOf(after, 'llm_unpriced_requests_total', ({ model }) => model === 'nobody-knows-7b')).toBe(nanosOf('1'))
  expect(sumOf(after, 'llm_cost_usd_total')).toBe(sumOf(before, 'llm_cost_usd_total'))
})

it('after all this the ledger holds every good record once, and nothing else', async () => {
  const { reader } = KEYS
  const page = await scrape(program.url, reader)
  expect(sumOf(page, 'llm_requests_total')).toBe(nanosOf(String(good.length)))
  expect(await program.stop()).toBe(0)
  const [row] = await readLedger(folder.path, (rows) => rows('SELECT count(*) AS n, sum(cost) AS cost FROM event'))
  expect(row?.n).toBe(BigInt(good.length))
  expect(sumOf(page, 'llm_cost_usd_total')).toBe(row?.cost)
  for (const key of Object.values(KEYS)) expect(program.output()).not.toContain(key)
})
