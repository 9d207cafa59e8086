import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { Rng } from '../random.ts'
import { createTraffic } from '../traffic.ts'
import { type PushRecord, pushRecord } from './push.ts'
import { createPusher, type PushOptions, type Pusher } from './pusher.ts'

const FROM = Date.UTC(2026, 10, 3, 9)
const records = Array.from(createTraffic({ seed: 5 }).calls(FROM, FROM + 3_600_000), (call) =>
  pushRecord(call, { slim: true }),
)

interface Receiver {
  readonly url: string
  /** Records of all posts, in order of arrival. */
  readonly posts: PushRecord[][]
  /** What the gateway said of itself with each. */
  readonly states: unknown[]
  readonly authorizations: (string | undefined)[]
  readonly agents: (string | undefined)[]
  /** Statuses of the next answers; 200 after that. */
  readonly statuses: number[]
  /** While set, an answer waits for it. */
  hold: Promise<void> | null
  /** Resolves when the next post has come in, before it is answered. */
  arrival(): Promise<void>
}

const servers: Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve))
})

async function startReceiver(): Promise<Receiver> {
  const posts: PushRecord[][] = []
  const states: unknown[] = []
  const statuses: number[] = []
  const waiting: (() => void)[] = []
  const state = { hold: null as Promise<void> | null }
  const authorizations: (string | undefined)[] = []
  const agents: (string | undefined)[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    posts.push(recordsOf(Buffer.concat(chunks), request.headers['content-encoding'] === 'gzip'))
    states.push(JSON.parse(String(request.headers['x-marginwatch-gateway'] ?? 'null')))
    authorizations.push(request.headers.authorization)
    agents.push(request.headers['user-agent'])
    for (const arrived of waiting.splice(0)) arrived()
    await state.hold
    response.writeHead(statuses.shift() ?? 200, { connection: 'close' }).end()
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return Object.assign(state, {
    url: `http://127.0.0.1:${port}/logs`,
    posts,
    states,
    authorizations,
    agents,
    statuses,
    arrival: () => new Promise<void>((resolve) => waiting.push(resolve)),
  })
}

/** Records of a body: an array, or packed lines. */
function recordsOf(body: Buffer, packed: boolean): PushRecord[] {
  if (!packed) return JSON.parse(body.toString()) as PushRecord[]
  const lines = gunzipSync(body).toString().split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as PushRecord)
}

function pusherTo(url: string, options: Partial<PushOptions> = {}, waits: number[] = [], now = () => FROM): Pusher {
  const usual = {
    key: 'sink-token',
    form: 'generic_api',
    flushMs: 5000,
    batchSize: 512,
    retries: 0,
    retryDelayMs: 1000,
  } as const
  return createPusher(
    { url, ...usual, loss: 'as-real', duplicates: 0, ...options },
    {
      fetch,
      now,
      sleep: async (ms) => void waits.push(ms),
      rng: new Rng(1),
      signal: new AbortController().signal,
    },
  )
}

function ids(batches: readonly PushRecord[][]): string[] {
  return batches.flat().map((record) => record.id)
}

describe('as real', () => {
  test('a flush posts the whole queue as one JSON array, with bearer key and LiteLLM’s name', async () => {
    const receiver = await startReceiver()
    const pusher = pusherTo(receiver.url)
    pusher.enqueue(records.slice(0, 3))
    await pusher.flush()
    expect(receiver.posts).toEqual([JSON.parse(JSON.stringify(records.slice(0, 3)))])
    expect(receiver.authorizations).toEqual(['Bearer sink-token'])
    expect(receiver.agents).toEqual(['litellm/1.106.2'])
    expect(pusher.stats()).toEqual({ queued: 0, delivered: 3, repeated: 0, lost: 0, posts: 1, refused: 0 })
  })

  test('an empty queue posts nothing', async () => {
    const receiver = await startReceiver()
    await pusherTo(receiver.url).flush()
    expect(receiver.posts).toEqual([])
  })

  test('a batch that is refused is lost', async () => {
    const receiver = await startReceiver()
    const pusher = pusherTo(receiver.url)
    receiver.statuses.push(503)
    pusher.enqueue(records.slice(0, 4))
    await pusher.flush()
    await pusher.flush()
    expect(receiver.posts.length).toBe(1)
    expect(pusher.stats()).toMatchObject({ delivered: 0, lost: 4, refused: 1 })
  })

  test('what is queued while a post is under way is dropped with it', async () => {
    const receiver = await startReceiver()
    const pusher = pusherTo(receiver.url)
    let answer = (): void => {}
    receiver.hold = new Promise((resolve) => {
      answer = resolve
    })
    pusher.enqueue(records.slice(0, 2))
    const arrived = receiver.arrival()
    const flushed = pusher.flush()
    await arrived
    pusher.enqueue(records.slice(2, 5))
    answer()
    await flushed
    await pusher.flush()
    expect(ids(receiver.posts)).toEqual(records.slice(0, 2).map((record) => record.id))
    expect(pusher.stats()).toMatchObject({ delivered: 2, lost: 3 })
  })

  test('a full queue posts again beside a post under way: records arrive twice', async () => {
    const receiver = await startReceiver()
    const pusher = pusherTo(receiver.url, { batchSize: 2 })
    let answer = (): void => {}
    receiver.hold = new Promise((resolve) => {
      answer = resolve
    })
    const first = receiver.arrival()
    pusher.enqueue(records.slice(0, 2))
    await first
    const second = receiver.arrival()
    pusher.enqueue(records.slice(2, 3))
    await second
    answer()
    await pusher.flush()
    const seen = ids(receiver.posts)
    expect(seen.length).toBeGreaterThan(new Set(seen).size)
    expect(new Set(seen)).toEqual(new Set(records.slice(0, 3).map((record) => record.id)))
  })

  test('retries wait twice as long each time and lose nothing when the receiver comes back', async () => {
    const receiver = await startReceiver()
    const waits: number[] = []
    const pusher = pusherTo(receiver.url, { retries: 5, retryDelayMs: 1000 }, waits)
    receiver.statuses.push(503, 502)
    pusher.enqueue(records.slice(0, 2))
    await pusher.flush()
    expect(waits).toEqual([1000, 2000])
    expect(pusher.stats()).toMatchObject({ delivered: 2, lost: 0 })
  })

  test('a refusal for good is not tried again', async () => {
    const receiver = await startReceiver()
    const pusher = pusherTo(receiver.url, { retries: 5 })
    receiver.statuses.push(400)
    pusher.enqueue(records.slice(0, 1))
    await pusher.flush()
    expect(receiver.posts.length).toBe(1)
    expect(pusher.stats().lost).toBe(1)
  })

  test('what is queued when the process ends is lost', async () => {
    const receiver = await startReceiver()
    const pusher = pusherTo(receiver.url)
    pusher.enqueue(records.slice(0, 7))
    pusher.drop()
    await pusher.flush()
    expect(pusher.stats()).toMatchObject({ queued: 0, lost: 7, posts: 0 })
  })

  test('a receiver that is not there loses the batch', async () => {
    const receiver = await startReceiver()
    const pusher = pusherTo(receiver.url)
    await new Promise((resolve) => servers.pop()?.close(resolve))
    pusher.enqueue(records.slice(0, 2))
    await pusher.flush()
    expect(pusher.stats()).toMatchObject({ lost: 2, refused: 1 })
  })
})

describe('without loss', () => {
  test('a refused batch stays and is posted with the next flush', async () => {
    const receiver = await startReceiver()
    const pusher = pusherTo(receiver.url, { loss: 'none' })
    receiver.statuses.push(503)
    pusher.enqueue(records.slice(0, 4))
    await pusher.flush()
    expect(pusher.stats()).toMatchObject({ queued: 4, delivered: 0 })
    pusher.enqueue(records.slice(4, 6))
    await pusher.flush()
    expect(pusher.stats()).toEqual({ queued: 0, delivered: 6, repeated: 0, lost: 0, posts: 2, refused: 1 })
  })

  test('a long queue goes out in batches', async () => {
    const receiver = await startReceiver()
    const pusher = pusherTo(receiver.url, { loss: 'none', batchSize: 10 })
    pusher.enqueue(records.slice(0, 25))
    await pusher.flush()
    expect(receiver.posts.map((batch) => batch.length)).toEqual([10, 10, 5])
  })

  test('duplicates repeat a share of the records in a later batch, each once', async () => {
    const receiver = await startReceiver()
    const pusher = pusherTo(receiver.url, { loss: 'none', duplicates: 0.5 })
    pusher.enqueue(records.slice(0, 60))
    await pusher.flush()
    const { queued } = pusher.stats()
    expect(queued).toBeGreaterThan(10)
    expect(queued).toBeLessThan(50)
    await pusher.flush()
    expect(pusher.stats()).toMatchObject({ queued: 0, delivered: 60, repeated: queued, lost: 0 })
  })
})

describe('as our gateway', () => {
  const spooled = { form: 'marginwatch', loss: 'as-real' } as const
  const state = (change: object) => ({
    version: 1,
    process: 'sandbox-1-1',
    clock: FROM / 1000,
    events: 0,
    bytes: 0,
    oldest: null,
    dropped: { full: 0, disk: 0, refused: 0, torn: 0 },
    ...change,
  })

  test('records are packed lines, with what waits in the header', async () => {
    const receiver = await startReceiver()
    const pusher = pusherTo(receiver.url, { ...spooled, batchSize: 2 })
    pusher.enqueue(records.slice(0, 3))
    await pusher.flush()
    expect(receiver.posts).toEqual(JSON.parse(JSON.stringify([records.slice(0, 2), records.slice(2, 3)])))
    const bytes = (from: number) =>
      records.slice(from, 3).reduce((sum, record) => sum + JSON.stringify(record).length + 1, 0)
    expect(receiver.states).toEqual([
      state({ events: 3, bytes: bytes(0), oldest: FROM / 1000 }),
      state({ events: 1, bytes: bytes(2), oldest: FROM / 1000 }),
    ])
  })

  test('nothing is lost to a receiver that refuses or to the end of the process, which then has another name', async () => {
    const receiver = await startReceiver()
    const pusher = pusherTo(receiver.url, spooled)
    receiver.statuses.push(400, 503)
    pusher.enqueue(records.slice(0, 2))
    await pusher.flush()
    await pusher.flush()
    pusher.drop()
    await pusher.flush()
    expect(pusher.stats()).toMatchObject({ queued: 0, delivered: 2, lost: 0, posts: 3 })
    expect(receiver.states.at(-1)).toMatchObject({ process: 'sandbox-1-2', events: 2 })
  })

  test('it says that it lives when it has been silent for ten seconds', async () => {
    const receiver = await startReceiver()
    let time = FROM
    const pusher = pusherTo(receiver.url, spooled, [], () => time)
    time += 9_999
    await pusher.flush()
    expect(receiver.posts).toEqual([])
    time += 1
    await pusher.flush()
    await pusher.flush()
    expect(receiver.posts).toEqual([[]])
    expect(receiver.states).toEqual([state({ clock: time / 1000 })])
  })
})
