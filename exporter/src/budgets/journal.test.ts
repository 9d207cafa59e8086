import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { holdOf } from '../../test/budgets/holds.ts'
import type { Hold } from './holds.ts'
import { type Journal, openJournal, REMEMBERED_MS } from './journal.ts'

let folder: string
let file: string
const failures: string[] = []
const open = (now = () => 0): Journal => openJournal({ file, now, onFailure: (reason) => void failures.push(reason) })

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'journal-'))
  file = join(folder, 'holds.journal')
  failures.length = 0
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const call = { customer: 'ac"me\n', tier: null, session: 's\u2028', agent: null, trace: 't', modelAsked: 'a', own: 'c' }
const made = (callId: string, amount = 5n, at = 0): Hold =>
  holdOf(callId, [{ key: 'customer\u001facme', amount, line: null, spent: 0n }], {
    at,
    call: { ...call, model: 'b', counted: 7, amount },
  })
const names = ({ found }: Journal) => found.holds.map(({ callId }) => callId)

describe('the journal of holds', () => {
  it('gives back every hold as it was, money and odd names included, but for the lines it was measured against', () => {
    const first = open()
    const hold = made('a', 123_456_789_012_345_678n)
    first.held({ ...hold, charges: hold.charges.map((charge) => ({ ...charge, line: 9n, spent: 3n })) })
    expect(open().found.holds).toEqual([hold])
  })

  it('holds at any moment what is open and what was given up, for any order of what happens and any kill', () => {
    const step = fc.record({
      do: fc.constantFrom('held', 'held', 'ended', 'unsettled', 'settledLate', 'kill', 'torn'),
      call: fc.constantFrom('a', 'b', 'c', 'd'),
      amount: fc.bigInt({ min: 0n, max: 10n ** 18n }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        rmSync(file, { force: true })
        let journal = open()
        const holds = new Map<string, Hold>()
        const lost = new Map<string, Hold>()
        const check = () => {
          expect(new Map(journal.found.holds.map((hold) => [hold.callId, hold]))).toEqual(holds)
          expect(journal.found.unsettled).toEqual(lost)
        }
        for (const { do: what, call: id, amount } of steps) {
          if (what === 'held') {
            journal.held(made(id, amount))
            holds.set(id, made(id, amount))
            lost.delete(id)
          } else if (what === 'ended') {
            journal.ended(id)
            holds.delete(id)
          } else if (what === 'settledLate') {
            journal.settledLate(id)
            lost.delete(id)
          } else if (what === 'unsettled') {
            const hold = holds.get(id)
            if (!hold) continue
            journal.unsettled(hold, 0)
            holds.delete(id)
            lost.set(id, hold)
          } else {
            if (what === 'torn') appendFileSync(file, '{"h":{"callId":"torn","charges":[["k","1')
            journal = open()
            check()
          }
        }
        journal = open()
        check()
        expect(failures).toEqual([])
      }),
      { numRuns: 60 },
    )
  })

  it('reads on behind a line that is none', () => {
    const first = open()
    first.held(made('a'))
    first.close()
    appendFileSync(file, 'null\n5\n{}\n{"h":{}}\n{"h":null}\n\u0000\u0000\nnonsense\n')
    const second = open()
    second.held(made('b'))
    expect(names(second)).toEqual(['a'])
    expect(names(open())).toEqual(['a', 'b'])
  })

  it('does not grow with what is past', () => {
    const journal = open()
    journal.held(made('kept'))
    for (let i = 0; i < 40_000; i++) {
      journal.held(made(`call ${i}`))
      journal.ended(`call ${i}`)
    }
    expect(statSync(file).size).toBeLessThan(9_000_000)
    expect(names(open())).toEqual(['kept'])
  })

  it('is not written anew for each call when very much is open', () => {
    const journal = open()
    for (let i = 0; i < 40_000; i++) journal.held(made(`call ${i}`))
    const { ino } = statSync(file)
    for (let i = 0; i < 500; i++) journal.ended(`call ${i}`)
    expect(statSync(file).ino).toBe(ino)
    expect(open().found.holds.length).toBe(39_500)
  })

  it('forgets after 35 days a call that was given up', () => {
    const first = open()
    first.held(made('a'))
    first.unsettled(made('a'), 0)
    expect(open(() => REMEMBERED_MS - 1).found.unsettled.size).toBe(1)
    expect(open(() => REMEMBERED_MS).found.unsettled.size).toBe(0)
  })

  it('says once that its file cannot be written, and has nothing missing when it can be again', () => {
    mkdirSync(`${file}.new`)
    const journal = open()
    journal.held(made('a'))
    journal.held(made('b'))
    journal.ended('a')
    expect(failures).toHaveLength(1)
    expect(failures[0]).toContain(`${file} cannot be read or written (EISDIR`)
    rmSync(`${file}.new`, { recursive: true })
    journal.held(made('c'))
    expect(names(open())).toEqual(['b', 'c'])
    expect(failures).toHaveLength(1)
  })

  it('begins empty, and says so, when its file cannot be read', () => {
    mkdirSync(file)
    const journal = open()
    expect(names(journal)).toEqual([])
    expect(failures).toHaveLength(1)
  })

  it('keeps the file of before until the new one is whole', () => {
    const first = open()
    first.held(made('a'))
    first.close()
    writeFileSync(`${file}.new`, 'left by a kill in the middle of a rewrite')
    expect(names(open())).toEqual(['a'])
    expect(readFileSync(file, 'utf8')).not.toContain('left by')
  })
})
