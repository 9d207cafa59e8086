import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readScript, WORDS } from './script.ts'

const read = (text: string, spent = new Map<string, number>()) => readScript(text, 'gpt-4o', spent)

describe('a script', () => {
  it('is found in any text, and is what it always is where there is none', () => {
    expect(read('{"content":"Hi. upstream(output=80 cache_read=400 tool=a,b)"}')).toEqual({
      ...read('Hi.'),
      tokens: { output: 80, cacheRead: 400 },
      tools: ['a', 'b'],
    })
    expect(read('Hi.')).toMatchObject({ tokens: {}, status: 200, cut: null, reset: false, hold: null })
  })

  it('takes a later word over an earlier one, and keeps the others', () => {
    expect(read('upstream(status=500 after=3) … upstream(status=429)')).toMatchObject({ status: 429, retryAfter: 3 })
  })

  it('with a model in front is for that model alone', () => {
    expect(read('upstream(claude: status=500)').status).toBe(200)
    expect(read('upstream(gpt-4o: status=500)').status).toBe(500)
  })

  it('with times counts for so many requests, each model and each wording by itself', () => {
    const spent = new Map<string, number>()
    const text = 'upstream(output=3) upstream(status=500 times=2 id=a)'
    expect([1, 2, 3].map(() => read(text, spent).status)).toEqual([500, 500, 200])
    expect(readScript(text, 'claude', spent).status).toBe(500)
    expect(read(text.replace('id=a', 'id=b'), spent)).toMatchObject({ status: 500, tokens: { output: 3 } })
  })

  it.each([
    ['upstream(outptu=3)', /found "outptu=3" in a script, expected word=value; the words are input, /],
    ['upstream(output)', /found "output" in a script/],
    ['upstream(output=many)', 'found output=many in a script, expected a whole number'],
    ['upstream(times=x)', 'found times=x in a script, expected a whole number'],
  ])('that nobody understands is refused: %s', (text, sentence) => {
    expect(() => read(text)).toThrow(sentence)
  })
})

it('the README has every word of a script, with its meaning', () => {
  const text = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const [, table = ''] = text.split('| word')
  const rows = [...table.matchAll(/^\| `(\w+)` +\| (.*?) +\|$/gm)].map(([, word, meaning]) => [word, meaning])
  expect(Object.fromEntries(rows)).toEqual(WORDS)
})
