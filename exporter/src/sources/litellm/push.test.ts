import { request } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { everyPushed, pushed, pushedBatch } from '../../../test/support/litellm.ts'
import { type Served, serve } from '../../../test/support/router.ts'
import { policyWith, World } from '../../../test/support/world.ts'
import { LedgerBusy, LedgerUnavailable } from '../../ledger/ledger.ts'
import { openQuarantine, type Quarantine } from '../quarantine.ts'
import { createGateways } from './gateway.ts'
import { pushRouter } from './push.ts'
import type { Json } from './read.ts'

let world: World
let served: Served
let quarantine: Quarantine
let brought = 0

beforeEach(async () => {
  world = new World()
  brought = 0
  quarantine = openQuarantine(world.directory, world.deps.now, () => {})
  const target = {
    recorder: world.recorder,
    deps: world.deps,
    quarantine,
    source: 'litellm',
    gateways: createGateways(),
  }
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
    server: { ...world.policy.server, keys: { reader: null, ingest: 'ingest-key', admin: null } },
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
