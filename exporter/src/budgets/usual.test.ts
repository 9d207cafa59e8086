import { describe, expect, it } from 'vitest'
import { createUsual } from './usual.ts'

describe('a usual answer', () => {
  it('is so long that 99 of 100 are not longer', () => {
    const usual = createUsual()
    for (let i = 1; i <= 500; i++) usual.note('m', i)
    expect(usual.output('m')).toBeGreaterThanOrEqual(480)
    expect(usual.output('m')).toBeLessThanOrEqual(500)
  })

  it('follows a change of the answers, and forgets those of long ago', () => {
    const usual = createUsual()
    for (let i = 0; i < 500; i++) usual.note('m', 4_000)
    for (let i = 0; i < 520; i++) usual.note('m', 10)
    expect(usual.output('m')).toBe(10)
  })

  it('of a model that is little known is as long as one of a model that nobody knows', () => {
    const usual = createUsual()
    for (let i = 0; i < 19; i++) usual.note('m', 5)
    expect(usual.output('m')).toBe(usual.output('stranger'))
    usual.note('m', 5)
    expect(usual.output('m')).toBe(5)
  })

  it('of more models than there can be takes no memory', () => {
    const usual = createUsual()
    for (let m = 0; m < 1_000; m++) usual.note(`m${m}`, 9)
    for (let i = 0; i < 100; i++) usual.note('one more', 3)
    expect(usual.output('one more')).toBe(usual.output('stranger'))
    for (let i = 0; i < 30; i++) usual.note('m7', 9)
    expect(usual.output('m7')).toBe(9)
  })
})

describe('a count of input tokens', () => {
  it('is raised by the most that counts fell short of lately, and a little more', () => {
    const usual = createUsual()
    for (let i = 0; i < 30; i++) usual.noteCount('m', 100, i === 7 ? 120 : 100)
    expect(usual.countRatio('m')).toBeCloseTo(1.26)
    for (let i = 0; i < 500; i++) usual.noteCount('m', 100, 90)
    expect(usual.countRatio('m')).toBeCloseTo(1.05)
  })

  it('is raised by a rule until enough is known: more for those whose tokenizers are not OpenAI’s', () => {
    const usual = createUsual()
    expect(usual.countRatio('claude-sonnet-5')).toBe(1.35)
    expect(usual.countRatio('gpt-4o')).toBe(1.05)
    for (let i = 0; i < 7; i++) usual.noteCount('gpt-4o', 100, 150)
    expect(usual.countRatio('gpt-4o')).toBe(1.05)
  })

  it('of nothing says nothing', () => {
    const usual = createUsual()
    for (let i = 0; i < 30; i++) usual.noteCount('m', 0, 100)
    expect(usual.countRatio('m')).toBe(1.05)
  })
})
