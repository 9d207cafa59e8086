import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { policyWith, World } from '../../../test/support/world.ts'
import { LedgerUnavailable } from '../../ledger/ledger.ts'
import type { ContainerRate, DockerPolicy } from '../../policy/policy.ts'
import type { Meter, Metered } from '../../usage.ts'
import { type Book, openBook } from './book.ts'
import type { Reading } from './use.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const SECOND = 1_000_000_000n
const NOON = Date.UTC(2026, 10, 22, 12)
const SETTINGS: DockerPolicy = {
  url: 'unix:///docker.sock',
  project: null,
  everyMs: 15_000,
  recordMs: 5 * MINUTE,
  timeoutMs: 10_000,
}
const RATE: ContainerRate = { from: null, cpu: 36_000_000n, memory: 4_200_000n, network: 85_000_000n }

let world: World
beforeEach(() => {
  world = new World(policyWith({ sources: { docker: SETTINGS }, rates: { containers: [RATE] } }))
})
afterEach(() => world.remove())

function open(lastMetered?: number | null): Book {
  return openBook(world.recorder, {
    ...world.deps,
    ...(lastMetered === undefined ? {} : { lastMetered: async () => lastMetered }),
  })
}

function reading(at: number, change: Partial<Reading> = {}): Reading {
  const run = Date.UTC(2026, 10, 1)
  const networks = new Map([['eth0', { received: 0n, sent: 0n }]])
  return { id: 'a', service: 'web', run, startedAt: run, at, cpu: 0n, memory: 0n, networks, ...change }
}

/** A look at these containers, and no others. */
function see(book: Book, ...readings: Reading[]): Promise<void> {
  const at = readings[0]?.at ?? world.now
  return book.count({ at, present: new Set(readings.map(({ id }) => id)), readings }, settings())
}

const settings = () => world.policy.sources.docker ?? SETTINGS
const recorded = () => [...world.beside.values()] as Metered[]
const of = (meter: Meter) => recorded().filter((entry) => entry.meter === meter)
const sum = (meter: Meter) => of(meter).reduce((total, { amount }) => total + amount, 0n)
const iso = (at: number) => new Date(at).toISOString().slice(11, 19)

describe('the book of containers', () => {
  it('records what is used in spans that end at whole lengths after midnight, with their cost', async () => {
    const book = open()
    await see(book, reading(NOON + 2 * MINUTE, { cpu: 100n * SECOND, memory: 2n ** 30n }))
    expect(recorded()).toEqual([])
    await see(book, reading(NOON + 4 * MINUTE, { cpu: 160n * SECOND, memory: 2n ** 30n }))
    await see(book, reading(NOON + 6 * MINUTE, { cpu: 280n * SECOND, memory: 2n ** 30n }))
    const span = { kind: 'metered', version: 1, source: 'docker', resource: 'container', service: 'web' }
    const [start, end] = [NOON + 2 * MINUTE, NOON + 5 * MINUTE]
    expect(recorded()).toEqual([
      // 60 s, and half of the 120 s that lie across the end; $0.036 an hour are 10,000 nano-dollars a second.
      { ...span, key: `docker:a:cpu:${end}`, start, end, meter: 'cpu', amount: 120n * SECOND, cost: 1_200_000n },
      { ...span, key: `docker:a:memory:${end}`, start, end, meter: 'memory', amount: 180n << 30n, cost: 210_000n },
    ])
  })

  it('counts bytes of each interface, sent and received, and begins anew with one that did', async () => {
    const book = open()
    const bytes = (received: bigint, sent = 0n) => ({ received, sent })
    const networks = (...pairs: [string, { received: bigint; sent: bigint }][]) => new Map(pairs)
    await see(book, reading(NOON, { networks: networks(['eth0', bytes(1000n, 500n)], ['eth1', bytes(7n)]) }))
    await see(book, reading(NOON + MINUTE, { networks: networks(['eth0', bytes(1010n, 501n)]) }))
    await see(book, reading(NOON + 5 * MINUTE, { networks: networks(['eth0', bytes(3n, 502n)], ['eth1', bytes(4n)]) }))
    expect(sum('network')).toBe(11n + 3n + 1n + 4n)
  })

  it('records nothing of what was not used', async () => {
    const book = open()
    for (let i = 0; i < 3; i++) await see(book, reading(NOON + i * 5 * MINUTE))
    expect(recorded()).toEqual([])
  })

  it('cuts at local midnights, whatever the length of a span', async () => {
    world.policy = policyWith({
      timezone: 'Asia/Kathmandu',
      sources: { docker: { ...SETTINGS, recordMs: 50 * MINUTE } },
      rates: { containers: [] },
    })
    const book = open()
    // Midnight in Kathmandu is 18:15 UTC.
    for (let minute = 0; minute <= 60; minute += 15)
      await see(book, reading(Date.UTC(2026, 10, 22, 17, 40 + minute), { cpu: BigInt(minute) * SECOND }))
    expect(of('cpu').map(({ start, end, amount, cost }) => [iso(start), iso(end), amount, cost])).toEqual([
      ['17:40:00', '18:15:00', 35n * SECOND, null],
    ])
    await book.close()
  })

  it('takes the rate that holds at the start of the span, and has no cost where there is none', async () => {
    const midnight = Date.UTC(2026, 10, 23)
    const later = { ...RATE, from: midnight, cpu: 72_000_000n, memory: null }
    world.policy = policyWith({
      sources: { docker: SETTINGS },
      rates: { containers: [later, { ...RATE, from: NOON }] },
    })
    const book = open()
    const at = (minute: number) => midnight + minute * MINUTE
    for (const minute of [-5, 0, 5])
      await see(book, reading(at(minute), { cpu: BigInt(minute + 5) * SECOND, memory: 2n ** 30n }))
    expect(recorded().map(({ meter, cost }) => [meter, cost])).toEqual([
      ['cpu', 50_000n],
      ['memory', 350_000n],
      ['cpu', 100_000n],
      ['memory', null],
    ])
  })

  it('counts a container that started while it looked from its start, one that ran before from its first reading', async () => {
    const book = open()
    await see(book, reading(NOON, { cpu: 50n * SECOND }))
    const started = NOON + 3 * MINUTE
    const b = { id: 'b', service: 'job', run: started, startedAt: started }
    await see(
      book,
      reading(NOON + 5 * MINUTE, { cpu: 50n * SECOND }),
      reading(NOON + 5 * MINUTE, { ...b, cpu: 7n * SECOND, memory: 1000n }),
    )
    expect(recorded().map(({ key, start, amount }) => [key.split(':')[2], iso(start), amount])).toEqual([
      ['cpu', '12:03:00', 7n * SECOND],
      ['memory', '12:03:00', 120_000n],
    ])
  })

  it('counts a restarted container from zero again, and nothing of the time in which it did not run', async () => {
    const book = open()
    await see(book, reading(NOON, { cpu: 100n * SECOND, memory: 1000n }))
    await see(book, reading(NOON + MINUTE, { cpu: 110n * SECOND, memory: 1000n }))
    const run = NOON + 3 * MINUTE
    // More than before its restart: only the begin of the run tells.
    await see(book, reading(NOON + 4 * MINUTE, { cpu: 130n * SECOND, memory: 500n, run, startedAt: run }))
    await see(book, reading(NOON + 5 * MINUTE, { cpu: 130n * SECOND, memory: 500n, run, startedAt: run }))
    expect(sum('cpu')).toBe(140n * SECOND)
    expect(sum('memory')).toBe(1000n * 60n + 500n * 60n + 500n * 60n)
  })

  it('begins the next span where a container started again, if that is after the end of the one before', async () => {
    const book = open()
    await see(book, reading(NOON, { cpu: 5n }))
    const run = NOON + 7 * MINUTE
    await see(book, reading(NOON + 8 * MINUTE, { cpu: 100n, run, startedAt: run }))
    await see(book, reading(NOON + 13 * MINUTE, { cpu: 600n, run, startedAt: run }))
    const rows = recorded().map(({ start, end, amount }) => [iso(start), iso(end), amount])
    expect(rows).toEqual([['12:07:00', '12:10:00', 300n]])
  })

  it('ends the span of a container that is gone, and takes a new name over', async () => {
    const book = open()
    await see(book, reading(NOON, { cpu: 1n }))
    await see(book, reading(NOON + MINUTE, { cpu: 4n, service: 'api' }))
    await see(book)
    expect(recorded()).toMatchObject([{ service: 'api', start: NOON, end: NOON + MINUTE, amount: 3n }])
    await see(book)
    expect(recorded()).toHaveLength(1)
  })

  it('keeps the count of a container that runs and cannot be read', async () => {
    const book = open()
    await see(book, reading(NOON, { cpu: 1n }))
    await book.count({ at: NOON + MINUTE, present: new Set(['a']), readings: [] }, SETTINGS)
    await see(book, reading(NOON + 5 * MINUTE, { cpu: 11n }))
    expect(recorded()).toMatchObject([{ start: NOON, end: NOON + 5 * MINUTE, amount: 10n }])
  })

  it('says that memory is unknown where nobody looked for an hour, and counts the rest by days', async () => {
    const book = open()
    const evening = Date.UTC(2026, 10, 22, 23)
    await see(book, reading(evening, { memory: 1000n }))
    await see(book, reading(evening + MINUTE, { memory: 1000n }))
    const back = evening + 3 * HOUR + MINUTE
    await see(book, reading(back, { memory: 3000n, cpu: 180n * SECOND }))
    await see(book, reading(back + 4 * MINUTE, { memory: 3000n, cpu: 180n * SECOND }))
    const rows = (meter: Meter) => of(meter).map(({ start, end, amount, cost }) => [iso(start), iso(end), amount, cost])
    expect(rows('cpu')).toEqual([
      ['23:00:00', '00:00:00', 59n * SECOND, 590_000n],
      ['00:00:00', '02:01:00', 121n * SECOND, 1_210_000n],
    ])
    expect(rows('memory')).toEqual([
      ['23:00:00', '00:00:00', 60_000n, null],
      ['00:00:00', '02:01:00', 0n, null],
      ['02:01:00', '02:05:00', 720_000n, 1n],
    ])
  })

  it('says of each day on which nobody looked that its cost is unknown, where no container can tell', async () => {
    const book = open()
    const nothing = (at: number) => book.count({ at, present: new Set(), readings: [] }, settings())
    await see(book, reading(NOON))
    await nothing(NOON + 30 * MINUTE)
    await nothing(NOON + 90 * MINUTE)
    expect(recorded()).toEqual([])
    await nothing(NOON + 14 * HOUR)
    const unseen = recorded().filter(({ service }) => service === 'unseen')
    expect(unseen.map(({ start, end, amount, cost }) => [iso(start), iso(end), amount, cost])).toEqual([
      ['13:30:00', '00:00:00', 0n, null],
      ['00:00:00', '02:00:00', 0n, null],
    ])
    // One that runs tells it by its memory.
    await see(book, reading(NOON + 14 * HOUR + MINUTE, { memory: 1n }))
    await see(book, reading(NOON + 17 * HOUR, { memory: 1n }))
    expect(recorded().filter(({ service }) => service === 'unseen')).toEqual(unseen)
    expect(recorded().at(-1)).toMatchObject({ service: 'web', meter: 'memory', cost: null })
  })

  it('knows after a kill until when it looked, where nothing runs too', async () => {
    const nothing = { present: new Set<string>(), readings: [] }
    let book = open()
    for (let minutes = 0; minutes <= 300; minutes++)
      await book.count({ ...nothing, at: NOON + minutes * MINUTE }, settings())
    book = open(null)
    await book.count({ ...nothing, at: NOON + 320 * MINUTE }, settings())
    expect(recorded()).toEqual([])
    // What was remembered is lost: the ledger tells until when somebody looked.
    world.memory.clear()
    book = open(NOON)
    await book.count({ ...nothing, at: NOON + 2 * HOUR }, settings())
    expect(recorded()).toMatchObject([{ service: 'unseen', start: NOON, end: NOON + 2 * HOUR, cost: null }])
  })

  it('says that memory is unknown where the kernel does not tell it', async () => {
    const book = open()
    for (let i = 0; i < 2; i++) await see(book, reading(NOON + i * 5 * MINUTE, { memory: null }))
    expect(recorded()).toMatchObject([{ meter: 'memory', amount: 0n, cost: null }])
  })

  it('goes on after a restart of its own from what it last counted', async () => {
    const first = open()
    await see(first, reading(NOON, { cpu: 100n, memory: 1000n }))
    await see(first, reading(NOON + MINUTE, { cpu: 130n, memory: 1000n }))
    await first.close()
    await see(open(), reading(NOON + 5 * MINUTE, { cpu: 170n, memory: 3000n }))
    expect(recorded()).toMatchObject([
      { meter: 'cpu', start: NOON, amount: 70n },
      { meter: 'memory', start: NOON, amount: 60_000n + 480_000n },
    ])
  })

  it('hands in again, as it was, what it was killed over, and so counts it once', async () => {
    const first = open()
    await see(first, reading(NOON, { cpu: 0n }))
    const record = world.recorder
    const killed = openBook(async (entries) => {
      await record(entries)
      throw new LedgerUnavailable('the power is gone')
    }, world.deps)
    await expect(see(killed, reading(NOON + 6 * MINUTE, { cpu: 600n }))).rejects.toThrow('the power is gone')
    // More than it was going to be: whoever counted anew would cut elsewhere.
    await see(open(), reading(NOON + 10 * MINUTE, { cpu: 2000n }))
    expect(recorded().map(({ end, amount }) => [iso(end), amount])).toEqual([
      ['12:05:00', 500n],
      ['12:10:00', 1500n],
    ])
    expect(world.counts).toMatchObject({ duplicate: 1, accepted: 2 - 1 })
  })

  it('keeps what the ledger does not take, and hands it in when it does', async () => {
    const book = open()
    await see(book, reading(NOON))
    world.refuse = new LedgerUnavailable('the disk is full')
    for (const minute of [5, 10])
      await expect(see(book, reading(NOON + minute * MINUTE, { cpu: BigInt(minute) }))).rejects.toThrow('full')
    world.refuse = null
    await see(book, reading(NOON + 11 * MINUTE, { cpu: 11n }))
    expect(recorded().map(({ amount }) => amount)).toEqual([5n, 5n])
  })

  it('waits while the clock is a little behind, and counts on', async () => {
    const book = open()
    await see(book, reading(NOON, { memory: 1000n }))
    await see(book, reading(NOON + 4 * MINUTE, { cpu: 4n, memory: 1000n }))
    await see(book, reading(NOON + 4 * MINUTE - 30_000, { cpu: 5n, memory: 1000n }))
    await see(book, reading(NOON + 5 * MINUTE, { cpu: 6n, memory: 1000n }))
    expect(sum('cpu')).toBe(6n)
    expect(sum('memory')).toBe(300_000n)
  })

  it('takes nothing back while the clock is behind', async () => {
    const book = open()
    const at = NOON + 5 * MINUTE + 10_000
    for (const ms of [NOON, at, at - 20_000]) await see(book, reading(ms, { memory: 1000n }))
    await see(book)
    expect(of('memory').map(({ amount }) => amount)).toEqual([300_000n, 10_000n])
  })

  it('loses nothing when the clock is set back by hours: the same end is another span then', async () => {
    const book = open()
    const b = { id: 'b', service: 'db' }
    await see(book, reading(NOON), reading(NOON, b))
    await see(book, reading(NOON + 5 * MINUTE, { cpu: 5n }), reading(NOON + 5 * MINUTE, { ...b, cpu: 1n }))
    await see(book, reading(NOON + 6 * MINUTE, { cpu: 6n }), reading(NOON + 6 * MINUTE, { ...b, cpu: 1n }))
    await see(book, reading(NOON - 3 * MINUTE, { cpu: 7n }), reading(NOON - 3 * MINUTE, { ...b, cpu: 1n }))
    const again = open()
    await see(again, reading(NOON + 5 * MINUTE, { cpu: 20n }), reading(NOON + 5 * MINUTE, { ...b, cpu: 1n }))
    expect(sum('cpu')).toBe(21n)
    expect(new Set(of('cpu').map(({ end }) => end)).size).toBeLessThan(of('cpu').length)
  })

  it('begins anew with another engine or project, and ends what it counted of the one before', async () => {
    const book = open()
    await see(book, reading(NOON, { cpu: 5n }))
    await see(book, reading(NOON + MINUTE, { cpu: 6n }))
    world.policy = policyWith({ sources: { docker: { ...SETTINGS, project: 'shop' } } })
    await see(book, reading(NOON + 2 * MINUTE, { cpu: 70n }))
    await see(book, reading(NOON + 5 * MINUTE, { cpu: 80n }))
    expect(recorded().map(({ amount }) => amount)).toEqual([1n, 10n])
  })

  it('trusts the ledger more than its own memory: what is recorded is not counted again', async () => {
    const first = open()
    await see(first, reading(NOON, { cpu: 0n }))
    const remembered = new Map(world.memory)
    await see(first, reading(NOON + 5 * MINUTE, { cpu: 50n }))
    world.memory.clear()
    for (const [name, value] of remembered) world.memory.set(name, value)
    const second = open(NOON + 5 * MINUTE)
    const started = NOON + 6 * MINUTE
    const job = { id: 'job', run: started, startedAt: started }
    await see(second, reading(NOON + 7 * MINUTE, { cpu: 70n }), reading(NOON + 7 * MINUTE, { ...job, cpu: 3n }))
    await see(second, reading(NOON + 10 * MINUTE, { cpu: 100n }), reading(NOON + 10 * MINUTE, { ...job, cpu: 3n }))
    expect(sum('cpu')).toBe(50n + 30n + 3n)
  })

  it.each(['no JSON', '{"version":99}', '{"version":1}'])(
    'begins anew where what is remembered is %s',
    async (text) => {
      world.memory.set('docker', text)
      const book = open(null)
      await see(book, reading(NOON, { cpu: 5n }))
      await see(book, reading(NOON + 5 * MINUTE, { cpu: 9n }))
      expect(sum('cpu')).toBe(4n)
    },
  )
})

describe('the sum of all that is metered', () => {
  const step = fc.record({
    /** Milliseconds until the next look. */
    ms: fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: 1000, max: 10 * MINUTE }) },
      { weight: 1, arbitrary: fc.integer({ min: -3 * HOUR, max: 0 }) },
      { weight: 1, arbitrary: fc.integer({ min: HOUR, max: 60 * HOUR }) },
    ),
    cpu: fc.bigInt({ min: 0n, max: 10n ** 13n }),
    received: fc.bigInt({ min: 0n, max: 10n ** 12n }),
    /** What happens to the container, to us, or to the ledger, before the look. */
    what: fc.oneof(
      { weight: 6, arbitrary: fc.constant('nothing' as const) },
      {
        weight: 4,
        arbitrary: fc.constantFrom('run', 'unread', 'stop', 'kill', 'kill over memory', 'kill over record'),
      },
    ),
  })

  it('is the last counter less the first, whatever is looked at when, restarted, killed, or set back', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 40 }),
        fc.constantFrom(MINUTE, 5 * MINUTE, HOUR),
        fc.constantFrom('UTC', 'America/New_York', 'Australia/Lord_Howe'),
        async (steps, recordMs, timezone) => {
          const docker = { ...SETTINGS, recordMs }
          begin(policyWith({ timezone, sources: { docker }, rates: { containers: [RATE] } }))
          let at = Date.UTC(2026, 2, 7, 22, 13)
          let run = at - HOUR
          const counters = { cpu: 123n, received: 77n }
          const read = { ...counters }
          const total = { cpu: 0n, network: 0n }
          const now = () =>
            reading(at, {
              run,
              startedAt: run,
              cpu: counters.cpu,
              networks: new Map([['eth0', { received: counters.received, sent: 0n }]]),
              memory: null,
            })
          /** A reading between the last one and the next. */
          const halfway = (ms: number, cpu: bigint, received: bigint) =>
            reading(at - Math.trunc(ms / 2), {
              ...now(),
              at: at - Math.trunc(ms / 2),
              cpu: counters.cpu - cpu / 3n,
              networks: new Map([['eth0', { received: counters.received - received / 3n, sent: 0n }]]),
            })
          let book = open()
          await see(book, now())
          for (const { ms, cpu, received, what } of steps) {
            at += ms
            if (what === 'run') {
              run = at
              counters.cpu = 0n
              counters.received = 0n
              read.cpu = 0n
              read.received = 0n
            }
            counters.cpu += cpu
            counters.received += received
            if (what === 'unread') {
              await book.count({ at, present: new Set(['a']), readings: [] }, docker)
              continue
            }
            total.cpu += counters.cpu - read.cpu
            total.network += counters.received - read.received
            Object.assign(read, counters)
            if (what === 'stop') await book.close()
            if (what === 'stop' || what === 'kill') book = open()
            if (what === 'kill over memory' || what === 'kill over record') {
              const stopped = killedAt(what)
              await stopped
                .count({ at, present: new Set(['a']), readings: [halfway(ms, cpu, received)] }, docker)
                .catch(() => null)
              book = open()
            }
            await see(book, now())
          }
          await book.count({ at, present: new Set(), readings: [] }, docker)
          expect({ cpu: sum('cpu'), network: sum('network') }).toEqual(total)
          const days = recorded().map(({ start, end }) => [localDay(start, timezone), localDay(end - 1, timezone)])
          for (const [first, last] of days) expect(first).toBe(last)
          for (const { start, end } of recorded()) expect(end).toBeGreaterThan(start)
        },
      ),
      { numRuns: 100 },
    )
  })

  it('is of memory what a constant use makes of the time, however it is cut', async () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 1, max: 50 * MINUTE }), fc.boolean()), {
      minLength: 1,
      maxLength: 40,
    })
    await fc.assert(
      fc.asyncProperty(steps, fc.bigInt({ min: 1n, max: 1n << 40n }), async (steps, memory) => {
        begin(policyWith({ sources: { docker: SETTINGS } }))
        // Not at a whole second, so that spans have parts of a byte-second left over.
        const start = NOON + 123
        let at = start
        let book = open()
        await see(book, reading(at, { memory }))
        for (const [ms, killed] of steps) {
          // A book that is killed in between knows no reading since its last span, and as the use is constant needs none.
          if (killed) book = open()
          at += ms
          await see(book, reading(at, { memory }))
        }
        await see(book)
        const gaps = of('memory').filter(({ cost }) => cost !== null)
        expect(gaps).toEqual([])
        expect(sum('memory')).toBe((memory * BigInt(at - start)) / 1000n)
      }),
      { numRuns: 50 },
    )
  })

  function begin(policy: World['policy']): void {
    world.policy = policy
    world.beside.clear()
    world.memory.clear()
  }

  /** A book that goes on from what is remembered, and ends in the middle of writing. */
  function killedAt(what: 'kill over memory' | 'kill over record'): Book {
    const power = new Error('the power is gone')
    const memory = { ...world.deps.memory, set: () => Promise.reject(power) }
    if (what === 'kill over memory') return openBook(world.recorder, { ...world.deps, memory })
    return openBook(async (entries) => {
      await world.recorder(entries.slice(0, 1))
      throw power
    }, world.deps)
  }
})

function localDay(at: number, timeZone: string): string {
  return new Intl.DateTimeFormat('en-CA', { timeZone }).format(at)
}
