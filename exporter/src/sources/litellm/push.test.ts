import { request } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  attemptRecord,
  everyPushed,
  pushed,
  pushedBatch,
  slimOf,
  STAMP,
  stamped,
} from '../../../test/support/litellm.ts'
import { type Served, serve } from '../../../test/support/router.ts'
import { policyWith, World } from '../../../test/support/world.ts'
import { LedgerBusy, LedgerUnavailable } from '../../ledger/ledger.ts'
import { openQuarantine, type Quarantine } from '../quarantine.ts'
import { createGateways, type Gateways } from './gateway.ts'
import { pushRouter } from './push.ts'
import type { Json } from './read.ts'

let world: World
let served: Served
let quarantine: Quarantine
let brought = 0
let gateways: Gateways

beforeEach(async () => {
  world = new World()
  brought = 0
  quarantine = openQuarantine(world.directory, world.deps.now, () => {})
  gateways = createGateways()
  const target = { recorder: world.recorder, deps: world.deps, quarantine, source: 'litellm', gateways }
  served = await serve(pushRouter(target, () => brought++))
})

afterEach(async () => {
  await served.close()
  await quarantine.flush()
  world.remove()
})

async function post(body: string | Uint8Array, headers: Record<string, string> = {}) {
  const res = await fetch(`${served.url}/v1/sources/litellm`, { method: 'POST', body: body as string, headers })
  return {
    status: res.status,
    type: res.headers.get('content-type'),
    headers: res.headers,
    body: (await res.json()) as Json,
  }
}
const numbered = (n: number): Json[] =>
  Array.from({ length: n }, (_, i) => ({ ...pushed('hdrs'), id: `chatcmpl-${i}` }))
const withKey = () => {
  world.policy = policyWith({
    server: { ...world.policy.server, keys: { reader: null, ingest: 'ingest-key', gateway: null, admin: null } },
  })
}

describe('a POST of records', () => {
  it('is answered when they are durable: the real batch of LiteLLM, as array, as lines, packed and one by one', async () => {
    const batch = pushedBatch()
    expect(await post(JSON.stringify(batch))).toMatchObject({
      status: 200,
      body: { accepted: 5, duplicates: 0, conflicts: 0, refused: [], refusedCount: 0 },
    })
    expect(world.ledger.size).toBe(5)
    expect((await post(batch.map((record) => JSON.stringify(record)).join('\n'))).body).toMatchObject({
      accepted: 0,
      duplicates: 5,
    })
    expect((await post(gzipSync(JSON.stringify(batch)), { 'content-encoding': 'gzip' })).body).toMatchObject({
      duplicates: 5,
    })
    expect((await post(JSON.stringify(batch[0]))).body).toMatchObject({ duplicates: 1 })
    expect(world.counts).toMatchObject({ accepted: 5, duplicate: 11, refused: 0 })
    expect(brought).toBe(4)
  })

  it('takes every kind of record that was captured', async () => {
    const records = everyPushed().map(({ record }) => record)
    expect((await post(JSON.stringify(records))).body).toMatchObject({ accepted: records.length, refused: [] })
  })

  it('makes a long one durable in slices', async () => {
    expect(
      (await post(JSON.stringify(numbered(1200).map((record) => ({ ...record, model_map_information: null }))))).body,
    ).toMatchObject({ accepted: 1200 })
    expect(world.appends.map((keys) => keys.length)).toEqual([1000, 200])
  })

  it('of nothing is taken, and does not count as a push', async () => {
    expect(await post('[]')).toMatchObject({ status: 200, body: { accepted: 0 } })
    expect(brought).toBe(0)
  })
})

describe('slim records of our gateway', () => {
  const lines = (...records: Json[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('')
  const asPosted = { 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' }

  it('are taken as the gateway posts them, and beside whole records of LiteLLM in one body', async () => {
    const records = everyPushed().map(({ record }, i) => (i % 2 === 0 ? slimOf(record) : record))
    expect(await post(gzipSync(lines(...records)), asPosted)).toMatchObject({
      status: 200,
      body: { accepted: records.length, attempts: 0, refused: [] },
    })
    const others = everyPushed().map(({ record }, i) => (i % 2 === 1 ? slimOf(record) : record))
    expect((await post(JSON.stringify(others))).body).toMatchObject({ accepted: 0, duplicates: records.length })
  })

  it('tell of failed tries, which are no calls: counted by themselves, once', async () => {
    const body = lines(attemptRecord(1), attemptRecord(2), slimOf(stamped(pushed('hdrs'))))
    expect((await post(body)).body).toMatchObject({ accepted: 1, attempts: 2, duplicates: 0, refused: [] })
    expect([...world.ledger.keys()]).toEqual([`litellm:${STAMP}`])
    expect([...world.beside.values()]).toEqual(
      [1, 2].map((n) => ({
        kind: 'attempt',
        version: 1,
        key: `litellm:${STAMP}:attempt:${n}`,
        call: `litellm:${STAMP}`,
        start: 1795342120500,
        provider: 'openai',
        model: 'gpt-4o',
        errorClass: 'RateLimitError',
      })),
    )
    expect((await post(body)).body).toMatchObject({ accepted: 0, attempts: 0, duplicates: 3 })
    expect(world.counts).toMatchObject({ accepted: 1, attempt: 2, duplicate: 3, conflict: 0, refused: 0 })
    expect(brought).toBe(2)
  })

  it('that were not stamped have the id of the call in the key of an attempt, and name no event', async () => {
    await post(lines(attemptRecord(1, { metadata: {} })))
    expect([...world.beside.values()]).toMatchObject([{ key: 'litellm:call-1:attempt:1', call: null }])
  })

  it('bring a call and its fallback into the ledger in one append, and count the fallback once', async () => {
    const metadata = { spend_logs_metadata: { marginwatch_call_id: STAMP }, original_model_group: 'claude' }
    const moved = { ...slimOf(pushed('hdrs')), metadata: { ...metadata, attempted_fallbacks: 1 } }
    expect((await post(lines(moved))).body).toMatchObject({ accepted: 1, attempts: 0, duplicates: 0 })
    expect((await post(lines(moved))).body).toMatchObject({ accepted: 0, attempts: 0, duplicates: 1 })
    const keys = [`litellm:${STAMP}`, `litellm:${STAMP}:fallback`]
    expect(world.appends).toEqual([keys, keys])
    expect(world.counts).toMatchObject({ accepted: 1, duplicate: 1, fallback: 1, attempt: 0 })
  })

  it.each([
    [{ marginwatch: 2 }, 'marginwatch is 2, expected version 1 of the record: update the exporter'],
    [{ marginwatch: '1' }, 'marginwatch is "1", expected version 1'],
    [{ marginwatch: null }, 'marginwatch is null, expected version 1'],
    [{ kind: 'prompt' }, 'kind is a text of 6 characters, expected call or attempt: update the exporter'],
    [{ kind: 'attempt' }, 'n is absent, expected the number of the attempt, from 1 to 1000'],
    [{ kind: 'attempt', n: 0 }, 'n is 0, expected the number of the attempt'],
    [{ kind: 'attempt', n: 1, startTime: 12 }, 'startTime is 1970-01-01T00:00:12.000Z, expected a time after 2020'],
    [{ kind: 'attempt', n: 1, litellm_call_id: null, metadata: {} }, 'litellm_call_id and id are absent'],
  ])(
    'that are not understood are refused by themselves, with what was found and what to do: %j',
    async (change, reason) => {
      const [good, other] = ['hdrs', 'ok_user'].map((name) => slimOf(pushed(name)))
      const answer = await post(lines(good ?? {}, { ...slimOf(pushed('degrade')), ...change }, other ?? {}))
      expect(answer).toMatchObject({ status: 200, body: { accepted: 2, refusedCount: 1 } })
      expect(answer.body.refused).toEqual([{ index: 1, reason: expect.stringContaining(reason) }])
      expect(world.counts).toMatchObject({ accepted: 2, refused: 1 })
    },
  )
})

describe('a post without anything in it', () => {
  it.each([
    ['nothing at all', '', {}],
    ['nothing, packed', gzipSync(''), { 'content-encoding': 'gzip' }],
    ['a blank line', '\n', { 'content-type': 'application/x-ndjson' }],
  ] as [string, string | Uint8Array, Record<string, string>][])(
    'says that the gateway lives, and is no push: %s',
    async (_, body, headers) => {
      expect(await post(body, headers)).toMatchObject({
        status: 200,
        body: { accepted: 0, attempts: 0, duplicates: 0, conflicts: 0, refused: [], refusedCount: 0 },
      })
      expect(world.told).toEqual(['ok'])
      expect([brought, world.appends]).toEqual([0, []])
    },
  )
})

describe('what the gateway says of itself', () => {
  const state = (change: Json = {}) => ({
    'x-marginwatch-gateway': JSON.stringify({
      version: 1,
      process: 'host-1-1795342000',
      clock: world.now / 1000 + 2.5,
      events: 3,
      bytes: 900,
      oldest: world.now / 1000 - 27.5,
      dropped: { full: 1, disk: 0, refused: 0, torn: 0 },
      ...change,
    }),
  })

  it('is heard with each post, by our clock', async () => {
    await post('', state())
    expect(gateways.health(world.now)).toEqual({
      spool: { processes: 1, events: 3, oldest: world.now - 30_000, skewMs: 2500 },
      dropped: { full: 1, disk: 0, refused: 0, torn: 0 },
      undecided: 0,
    })
  })

  it('holds no longer for what was answered for', async () => {
    const [one, two] = numbered(2).map((record) => JSON.stringify(record))
    await post(`${one}\n{"id":"refused"}\n`, state())
    expect(gateways.health(world.now).spool).toMatchObject({ events: 1, oldest: world.now - 30_000 })
    await post(String(two), state({ events: 1 }))
    expect(gateways.health(world.now).spool).toMatchObject({ events: 0, oldest: null })
  })

  it('holds on while nothing can be kept', async () => {
    world.refuse = new LedgerUnavailable('the disk is full')
    expect((await post(JSON.stringify(pushed('hdrs')), state())).status).toBe(503)
    expect(gateways.health(world.now).spool).toMatchObject({ events: 3, oldest: world.now - 30_000 })
  })

  it('is not asked of who has no key', async () => {
    withKey()
    expect((await post('', state())).status).toBe(401)
    expect(gateways.health(world.now).spool).toBe(null)
  })

  it('costs no record when it cannot be understood, and is told of once', async () => {
    const warnings: unknown[] = []
    world.deps.log.warn = (said: unknown) => void warnings.push(said)
    for (const header of ['no JSON', '{"version":2}', '[]', 'x'.repeat(2000)])
      expect((await post(JSON.stringify(pushed('hdrs')), { 'x-marginwatch-gateway': header })).status).toBe(200)
    expect(world.counts).toMatchObject({ accepted: 1, duplicate: 3 })
    expect(gateways.health(world.now).spool).toBe(null)
    expect(warnings).toEqual([{ reason: 'The header X-Marginwatch-Gateway is no JSON; it is ignored.' }])
  })
})

describe('bad input', () => {
  it('is refused record by record, counted and quarantined, and nothing good beside it is lost', async () => {
    const good = numbered(3).map((record) => JSON.stringify(record))
    const bad = [
      JSON.stringify({ ...pushed('hdrs'), prompt_tokens: -1, messages: 'WHISPER' }),
      JSON.stringify({ ...pushed('hdrs'), startTime: 12 }),
      JSON.stringify(pushed('hdrs')).replace(/"response_cost":[^,]+/, '"response_cost":NaN'),
      `{"id":"huge","text":"${'x'.repeat(2_000_000)}"}`,
      'null',
      '[]',
    ]
    const answer = await post(
      `[${good[0]},${bad.slice(0, 3).join(',')},${good[1]},${bad.slice(3).join(',')},${good[2]}]`,
    )
    expect(answer).toMatchObject({ status: 200, body: { accepted: 3, refusedCount: 6 } })
    const refused = answer.body.refused as { index: number; reason: string }[]
    expect(refused.map(({ index }) => index)).toEqual([1, 2, 3, 5, 6, 7])
    expect(refused[0]?.reason).toBe('prompt_tokens is -1, expected a whole number from 0 to 1000000000')
    expect(world.counts).toMatchObject({ accepted: 3, refused: 6 })
    const listed = (await (await fetch(`${served.url}/v1/sources/litellm/quarantine?limit=2`)).json()) as {
      records: Json[]
    }
    expect(listed.records).toHaveLength(2)
    expect(listed.records[0]?.reason).toMatch(/is an array, expected an object/)
    expect(JSON.stringify(quarantine.list(100))).not.toMatch(/WHISPER|xxxx|mocked/)
  })

  it('that breaks off is answered with 400, its place, and what was taken before', async () => {
    const answer = await post(`[${JSON.stringify(pushed('hdrs'))},\n{"id":`)
    expect(answer).toMatchObject({
      status: 400,
      type: expect.stringContaining('application/problem+json'),
      body: { title: 'Bad Request', accepted: 1 },
    })
    expect(answer.body.detail).toMatch(
      /not JSON at byte \d+ \(line 2, column 7\): the body ends in the middle of it\. 1 records/,
    )
    expect(world.ledger.size).toBe(1)
    expect((await post('hello')).status).toBe(400)
  })

  it('of too many bytes is answered with 413, packed or not, announced or not', async () => {
    world.policy = policyWith({ server: { ...world.policy.server, bodyLimitBytes: 1000 } })
    expect((await post(JSON.stringify(pushed('hdrs')))).status).toBe(413)
    expect((await post(gzipSync(' '.repeat(100_000)), { 'content-encoding': 'gzip' })).status).toBe(413)
    const body = new ReadableStream({
      start(controller) {
        for (let i = 0; i < 20; i++) controller.enqueue(Buffer.from(' '.repeat(100)))
        controller.close()
      },
    })
    const res = await fetch(`${served.url}/v1/sources/litellm`, { method: 'POST', body, duplex: 'half' } as RequestInit)
    expect(res.status).toBe(413)
  })

  it('in an unknown or false packing is refused', async () => {
    expect((await post('[]', { 'content-encoding': 'zstd' })).status).toBe(415)
    expect(await post('not gzip at all', { 'content-encoding': 'gzip' })).toMatchObject({ status: 400 })
  })
})

describe('the key', () => {
  it('is needed once one is set, for records and for the quarantine', async () => {
    withKey()
    for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: 'ingest-key' }])
      expect(await post('[]', headers as Record<string, string>)).toMatchObject({
        status: 401,
        type: expect.stringContaining('problem+json'),
      })
    expect((await post('[]', { authorization: 'Bearer ingest-key' })).status).toBe(200)
    expect((await fetch(`${served.url}/v1/sources/litellm/quarantine`)).status).toBe(401)
    expect(JSON.stringify(await post('[]', { authorization: 'Bearer sk-wrong-key-1' }))).not.toContain('sk-wrong')
  })
})

describe('when nothing can be kept', () => {
  it('answers 503 with the reason and acknowledges, counts and quarantines nothing', async () => {
    world.refuse = new LedgerUnavailable('the directory of the ledger is read-only')
    const bad = { ...pushed('hdrs'), prompt_tokens: -1 }
    const answer = await post(JSON.stringify([pushed('hdrs'), bad]))
    expect(answer).toMatchObject({
      status: 503,
      body: { detail: 'the directory of the ledger is read-only', accepted: 0 },
    })
    expect(world.counts).toMatchObject({ accepted: 0, refused: 0 })
    expect(quarantine.list(10)).toEqual([])
    expect(world.told).toEqual(['the directory of the ledger is read-only'])
    world.refuse = null
    expect((await post(JSON.stringify([pushed('hdrs'), bad]))).body).toMatchObject({ accepted: 1, refusedCount: 1 })
  })

  it('answers 503 with Retry-After while too much is waiting', async () => {
    world.refuse = new LedgerBusy('50000 events are waiting', 1500)
    const answer = await post(JSON.stringify(pushed('hdrs')))
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).toBe('2')
  })
})

it('takes nothing when the policy switches pushing off', async () => {
  world.policy = policyWith({ sources: { litellm: { push: false, poll: null } } })
  expect((await post('[]')).status).toBe(404)
})

it('answers others while one sender is slow, and forgets one that goes away', async () => {
  const slow = request(`${served.url}/v1/sources/litellm`, { method: 'POST' })
  slow.on('error', () => {})
  slow.write('[')
  expect((await post(JSON.stringify(pushed('hdrs')))).body).toMatchObject({ accepted: 1 })
  slow.destroy()
  expect((await post(JSON.stringify(pushed('hdrs')))).body).toMatchObject({ duplicates: 1 })
})
