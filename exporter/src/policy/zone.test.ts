import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dayStarts, readZone } from './zone.ts'

const start = (date: string, zone: string) => new Date(dayStarts(zone)(date)).toISOString()

describe('a day begins', () => {
  test.each([
    ['2026-01-31', 'UTC', '2026-01-31T00:00:00.000Z'],
    ['2026-01-31', 'Europe/Berlin', '2026-01-30T23:00:00.000Z'],
    ['2026-07-01', 'Europe/Berlin', '2026-06-30T22:00:00.000Z'],
    ['2026-03-29', 'Europe/Berlin', '2026-03-28T23:00:00.000Z'],
    ['2026-03-30', 'Europe/Berlin', '2026-03-29T22:00:00.000Z'],
    ['2026-10-25', 'Europe/Berlin', '2026-10-24T22:00:00.000Z'],
    ['2026-06-01', 'America/Los_Angeles', '2026-06-01T07:00:00.000Z'],
    ['2026-06-01', 'Asia/Kathmandu', '2026-05-31T18:15:00.000Z'],
    ['2026-06-01', 'Pacific/Kiritimati', '2026-05-31T10:00:00.000Z'],
  ])('%s in %s at %s', (date, zone, expected) => {
    expect(start(date, zone)).toBe(expected)
  })

  test('at the jump where the clocks jump over midnight', () => {
    expect(start('2018-11-04', 'America/Sao_Paulo')).toBe('2018-11-04T03:00:00.000Z')
  })

  test('at the first of two midnights where the clocks go back to midnight', () => {
    expect(start('2026-11-01', 'America/Havana')).toBe('2026-11-01T04:00:00.000Z')
  })

  test('with that date on the wall, and a moment earlier the date before', () => {
    const zones = ['UTC', 'Europe/London', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata', 'Africa/Cairo']
    const days = fc.integer({ min: 0, max: 25_000 })
    fc.assert(
      fc.property(fc.constantFrom(...zones), days, (zone, day) => {
        const wall = new Intl.DateTimeFormat('sv', { timeZone: zone, dateStyle: 'short' })
        const date = new Date(day * 86_400_000).toISOString().slice(0, 10)
        const begins = dayStarts(zone)(date)
        expect(wall.format(begins)).toBe(date)
        expect(wall.format(begins - 1) < date).toBe(true)
      }),
    )
  })
})

describe('a zone', () => {
  test('is taken by its IANA name, with the case put right', () => {
    expect(readZone('UTC')).toBe('UTC')
    expect(readZone('europe/berlin')).toBe('Europe/Berlin')
    expect(readZone('America/Argentina/Buenos_Aires')).toMatch(/^America\//)
  })

  test.each(['', '+02:00', 'Mars/Olympus', 'Europe', 'Europe/', 'UTC ', '../etc'])('is not %j', (text) => {
    expect(readZone(text)).toBeUndefined()
  })
})
