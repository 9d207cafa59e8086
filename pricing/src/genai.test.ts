import { createRequire } from 'node:module'
import { calcPrice, waitForUpdate } from '@pydantic/genai-prices'
import { describe, expect, test } from 'vitest'
import { openPriceBook } from './book.ts'
import { GENAI_VERSION } from './genai.ts'
import { usd } from './money.ts'

const AT = Date.UTC(2026, 10, 18, 2)
const book = openPriceBook({ litellmMap: null })

describe('genai-prices', () => {
  test('is of the version whose date is told as its age', () => {
    const manifest = createRequire(import.meta.url)('../package.json')
    expect(manifest.dependencies['@pydantic/genai-prices']).toBe(GENAI_VERSION)
  })

  test('charges what we do for every model it has, exact decimals against its floats', async () => {
    const providers = (await waitForUpdate()) ?? []
    const usage = {
      input_tokens: 300_000,
      cache_read_tokens: 100_000,
      output_tokens: 7000,
      output_reasoning_tokens: 2000,
    }
    const ours = { input: 200_000, cache_read: 100_000, output: 5000, reasoning: 2000 }
    const far: string[] = []
    let compared = 0
    for (const provider of providers) {
      for (const { id } of provider.models) {
        const theirs = calcPrice(usage, id, { providerId: provider.id, timestamp: new Date(AT) })
        const mine = book.cost(id, ours, { at: AT, provider: provider.id })
        if (theirs === null || mine === null || mine.price.model !== theirs.model.id) continue
        compared++
        const { requests_kcount: perRequest = 0 } = theirs.model_price
        const total = theirs.total_price - (typeof perRequest === 'number' ? perRequest / 1000 : 0)
        if (Math.abs(Number(usd(mine.cost)) - total) > 2e-9)
          far.push(`${provider.id} ${id}: ${total} ${usd(mine.cost)}`)
      }
    }
    expect(far).toEqual([])
    expect(compared).toBeGreaterThan(1300)
  })

  test('holds nothing that we cannot read', () => {
    for (const model of ['gpt-4o', 'deepseek-v4-pro', 'sonar', 'claude-opus-4-6']) book.price(model, { at: AT })
    expect(book.skipped).toEqual([])
  })

  test('knows prices per request, which count where the usage names requests', () => {
    const query = { at: AT, provider: 'perplexity' }
    const once = book.cost('sonar', { input: 10, output: 10, requests: 1 }, query)?.cost ?? 0n
    const never = book.cost('sonar', { input: 10, output: 10 }, query)?.cost ?? 0n
    expect(once - never).toBeGreaterThan(0n)
  })
})
