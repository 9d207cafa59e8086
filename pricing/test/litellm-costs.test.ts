import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { openPriceBook } from '../src/book.ts'
import { bundledLitellmMap } from '../src/bundled.ts'
import { TOKEN_KEYS } from '../src/litellm-cells.ts'
import { UNIT_KEYS } from '../src/litellm-units.ts'
import { record } from '../src/read-price.ts'
import { READ_CLASSES, type Usage } from '../src/tokens.ts'

interface Recorded {
  readonly litellm: string
  readonly usages: Readonly<Record<string, { tokens: Usage; at: number; service_tier?: string }>>
  /** Nano-dollars by model, in the order of `usages`; null where the usage says nothing about the model. */
  readonly costs: Readonly<Record<string, readonly (number | null)[]>>
}

/** `[what LiteLLM charges, what we do]` in nano-dollars by model and usage; null = unpriced. */
interface Explained {
  readonly reason: string
  readonly costs: Readonly<Record<string, Readonly<Record<string, readonly [number, number | null]>>>>
}

const recorded = fixture<Recorded>('litellm-costs.json')
const explained = fixture<readonly Explained[]>('litellm-differences.json')
const map = bundledLitellmMap().map
const book = openPriceBook()
const usages = Object.entries(recorded.usages)

function fixture<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8'))
}

/** The provider as LiteLLM's gateway names it, and what the model can use: embeddings write nothing. */
function asCalled(model: string, tokens: Usage): { provider: string; tokens: Usage } {
  const entry = record(map[model])
  const provider = String(entry?.litellm_provider)
  const read = Object.entries(tokens).filter(([name]) => READ_CLASSES.some((known) => known === name))
  return {
    provider: provider.startsWith('vertex_ai') ? 'vertex_ai' : provider,
    tokens: entry?.mode === 'embedding' ? Object.fromEntries(read) : tokens,
  }
}

function differences(): Map<string, string> {
  const found = new Map<string, string>()
  for (const [model, costs] of Object.entries(recorded.costs)) {
    costs.forEach((theirs, index) => {
      const [name, usage] = usages[index] ?? []
      if (theirs === null || name === undefined || usage === undefined) return
      const { provider, tokens } = asCalled(model, usage.tokens)
      const query = { provider, at: usage.at, serviceTier: usage.service_tier ?? null }
      const ours = book.cost(model, tokens, query)?.cost ?? null
      if (ours !== BigInt(theirs)) found.set(`${model} ${name}`, `${theirs} ${ours}`)
    })
  }
  return found
}

describe("LiteLLM's own calculator", () => {
  const found = differences()
  const listed = new Map(
    explained.flatMap(({ costs }) =>
      Object.entries(costs).flatMap(([model, cases]) =>
        Object.entries(cases).map(
          ([name, [theirs, ours]]) => [`${model} ${name}`, `${theirs} ${ours}`] as [string, string],
        ),
      ),
    ),
  )

  test('was asked about at least 200 models, each with the five usages', () => {
    const whole = Object.values(recorded.costs).filter((costs) => costs.slice(0, 5).every((cost) => cost !== null))
    expect(usages.slice(0, 5).map(([name]) => name)).toEqual(['plain', 'cached', 'cache_write', 'reasoning', 'long'])
    expect(whole.length).toBeGreaterThan(3000)
  })

  test('charges what we do to the nano-dollar, but for differences that are listed with their reason', () => {
    const unexplained = [...found].filter(([key]) => !listed.has(key))
    expect(unexplained).toEqual([])
  })

  test('still differs where the list says so, and by as much', () => {
    const gone = [...listed].filter(([key, values]) => found.get(key) !== values)
    expect(gone).toEqual([])
  })

  test('agrees as often as the README says', () => {
    const all = Object.values(recorded.costs).flatMap((costs) => costs.filter((cost) => cost !== null)).length
    const numbers = [Object.keys(recorded.costs).length, all - found.size, all].map((count) =>
      count.toLocaleString('en'),
    )
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
    expect(numbers.filter((number) => !readme.includes(number))).toEqual([])
  })

  test('the list gives a reason for each and names nothing twice', () => {
    const names = explained.flatMap(({ costs }) => Object.keys(costs))
    expect(explained.every(({ reason }) => reason.length > 40)).toBe(true)
    expect(new Set(names).size).toBe(names.length)
  })
})

describe('the bundled map', () => {
  test('is of the version whose answers were recorded, and has the models that were asked about', () => {
    const readme = readFileSync(new URL('../data/README.md', import.meta.url), 'utf8')
    expect(readme).toContain(`litellm ${recorded.litellm}`)
    expect(readme).toContain(new Date(bundledLitellmMap().asOf).toISOString().slice(0, 10))
    expect(Object.keys(recorded.costs).filter((model) => !(model in map))).toEqual([])
  })

  test('holds only fields that prices and limits are read from', () => {
    const limits = [
      'max_input_tokens',
      'max_output_tokens',
      'max_tokens',
      'supports_function_calling',
      'supports_vision',
    ]
    const facts = ['litellm_provider', 'mode', ...limits, 'web_search_billing_unit']
    const prices = [...Object.values(TOKEN_KEYS), ...Object.values(UNIT_KEYS).flat(), 'search_context_cost_per_query']
    const read = [...facts, ...prices, 'tiered_pricing', 'off_peak_pricing']
    const fields = new Set(Object.values(map).flatMap((entry) => Object.keys(record(entry) ?? {})))
    expect([...fields].filter((field) => !read.some((known) => field.startsWith(known)))).toEqual([])
    expect(Object.keys(map).length).toBeGreaterThan(4000)
  })
})
