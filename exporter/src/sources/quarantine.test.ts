import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openQuarantine } from './quarantine.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'quarantine-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))
const open = (bounds?: { records: number; bytes: number }) =>
  openQuarantine(
    directory,
    () => 7,
    (reason) => errors.push(reason),
    bounds,
  )
let errors: string[] = []
beforeEach(() => {
  errors = []
})

describe('the quarantine', () => {
  it('lists what was refused, newest first, with an outline that holds no text, and keeps it across a restart', async () => {
    const one = open()
    one.add('litellm', 'first', {
      id: 'a',
      model: 'gpt-4o',
      prompt_tokens: -1,
      messages: [{ content: 'secret' }],
      end_user: 'jane',
    })
    one.add('litellm', 'second of jane@example.com', { id: 'sk-12345678', spend: Number.NaN })
    await one.flush()
    const expected = [
      { at: 7, source: 'litellm', reason: 'second of …', outline: { id: '…' } },
      { at: 7, source: 'litellm', reason: 'first', outline: { id: 'a', model: 'gpt-4o', prompt_tokens: -1 } },
    ]
    expect(one.list(10)).toEqual(expected)
    const two = open()
    await two.flush()
    expect(two.list(10)).toEqual(expected)
    expect(two.list(1)).toHaveLength(1)
    expect(statSync(join(directory, 'quarantine.ndjson')).mode & 0o077).toBe(0)
  })

  it('shows of a field for amounts only what may be one', () => {
    const one = open()
    const time = { startTime: '2026-11-22T10:33:00.5+00:00', endTime: '1795342122.05', cache_hit: 'True' }
    one.add('litellm', 'a', { ...time, spend: '-1e-7', response_cost: 'NaN', prompt_tokens: 'tell me of our plan 9' })
    expect(one.list(1)[0]?.outline).toEqual({ ...time, spend: '-1e-7', response_cost: 'NaN' })
  })

  it('stays within its bounds on disk and in memory', async () => {
    const one = open({ records: 20, bytes: 4000 })
    for (let i = 0; i < 100; i++) {
      one.add('litellm', `reason ${i}`, { id: `r${i}` })
      await one.flush()
    }
    expect(one.list(100)).toHaveLength(20)
    const size = readdirSync(directory).reduce((sum, file) => sum + statSync(join(directory, file)).size, 0)
    expect(size).toBeLessThanOrEqual(4000)
    const two = open({ records: 20, bytes: 4000 })
    await two.flush()
    expect(two.list(1)).toMatchObject([{ reason: 'reason 99' }])
    expect(two.list(100).length).toBeGreaterThanOrEqual(10)
  })

  it('bounds a flood that comes faster than it can be written', async () => {
    const one = open({ records: 20, bytes: 4000 })
    for (let i = 0; i < 10_000; i++) one.add('litellm', `reason ${i}`, {})
    await one.flush()
    expect(readFileSync(join(directory, 'quarantine.ndjson'), 'utf8').split('\n').length).toBeLessThanOrEqual(21)
    expect(one.list(1)).toMatchObject([{ reason: 'reason 9999' }])
  })

  it('goes on behind a line that a crash cut off', async () => {
    const one = open()
    one.add('litellm', 'whole', {})
    await one.flush()
    appendFileSync(join(directory, 'quarantine.ndjson'), '{"at":1,"sour')
    const two = open()
    two.add('litellm', 'after', {})
    await two.flush()
    const three = open()
    await three.flush()
    expect(three.list(10).map(({ reason }) => reason)).toEqual(['after', 'whole'])
  })

  it('goes on in memory when it cannot be written, and says so once', async () => {
    writeFileSync(join(directory, 'file'), '')
    const one = openQuarantine(
      join(directory, 'file', 'below'),
      () => 7,
      (reason) => errors.push(reason),
    )
    one.add('litellm', 'a', {})
    await one.flush()
    one.add('litellm', 'b', {})
    await one.flush()
    expect(one.list(10)).toHaveLength(2)
    expect(errors).toEqual([expect.stringContaining('refused records are not kept on disk')])
  })
})
