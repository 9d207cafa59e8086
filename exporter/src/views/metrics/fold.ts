import { METRICS } from '../../catalogue.ts'
import { labelOf, seriesOf } from '../../ledger/labels.ts'
import type { Recorded } from '../../ledger/ledger.ts'
import type { CustomerTotal, GroupTotal, Totals } from '../../ledger/totals.ts'
import {
  type Admission,
  type Correction,
  OTHER,
  TOKEN_CLASSES,
  type TokenClass,
  totalTokens,
  type Usage,
  UNKNOWN,
} from '../../usage.ts'
import { add, type Cell, counterFamily, light, totalOf } from './cells.ts'
import { createDistributions } from './distributions.ts'
import type { Family } from './sample.ts'
import { createTries } from './tries.ts'

/**
 * The counters and distributions of calls, as a fold over the ledger: `load` takes what a snapshot says, `apply` what came
 * after it. Both lead to the same state whatever the cut; the property test of the house checks that.
 */
export interface SpendFold {
  load(totals: Totals): void
  apply(batch: readonly Recorded[]): void
  families(): Family[]
}

/** Under what an event is counted. */
interface Labels {
  readonly series: {
    readonly tier: string
    readonly model: string
    readonly provider: string
    readonly environment: string
  }
  readonly model: string
  readonly provider: string
  readonly operation: string
  readonly queryType: string
  readonly agent: string
  readonly errorClass: string
}

export function createSpendFold(): SpendFold {
  const families = makeFamilies()
  const distributions = createDistributions()
  const customers = createCustomers(families)
  const tries = createTries(families)
  // Events with the same names are counted in the same cells, which are looked up once.
  let profiles = new Map<number, Profile>()
  const profileOf = (record: Recorded<Usage>): Profile => {
    const key = record.names * NAMED_BITS + record.named
    let profile = profiles.get(key)
    if (!profile) {
      if (profiles.size >= PROFILES) profiles = new Map()
      const labels = labelsOf(record.entry, record.named)
      profile = { ...createProfile(families, labels, record.entry), observe: distributions.observer(labels.series) }
      profiles.set(key, profile)
    }
    return profile
  }
  return {
    load(totals) {
      for (const group of totals.groups) {
        if (group.correction) loadCorrection(families, group)
        else createProfile(families, group, group).add(group, group.firstAt)
      }
      for (const total of totals.customers) customers.load(total)
      distributions.load(totals.histograms)
      tries.load(totals)
    },
    apply(batch) {
      for (const record of batch) {
        const { entry, at } = record
        if (entry.kind === 'usage') {
          const profile = profileOf(record as Recorded<Usage>)
          profile.addEvent(entry, at)
          profile.observe(entry, at)
          customers.count(entry, record.named, at)
        } else if (entry.kind === 'correction') applyCorrection(families, entry, record)
        else if (entry.kind === 'admission') customers.change(entry, at)
        else tries.apply(record)
      }
    },
    families: () => [...Object.values(families).map((family) => family.family()), ...distributions.families()],
  }
}

/** More than there are label bits. */
const NAMED_BITS = 65_536
const PROFILES = 20_000

type Families = ReturnType<typeof makeFamilies>

function makeFamilies() {
  return {
    requests: counterFamily(METRICS.requests, 'count'),
    tokens: counterFamily(METRICS.tokens, 'count'),
    cost: counterFamily(METRICS.cost, 'usd'),
    correction: counterFamily(METRICS.correction, 'usd'),
    operationCost: counterFamily(METRICS.operationCost, 'usd'),
    queryTypeCost: counterFamily(METRICS.queryTypeCost, 'usd'),
    queryTypeRequests: counterFamily(METRICS.queryTypeRequests, 'count'),
    cacheHits: counterFamily(METRICS.cacheHits, 'count'),
    cacheSaved: counterFamily(METRICS.cacheSaved, 'usd'),
    providerErrors: counterFamily(METRICS.providerErrors, 'count'),
    fallbacks: counterFamily(METRICS.fallbacks, 'count'),
    customerCost: counterFamily(METRICS.customerCost, 'usd'),
    customerRequests: counterFamily(METRICS.customerRequests, 'count'),
    customerRetired: counterFamily(METRICS.customerRetired, 'usd'),
    customerRequestsRetired: counterFamily(METRICS.customerRequestsRetired, 'count'),
    agentCost: counterFamily(METRICS.agentCost, 'usd'),
    unpricedRequests: counterFamily(METRICS.unpricedRequests, 'count'),
    unpricedTokens: counterFamily(METRICS.unpricedTokens, 'count'),
  }
}

/** The cells that events of one kind add to; each is made when something is first added. */
interface Adders {
  addEvent(event: Usage, at: number): void
  add(group: Pick<GroupTotal, 'calls' | 'tokens' | 'cost' | 'saved'>, at: number): void
}
interface Profile extends Adders {
  observe(event: Usage, at: number): void
}

interface Outcome {
  readonly status: string
  readonly basis: string
  readonly cacheHit: boolean
}

type Adder = (amount: bigint | number, at: number) => void

function lazy(make: (at: number) => Cell): Adder {
  let cell: Cell | null = null
  return (amount, at) => {
    cell ??= make(at)
    add(cell, amount)
  }
}

function createProfile(families: Families, labels: Labels, outcome: Outcome): Adders {
  const { series } = labels
  const counts = countAdders(families, labels, outcome)
  const costs = costAdders(families, labels, outcome)
  const triple = [series.tier, series.model, series.provider]
  const tokens = TOKEN_CLASSES.map((name) => lazy((at) => families.tokens.cell([...triple, name], at)))
  const unpriced = outcome.basis === 'unpriced' ? lazy((at) => families.unpricedTokens.cell([labels.model], at)) : null
  const saved = lazy((at) => families.cacheSaved.cell([labels.model], at))
  return {
    add(group, at) {
      for (const count of counts) count(group.calls, at)
      for (const cost of costs) cost(group.cost, at)
      group.tokens.forEach((count, index) => {
        if (count > 0) tokens[index]?.(count, at)
      })
      const sum = group.tokens.reduce((all, count) => all + count, 0)
      if (sum > 0) unpriced?.(sum, at)
      if (group.saved > 0n) saved(group.saved, at)
    },
    addEvent(event, at) {
      for (const count of counts) count(1, at)
      if (costs.length > 0) {
        const amount = light(event.cost ?? 0n)
        for (const cost of costs) cost(amount, at)
      }
      for (let i = 0; i < TOKEN_CLASSES.length; i++) {
        const count = event.tokens[TOKEN_CLASSES[i] as TokenClass]
        if (count) tokens[i]?.(count, at)
      }
      if (unpriced && totalTokens(event.tokens) > 0) unpriced(totalTokens(event.tokens), at)
      if (event.saved) saved(light(event.saved), at)
    },
  }
}

/** What is counted once a call. */
function countAdders(families: Families, labels: Labels, { status, basis, cacheHit }: Outcome): Adder[] {
  const { tier, model, provider, environment } = labels.series
  const adders = [
    lazy((at) => families.requests.cell([tier, model, provider, environment, status], at)),
    lazy((at) => families.queryTypeRequests.cell([labels.queryType], at)),
  ]
  if (cacheHit) adders.push(lazy((at) => families.cacheHits.cell([labels.model], at)))
  if (status === 'failed') {
    adders.push(lazy((at) => families.providerErrors.cell([labels.provider, labels.errorClass], at)))
  }
  if (basis === 'unpriced') adders.push(lazy((at) => families.unpricedRequests.cell([labels.model], at)))
  return adders
}

/** What the cost is added to: nothing for a call without a price, and none for a cache hit. */
function costAdders(families: Families, labels: Labels, { basis }: Outcome): Adder[] {
  if (basis === 'unpriced' || basis === 'cached') return []
  const { tier, model, provider, environment } = labels.series
  const adders = [
    lazy((at) => families.cost.cell([tier, model, provider, environment, basis], at)),
    lazy((at) => families.operationCost.cell([labels.operation], at)),
    lazy((at) => families.queryTypeCost.cell([labels.queryType], at)),
  ]
  if (labels.agent !== UNKNOWN) adders.push(lazy((at) => families.agentCost.cell([labels.agent], at)))
  return adders
}

function labelsOf(event: Usage, named: number): Labels {
  return {
    series: seriesOf(event, named),
    model: labelOf(event, named, 'model'),
    provider: labelOf(event, named, 'provider'),
    operation: labelOf(event, named, 'operation'),
    queryType: labelOf(event, named, 'query_type'),
    agent: labelOf(event, named, 'agent'),
    errorClass: labelOf(event, named, 'error_class'),
  }
}

function loadCorrection(families: Families, group: GroupTotal): void {
  const down = group.costUp - group.cost
  if (group.costUp > 0n) add(families.correction.cell([group.tier, 'up'], group.firstAt), group.costUp)
  if (down > 0n) add(families.correction.cell([group.tier, 'down'], group.firstAt), down)
}

function applyCorrection(families: Families, entry: Correction, record: Recorded): void {
  const tier = labelOf(entry, record.named, 'tier')
  if (entry.cost > 0n) add(families.correction.cell([tier, 'up'], record.at), entry.cost)
  if (entry.cost < 0n) add(families.correction.cell([tier, 'down'], record.at), -entry.cost)
}

interface Customers {
  load(total: CustomerTotal): void
  count(event: Usage, named: number, at: number): void
  change(admission: Admission, at: number): void
}

interface CustomerCells {
  readonly cost: Cell
  readonly requests: Cell
}

/** Series by customer: given with an admission, given up with a retirement, when their total moves to the retired ones. */
function createCustomers(families: Families): Customers {
  // By customer and then tier; as many as there are series.
  const known = new Map<string, Map<string, CustomerCells>>()
  const cells = (customer: string, tier: string, at: number): CustomerCells => {
    let tiers = known.get(customer)
    if (!tiers) {
      tiers = new Map()
      known.set(customer, tiers)
    }
    let found = tiers.get(tier)
    if (!found) {
      const labels = [customer, tier]
      found = { cost: families.customerCost.cell(labels, at), requests: families.customerRequests.cell(labels, at) }
      tiers.set(tier, found)
    }
    return found
  }
  const retire = (tier: string, calls: bigint | number, cost: bigint, at: number) => {
    add(families.customerRetired.cell([tier], at), cost)
    add(families.customerRequestsRetired.cell([tier], at), calls)
  }
  return {
    load(total) {
      if (!total.current) return retire(total.tier, total.calls, total.cost, total.firstAt)
      const { cost, requests } = cells(total.customer || OTHER, total.tier, total.firstAt)
      add(cost, total.cost)
      add(requests, total.calls)
    },
    count(event, named, at) {
      const { cost, requests } = cells(labelOf(event, named, 'customer'), labelOf(event, named, 'tier'), at)
      add(cost, light(event.cost ?? 0n))
      add(requests, 1)
    },
    change(admission, at) {
      if (admission.label !== 'customer' || admission.change !== 'retire') return
      known.delete(admission.value)
      const ofCustomer = (cell: Cell) => cell.labels[0] === admission.value
      for (const cell of families.customerCost.remove(ofCustomer)) retire(cell.labels[1] ?? '', 0, totalOf(cell), at)
      for (const cell of families.customerRequests.remove(ofCustomer)) {
        retire(cell.labels[1] ?? '', totalOf(cell), 0n, at)
      }
    },
  }
}
