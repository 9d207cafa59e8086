import { openPriceBook } from '@marginwatch/pricing'
import { describe, expect, it } from 'vitest'
import { BOOK, NOON, policyOf } from '../../test/budgets/support.ts'
import type { GatewayModel, GatewayPolicy } from '../policy/policy.ts'
import { createModels } from './models.ts'

const own = (model: string, mode: GatewayModel['mode'] = 'chat'): GatewayModel => ({
  model,
  mode,
  apiBase: null,
  apiKey: null,
  apiVersion: null,
  awsRegion: null,
  vertexProject: null,
  vertexLocation: null,
})
const gateway = (
  models: Record<string, GatewayModel>,
  fallbacks: Record<string, readonly string[]> = {},
): GatewayPolicy => ({ models, fallbacks, retries: 0, timeoutMs: 1 }) as unknown as GatewayPolicy
const models = (over = {}, book = BOOK, now = () => NOON) => createModels(policyOf(null, {}, over), book, now)

describe('what must be known of a model', () => {
  it('is asked under its public name, and recorded under the provider’s', () => {
    const facts = models({ gateway: gateway({ smart: own('openai/gpt-4o') }) }).of('smart')
    expect(facts).toMatchObject({ name: 'smart', own: 'gpt-4o', mode: 'chat', writes: true, priced: true, free: false })
    expect(facts.worst({ input: 1_000, media: false, cacheWrites: true, serviceTier: null }, 1_000)).toBe(
      BOOK.worst('gpt-4o', { input: 1_000, output: 1_000 }, { at: NOON }),
    )
  })

  it('is never less than what a call within its size costs', () => {
    const { of } = models()
    for (const name of ['gpt-4o', 'gpt-4', 'claude-sonnet-4-5', 'gemini-2.5-pro']) {
      const worst = of(name).worst({ input: 300_000, media: true, cacheWrites: true, serviceTier: null }, 5_000)
      const cost = BOOK.cost(name, { input: 300_000, output: 5_000 }, { at: NOON })?.cost ?? 0n
      expect(worst).toBeGreaterThanOrEqual(cost)
    }
  })

  it('says of embeddings that nothing is written, and of pictures that nobody knows what they cost', () => {
    expect(models().of('text-embedding-3-small')).toMatchObject({ writes: false, priced: true })
    const pictures = gateway({ pictures: own('openai/dall-e-3', 'image_generation') })
    expect(models({ gateway: pictures }).of('pictures')).toMatchObject({ writes: false, priced: false })
    expect(models().of('nobody-knows-this')).toMatchObject({ priced: false, free: false, maxOutput: null })
  })

  it('follows fallbacks to their ends, and not in circles', () => {
    const all = gateway({}, { a: ['b', 'c'], b: ['d'], d: ['a'] })
    expect(models({ gateway: all }).of('a').fallbacks).toEqual(['b', 'd', 'a', 'c'])
  })

  it('takes the price of the day, not that of the day before', () => {
    let now = NOON
    const per = { input: 1_000_000_000n, output: 1_000_000_000n }
    const book = openPriceBook({
      overrides: [{ model: 'm', provider: null, from: NOON + 3_600_000, to: null, perMillion: per }],
    } as never)
    const { of } = models({}, book, () => now)
    expect(of('m').priced).toBe(false)
    now = NOON + 3_600_000
    expect(of('m').priced).toBe(true)
  })
})

describe('the cheaper model', () => {
  const { cheaperThan } = models({
    degrade: [
      { from: 'gpt-4o', to: 'mini' },
      { from: 'gpt-*', to: 'nano' },
      { from: 'a+(b', to: 'c' },
    ],
  })

  it('is that of the first pattern that fits the whole name', () => {
    expect(cheaperThan('gpt-4o')).toBe('mini')
    expect(cheaperThan('gpt-4o-2')).toBe('nano')
    expect(cheaperThan('my-gpt-4')).toBeNull()
    expect(cheaperThan('a+(b')).toBe('c')
  })

  it('is never the model itself', () => {
    expect(models({ degrade: [{ from: 'g*', to: 'gpt-4' }] }).cheaperThan('gpt-4')).toBeNull()
  })
})
