import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { estimateTokens } from '../src/estimate-tokens.ts'

interface Counts {
  readonly o200k_base: number
  readonly cl100k_base: number
  readonly claude: number
}

const folder = new URL('fixtures/corpus/', import.meta.url)
const counts: Record<string, Counts> = JSON.parse(
  readFileSync(new URL('fixtures/corpus-tokens.json', import.meta.url), 'utf8'),
)
const texts = Object.entries(counts).map(([name, count]) => ({
  count,
  text: readFileSync(new URL(name, folder), 'utf8'),
  isCode: name.split('.').length > 2,
}))

/** Mean of |estimated / counted − 1| over the texts. */
function meanError(chosen: typeof texts, tokenizer: keyof Counts, model: string): number {
  const errors = chosen.map(({ text, count }) => Math.abs(estimateTokens(text, { model }) / count[tokenizer] - 1))
  return errors.reduce((sum, error) => sum + error, 0) / errors.length
}

describe('the estimate', () => {
  test('is held against every text of the corpus', () => {
    expect(Object.keys(counts).sort()).toEqual(readdirSync(folder).sort())
    expect(texts.filter(({ isCode }) => isCode).length).toBeGreaterThanOrEqual(6)
    expect(texts.filter(({ isCode }) => !isCode).length).toBeGreaterThanOrEqual(6)
  })

  test.each([
    ['o200k_base', 'gpt-4o'],
    ['cl100k_base', 'gpt-4'],
    ['claude', 'claude-haiku-4-5'],
  ] as const)('is within 10 %% of %s on average, on English and on code', (tokenizer, model) => {
    expect(
      meanError(
        texts.filter(({ isCode }) => !isCode),
        tokenizer,
        model,
      ),
    ).toBeLessThan(0.1)
    expect(
      meanError(
        texts.filter(({ isCode }) => isCode),
        tokenizer,
        model,
      ),
    ).toBeLessThan(0.1)
  })

  test('comes to about four characters a token', () => {
    const characters = texts.reduce((sum, { text }) => sum + text.length, 0)
    const tokens = texts.reduce((sum, { text }) => sum + estimateTokens(text), 0)
    expect(characters / tokens).toBeGreaterThan(3.5)
    expect(characters / tokens).toBeLessThan(4.5)
  })

  test('is whole, zero for nothing only, and grows with repetition in any script', () => {
    expect(estimateTokens('')).toBe(0)
    expect(estimateTokens(' ')).toBe(1)
    for (const word of ['word ', 'Größe ', '価格', '12345', '{}();', '\n  ', 'camelCaseName ', '🙂']) {
      expect(estimateTokens(word)).toBeGreaterThanOrEqual(1)
      expect(estimateTokens(word.repeat(1000)) / estimateTokens(word.repeat(100))).toBeCloseTo(10, 0)
    }
  })
})
