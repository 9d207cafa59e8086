import { describe, expect, it } from 'vitest'
import { asked, BOOK, LADDER, NOON, policyOf, reading, threshold, USD, WALL, WHO } from '../../test/budgets/support.ts'
import type { GatewayPolicy, Policy } from '../policy/policy.ts'
import type { Ask, MeterReading } from './ask.ts'
import { compileBudgets } from './compiled.ts'
import { type DecideWorld, decide } from './decide.ts'
import { budgetOf } from './ladder.ts'
import { createModels, type ModelFacts, type Models } from './models.ts'

const CHEAPER = { degrade: [{ from: 'gpt-4o', to: 'gpt-4o-mini' }] }

/** The world around a decision; `facts` change what is known of models. */
function worldOf(
  over: Partial<DecideWorld> = {},
  policy: Policy = policyOf(null, {}, CHEAPER),
  facts: Record<string, Partial<ModelFacts>> = {},
): DecideWorld {
  const models = createModels(policy, BOOK, () => NOON)
  const changed: Models = { ...models, of: (name) => ({ ...models.of(name), ...facts[name] }) }
  return {
    budgets: compileBudgets(policy),
    models: changed,
    usual: { output: () => 300, countRatio: () => 1.1 },
    readings: [],
    agentPaused: false,
    session: null,
    ...over,
  }
}
const counted = (over: Partial<Ask> = {}) =>
  asked({ input: { bytes: 400, tokens: 100, images: 0, opaque: 0, cacheWrites: false }, ...over })
const at = (spent: bigint, held = 0n, over: Partial<MeterReading> = {}) => reading({ spent, held, ...over })
const percent = (share: bigint) => (10n * USD * share) / 100n
const gateway = (fallbacks: Record<string, readonly string[]>) => ({
  gateway: { models: {}, fallbacks } as unknown as GatewayPolicy,
})

describe('a decision', () => {
  it('lets a call go as it is while there is room, and holds all that it can cost on each budget', () => {
    const own = at(0n)
    const total = reading({}, budgetOf('global', LADDER, 100n * USD))
    const found = decide(counted(), worldOf({ readings: [own, total] }))
    expect(found).toMatchObject({ action: 'allow', reason: 'ok', model: 'gpt-4o', maxTokens: null, because: null })
    const most = BOOK.worst('gpt-4o', { input: 127, output: 500 }, { at: NOON })
    expect(found.charges).toEqual([
      { key: own.meter.key, amount: most, line: 10n * USD, spent: 0n },
      { key: total.meter.key, amount: most, line: 100n * USD, spent: 0n },
    ])
  })

  it('holds nothing where nothing limits, and says so', () => {
    expect(decide(counted(), worldOf())).toMatchObject({ action: 'allow', reason: 'unlimited', charges: [] })
  })

  it('refuses at 100 %, by the budget with the least left', () => {
    const tier = reading({ spent: 99n * USD }, budgetOf('tier', WALL, 100n * USD))
    expect(decide(counted(), worldOf({ readings: [at(percent(100n)), tier] }))).toMatchObject({
      action: 'block',
      reason: 'customer',
      because: { meter: { subject: 'acme' } },
      charges: [],
    })
    const spent = { ...tier, spent: 101n * USD }
    expect(decide(counted(), worldOf({ readings: [at(0n), spent] })).reason).toBe('tier')
  })

  it('moves a call to the cheaper model from 95 % on, by what is spent and held together', () => {
    const move = (spent: bigint, held: bigint) => decide(counted(), worldOf({ readings: [at(spent, held)] }))
    expect(move(percent(94n), 0n).action).toBe('allow')
    expect(move(percent(95n), 0n)).toMatchObject({ action: 'degrade', reason: 'customer', model: 'gpt-4o-mini' })
    expect(move(percent(90n), percent(5n))).toMatchObject({ action: 'degrade', model: 'gpt-4o-mini' })
    expect(move(percent(90n), percent(4n)).action).toBe('allow')
  })

  it('moves it as well when the model asked for is too dear for what is left, but not from who has no such threshold', () => {
    const left = BOOK.worst('gpt-4o-mini', { input: 127, output: 500 }, { at: NOON }) as bigint
    const budget = (ladder: typeof LADDER) => budgetOf('customer', ladder, USD / 100n)
    const short = (ladder: typeof LADDER) => reading({ held: USD / 100n - left }, budget(ladder))
    expect(
      decide(
        counted(),
        worldOf({
          readings: [short({ ...LADDER, thresholds: [threshold(9_999, 'degrade'), threshold(10_000, 'block')] })],
        }),
      ),
    ).toMatchObject({
      action: 'degrade',
      model: 'gpt-4o-mini',
    })
    expect(decide(counted(), worldOf({ readings: [short(WALL)] }))).toMatchObject({
      action: 'block',
      reason: 'customer',
    })
  })

  describe('past the threshold for cheaper models, where the cheaper one', () => {
    const full = { readings: [at(percent(96n))] }
    const cannot: readonly [string, Partial<ModelFacts>, Partial<Ask>][] = [
      ['answers in another way', { mode: 'embedding' }, {}],
      ['cannot call tools', { tools: false }, { needs: ['tools'] }],
      ['cannot read pictures', { images: false }, { needs: ['images'] }],
      ['cannot read so much', { contextWindow: 100 }, {}],
    ]
    it.each(cannot)('%s, lets the call go or refuses it by the policy', (_, facts, over) => {
      const by = (undegradable: 'allow' | 'block') =>
        decide(counted(over), worldOf(full, policyOf(null, { undegradable }, CHEAPER), { 'gpt-4o-mini': facts }))
      expect(by('allow')).toMatchObject({ action: 'allow', model: 'gpt-4o' })
      expect(by('block')).toMatchObject({
        action: 'block',
        reason: 'undegradable',
        because: { meter: { subject: 'acme' } },
      })
    })

    it('can do it for all that is known, takes its place', () => {
      expect(
        decide(
          counted({ needs: ['tools', 'images'] }),
          worldOf(full, undefined, { 'gpt-4o-mini': { tools: null, images: null } }),
        ).action,
      ).toBe('degrade')
    })

    it('is not named, goes on with the one asked for', () => {
      expect(
        decide(counted({ model: 'gpt-4' }), worldOf(full, policyOf(null, { undegradable: 'block' }, CHEAPER))),
      ).toMatchObject({
        action: 'allow',
        model: 'gpt-4',
      })
    })

    it('costs nothing to begin with, is not looked for', () => {
      expect(decide(counted(), worldOf(full, undefined, { 'gpt-4o': { free: true } }))).toMatchObject({
        action: 'allow',
        reason: 'free',
      })
    })
  })

  describe('about a model that costs nothing', () => {
    const free = { 'gpt-4o': { free: true } }
    const spent = { readings: [at(percent(120n))] }

    it('lets it answer over any budget, and holds nothing', () => {
      expect(decide(counted(), worldOf(spent, undefined, free))).toMatchObject({
        action: 'allow',
        reason: 'free',
        charges: [],
        fallbacks: true,
      })
    })

    it('keeps those from answering in its place who cost money, once there is none', () => {
      const policy = policyOf(null, {}, gateway({ 'gpt-4o': ['gpt-4'] }))
      expect(decide(counted(), worldOf(spent, policy, free))).toMatchObject({
        action: 'allow',
        charges: [],
        fallbacks: false,
      })
      const found = decide(counted(), worldOf({ readings: [at(0n)] }, policy, free))
      expect(found).toMatchObject({ action: 'allow', fallbacks: true })
      expect(found.charges[0]?.amount).toBe(BOOK.worst('gpt-4', { input: 127, output: 500 }, { at: NOON }))
    })
  })

  describe('about a model without a price', () => {
    const policy = (unpriced: 'allow' | 'block') => policyOf(null, { unpriced })
    const ask = counted({ model: 'nobody-knows-this' })

    it('lets it go or refuses it by the policy', () => {
      expect(decide(ask, worldOf({ readings: [at(0n)] }, policy('allow')))).toMatchObject({
        action: 'allow',
        charges: [],
      })
      expect(decide(ask, worldOf({ readings: [at(0n)] }, policy('block')))).toMatchObject({
        action: 'block',
        reason: 'unpriced',
        because: null,
      })
    })

    it('does not let it go over a budget that is used up', () => {
      expect(decide(ask, worldOf({ readings: [at(percent(100n))] }, policy('allow')))).toMatchObject({
        action: 'block',
        reason: 'customer',
      })
    })
  })

  it('gives up fallbacks before it cuts an answer, and refuses only what does not fit alone either', () => {
    const policy = policyOf(null, {}, gateway({ 'gpt-4o': ['gpt-4'] }))
    const alone = BOOK.worst('gpt-4o', { input: 127, output: 500 }, { at: NOON }) as bigint
    const withRoom = (free: bigint) =>
      decide(
        counted(),
        worldOf(
          { readings: [reading({ held: percent(94n) - free }, budgetOf('customer', WALL, percent(94n)))] },
          policy,
        ),
      )
    expect(withRoom(percent(90n))).toMatchObject({ action: 'allow', fallbacks: true, maxTokens: null })
    expect(withRoom(alone * 48n)).toMatchObject({ action: 'allow', fallbacks: false, maxTokens: null })
    expect(withRoom(alone - 1n)).toMatchObject({ action: 'allow', fallbacks: false, maxTokens: 300 })
    expect(withRoom(alone / 4n)).toMatchObject({ action: 'block' })
  })

  it('has the input counted only where money is tight', () => {
    const rough = asked({ input: { bytes: 40_000, tokens: null, images: 0, opaque: 0, cacheWrites: false } })
    const left = (usd: bigint) => worldOf({ readings: [reading({}, budgetOf('customer', WALL, usd))] })
    expect(decide(rough, left(10n * USD)).action).toBe('allow')
    expect(decide(rough, left(USD / 5n))).toMatchObject({ action: 'count', charges: [] })
    expect(decide(rough, worldOf()).action).toBe('allow')
  })

  it('measures a call once against two budgets over one period, by the stricter', () => {
    const meter = at(0n)
    const loose = { ...meter, meter: { ...meter.meter, budget: budgetOf('customer', LADDER, 20n * USD) } }
    for (const readings of [
      [meter, loose],
      [loose, meter],
    ]) {
      const { charges } = decide(counted(), worldOf({ readings }))
      expect(charges).toHaveLength(1)
      expect(charges[0]?.line).toBe(10n * USD)
    }
  })

  it('bounds no answer of an embedding, and refuses it when it does not fit', () => {
    const ask = counted({ model: 'text-embedding-3-small', maxTokens: null })
    const left = (usd: bigint) => worldOf({ readings: [reading({}, budgetOf('customer', WALL, usd))] })
    expect(decide(ask, left(USD))).toMatchObject({ action: 'allow', maxTokens: null, expected: { output: 0 } })
    expect(decide(ask, left(100n))).toMatchObject({ action: 'block', reason: 'customer' })
  })

  describe('about an agent', () => {
    it('refuses one that is paused before anything else is looked at', () => {
      const found = decide(counted(), worldOf({ agentPaused: true, readings: [at(percent(100n))] }))
      expect(found).toMatchObject({ action: 'block', reason: 'agent_paused', because: null, retryAfterMs: null })
    })

    it('stops it at its threshold and its grace, not before', () => {
      const budget = budgetOf('agent', { ...LADDER, thresholds: [threshold(10_000, 'pause')], grace: 1_000 }, 50n * USD)
      expect(decide(counted(), worldOf({ readings: [reading({ spent: 54n * USD }, budget)] })).action).toBe('allow')
      expect(decide(counted(), worldOf({ readings: [reading({ spent: 55n * USD }, budget)] }))).toMatchObject({
        action: 'block',
        reason: 'agent',
      })
    })
  })

  describe('about a session', () => {
    const policy = policyOf(null, { session: { limit: null, warn: null, calls: 3, tokensPerMinute: 1_000 } })
    const session = (calls: number, wait = 0) => ({ session: { calls, waitFor: () => wait } })

    it('refuses the call beyond those that it may have', () => {
      expect(decide(counted(), worldOf(session(2), policy)).action).toBe('allow')
      expect(decide(counted(), worldOf(session(3), policy))).toMatchObject({
        action: 'block',
        reason: 'session_calls',
        retryAfterMs: null,
      })
    })

    it('has it wait while its minute is full, by what is read and the answer that is likely', () => {
      expect(decide(counted(), worldOf(session(0, 12_345), policy))).toMatchObject({
        action: 'block',
        reason: 'session_rate',
        retryAfterMs: 12_345,
      })
      let tokens = 0
      const waitFor = (wanted: number) => {
        tokens = wanted
        return 0
      }
      const measured = { session: { calls: 0, waitFor } }
      expect(decide(counted({ maxTokens: 5_000, answers: 2 }), worldOf(measured, policy)).tokens).toBe(100 + 2 * 300)
      expect(tokens).toBe(700)
    })
  })

  describe('about auto', () => {
    const routes = {
      byQueryType: { simple: { model: 'gpt-4o-mini', expected: null } },
      otherwise: { model: 'gpt-4o', expected: null },
    }
    const route = (queryType: string | null, over = {}) =>
      decide(
        counted({ model: 'auto', who: { ...WHO, queryType } }),
        worldOf(over, policyOf(null, {}, { ...CHEAPER, routes })),
      )

    it('goes by the class of the question, and for others to the common model', () => {
      expect(route('simple')).toMatchObject({ action: 'allow', reason: 'route', model: 'gpt-4o-mini' })
      expect(route('hard')).toMatchObject({ reason: 'route', model: 'gpt-4o' })
      expect(route(null)).toMatchObject({ model: 'gpt-4o' })
    })

    it('is moved to the cheaper model as any other call', () => {
      expect(route(null, { readings: [at(percent(96n))] })).toMatchObject({ action: 'degrade', model: 'gpt-4o-mini' })
    })
  })

  it('is the same whenever it is asked, and changes nothing that it was made from', () => {
    const readings = Object.freeze([Object.freeze(at(percent(50n)))])
    const world = worldOf({ readings })
    expect(decide(counted(), world)).toEqual(decide(counted(), world))
  })
})
