import { describe, expect, it } from 'vitest'
import { createGateways, type Gateways } from './gateway.ts'
import { readReport } from './gateway-report.ts'

const NOW = Date.UTC(2026, 10, 22, 12)
const NONE = { full: 0, disk: 0, refused: 0, torn: 0 }

interface Said {
  readonly process?: string
  /** Milliseconds that its clock is ahead of ours. */
  readonly ahead?: number
  readonly events?: number
  /** Milliseconds since the oldest record was written. */
  readonly age?: number | null
  readonly dropped?: Partial<typeof NONE>
  readonly undecided?: number
}

function hear(gateways: Gateways, said: Said, now = NOW) {
  const { process = 'a-1-1', ahead = 0, events = 0, age = null, dropped = {}, undecided } = said
  const clock = (now + ahead) / 1000
  const oldest = age === null ? null : clock - age / 1000
  return gateways.heard(
    JSON.stringify({ version: 1, process, clock, events, bytes: 0, oldest, dropped, undecided }),
    now,
  )
}

describe('the processes of the gateway', () => {
  it('are unknown before one was heard of, and when none was for a minute', () => {
    const gateways = createGateways()
    expect(gateways.health(NOW)).toEqual({ spool: null, dropped: NONE, undecided: 0 })
    hear(gateways, { events: 1, age: 1000 })
    expect(gateways.health(NOW + 60_000).spool).toMatchObject({ processes: 1 })
    expect(gateways.health(NOW + 60_001).spool).toBe(null)
  })

  it('hold together what each of them holds; the oldest and the clock furthest off are one of theirs', () => {
    const gateways = createGateways()
    hear(gateways, { process: 'a', ahead: 1500, events: 2, age: 5_000 })
    hear(gateways, { process: 'b', ahead: -90_000, events: 40, age: 61_000 })
    hear(gateways, { process: 'c' })
    expect(gateways.health(NOW).spool).toEqual({ processes: 3, events: 42, oldest: NOW - 61_000, skewMs: -90_000 })
  })

  it('are each known by what they said last', () => {
    const gateways = createGateways()
    hear(gateways, { events: 9, age: 9_000 })
    hear(gateways, { events: 0 }, NOW + 10_000)
    expect(gateways.health(NOW + 10_000).spool).toEqual({ processes: 1, events: 0, oldest: null, skewMs: 0 })
  })

  it('have records that grow older between two posts, and wait no longer once they are answered for', () => {
    const gateways = createGateways()
    const posted = hear(gateways, { events: 5, age: 3_000 })
    expect(NOW + 20_000 - (gateways.health(NOW + 20_000).spool?.oldest ?? 0)).toBe(23_000)
    posted.acknowledged(2)
    expect(gateways.health(NOW).spool).toMatchObject({ events: 3, oldest: NOW - 3_000 })
    posted.acknowledged(4)
    expect(gateways.health(NOW).spool).toMatchObject({ events: 0, oldest: null })
  })

  it('have lost what each says that it lost, whether it is still there or not; a new one begins with what it says', () => {
    const gateways = createGateways()
    hear(gateways, { process: 'a', dropped: { full: 3 } })
    hear(gateways, { process: 'a', dropped: { full: 5, torn: 1 } })
    hear(gateways, { process: 'b', dropped: { full: 2, refused: 7 } }, NOW + 1000)
    // Late on the way, or a fault: what was counted stays.
    hear(gateways, { process: 'a', dropped: { full: 4 } }, NOW + 2000)
    hear(gateways, { process: 'a', dropped: { full: 6 } }, NOW + 3000)
    const lost = { full: 8, disk: 0, refused: 7, torn: 1 }
    expect(gateways.health(NOW + 3000).dropped).toEqual(lost)
    expect(gateways.health(NOW + 600_000)).toEqual({ spool: null, dropped: lost, undecided: 0 })
  })

  it('have let go without a decision what each says that it did; those that say nothing of it, nothing', () => {
    const gateways = createGateways()
    hear(gateways, { process: 'a', undecided: 3 })
    hear(gateways, { process: 'a', undecided: 5 })
    hear(gateways, { process: 'b', undecided: 2 })
    hear(gateways, { process: 'c' })
    hear(gateways, { process: 'a', undecided: 4 })
    expect(gateways.health(NOW).undecided).toBe(7)
  })

  it('are at most 256: a new one takes the place of the longest silent, and none of one that speaks', () => {
    const gateways = createGateways()
    for (let i = 0; i < 256; i++) hear(gateways, { process: `p${i}`, events: 1 }, NOW + i)
    hear(gateways, { process: 'new', events: 1000 }, NOW + 256)
    expect(gateways.health(NOW + 256).spool).toMatchObject({ processes: 256, events: 256 })
    hear(gateways, { process: 'new', events: 1000, dropped: { disk: 1 } }, NOW + 60_000)
    expect(gateways.health(NOW + 60_000).spool).toMatchObject({ processes: 256, events: 1255 })
    expect(gateways.health(NOW + 60_000).dropped.disk).toBe(1)
  })
})

describe('the header of the gateway', () => {
  const good = { version: 1, process: 'a', clock: 1780000000.123, events: 1, bytes: 2, oldest: null, dropped: NONE }

  it('is read, whatever else stands in it', () => {
    const said = { ...good, oldest: 1780000000, dropped: { full: 2, unheard: 5 }, more: {} }
    expect(readReport(JSON.stringify(said))).toEqual({
      process: 'a',
      clock: 1780000000123,
      events: 1,
      oldest: 1780000000000,
      dropped: { ...NONE, full: 2 },
      undecided: 0,
    })
    expect(readReport(JSON.stringify({ ...good, undecided: 9 }))).toMatchObject({ undecided: 9 })
  })

  it('may be absent', () => {
    expect(readReport(undefined)).toBe(null)
  })

  it.each([
    ['{', 'is no JSON'],
    ['7', 'has version absent, expected 1: update the exporter'],
    [JSON.stringify({ ...good, version: 2 }), 'has version 2, expected 1: update the exporter'],
    [JSON.stringify({ ...good, process: '' }), 'has process a text of 0 characters, expected its name'],
    [JSON.stringify({ ...good, clock: 'now' }), 'has clock a text of 3 characters, expected seconds since 1970'],
    [JSON.stringify({ ...good, clock: 1e300 }), 'has clock 1e+300, expected seconds since 1970'],
    [JSON.stringify({ ...good, events: -1 }), 'has events -1, expected a whole number'],
    [JSON.stringify({ ...good, events: 1e15 }), 'has events 1000000000000000, expected a whole number'],
    [
      JSON.stringify({ ...good, oldest: 'old' }),
      'has oldest a text of 3 characters, expected seconds since 1970 or null',
    ],
    [JSON.stringify({ ...good, dropped: { full: 0.5 } }), 'has dropped counts that are no whole numbers'],
    [JSON.stringify({ ...good, undecided: -1 }), 'has undecided -1, expected a whole number'],
    [JSON.stringify({ ...good, process: 'x'.repeat(1024) }), 'expected JSON of at most 1024 bytes'],
    [['a', 'b'], 'is an array, expected JSON'],
  ])('is ignored with a sentence when it is not what it should be: %s', (header, sentence) => {
    const read = readReport(header)
    expect(read && 'problem' in read && read.problem).toContain(sentence)
  })
})
