import type { ObservationInput, Priced } from './observation.ts'

/** An entry of Langfuse's table of models. */
export interface ModelPrice {
  readonly id: string
  readonly modelName: string
  /** Regular expression over the provider's name of the model; `(?i)` in front as Postgres has it. Default: exactly the name, in any case. */
  readonly matchPattern?: string
  /** Dollars a unit, by kind of usage. */
  readonly prices: Readonly<Record<string, number>>
  /** Epoch milliseconds from which it counts; null = always did. */
  readonly startDate?: number | null
  /** Langfuse's own entry. One that the project made goes before it. Default false. */
  readonly managed?: boolean
}

const NOTHING: Priced = { cost: {}, internalModelId: null, pricingTier: null, prices: {} }

/**
 * What a row cost. A cost that was sent is what stands: its `total` as sent, or input + output when they are all there is, and
 * no total otherwise. Without one: units × price for each kind that has exactly this price; kinds without a price cost nothing.
 */
export function pricing(models: readonly ModelPrice[]) {
  return (model: string, usage: Readonly<Record<string, number>>, sent: ObservationInput): Priced => {
    const found = model === '' ? null : matching(models, model, sent.start)
    const known = found ? { internalModelId: found.id, prices: found.prices } : {}
    if (sent.cost && Object.keys(sent.cost).length > 0) {
      const tier = found && Object.keys(usage).length > 0 ? 'Standard' : null
      return { ...NOTHING, ...known, pricingTier: tier, cost: kept(asSent(sent.cost)) }
    }
    if (!found) return NOTHING
    return { ...NOTHING, ...known, pricingTier: 'Standard', cost: kept(computed(usage, found.prices)) }
  }
}

function asSent(cost: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const kinds = Object.keys(cost)
  if (cost.total !== undefined) return cost
  const plain = kinds.every((kind) => kind === 'input' || kind === 'output')
  return plain ? { ...cost, total: (cost.input ?? 0) + (cost.output ?? 0) } : cost
}

/** As the table keeps money: to twelve decimal places. */
function kept(cost: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(cost).map(([kind, amount]) => [kind, Number(amount.toFixed(12))]))
}

function computed(usage: Readonly<Record<string, number>>, prices: Readonly<Record<string, number>>) {
  const cost: Record<string, number> = {}
  for (const [kind, units] of Object.entries(usage)) {
    const price = prices[kind]
    if (price !== undefined) cost[kind] = price * units
  }
  const kinds = Object.values(cost)
  if (kinds.length > 0 && cost.total === undefined) cost.total = kinds.reduce((sum, part) => sum + part, 0)
  return cost
}

/** The project's own before Langfuse's, and of these the one that began last before the row's start. */
function matching(models: readonly ModelPrice[], name: string, start: number): ModelPrice | null {
  const fitting = models.filter((model) => patternOf(model).test(name) && (model.startDate ?? -Infinity) <= start)
  const order = (a: ModelPrice, b: ModelPrice): number =>
    Number(a.managed ?? false) - Number(b.managed ?? false) || (b.startDate ?? -1) - (a.startDate ?? -1)
  return fitting.sort(order)[0] ?? null
}

/** The pattern as it is shown, when none was given. */
export function shownPattern({ modelName, matchPattern }: ModelPrice): string {
  return matchPattern ?? `(?i)^(${modelName.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')})$`
}

function patternOf(model: ModelPrice): RegExp {
  const pattern = shownPattern(model)
  return pattern.startsWith('(?i)') ? new RegExp(pattern.slice(4), 'i') : new RegExp(pattern)
}
