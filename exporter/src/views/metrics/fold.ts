import { METRICS } from '../../catalogue.ts'
import { labelOf, seriesOf } from '../../ledger/labels.ts'
import type { Recorded } from '../../ledger/ledger.ts'
import type { CustomerTotal, GroupTotal, Totals } from '../../ledger/totals.ts'
import { type Admission, type Correction, OTHER, TOKEN_CLASSES, totalTokens, type Usage, UNKNOWN } from '../../usage.ts'
import { type Cell, counterFamily } from './cells.ts'
import { createDistributions } from './distributions.ts'
import type { Family } from './sample.ts'

/**
 * The counters and distributions of calls, as a fold over the ledger: `load` takes what a snapshot says, `apply` what came
 * after it. Both lead to the same state whatever the cut; the property test of the house checks that.
 */
export interface SpendFold {
  load(totals: Totals): void
  apply(batch: readonly Recorded[]): void
  families(): Family[]
}

/** What one event adds under one set of labels. */
interface Counted {
  readonly labels: Labels
  readonly status: string
  readonly basis: string
  readonly cacheHit: boolean
  readonly calls: bigint
  readonly tokens: readonly number[]
  readonly cost: bigint
  readonly saved: bigint
}

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
  // Events with the same names are counted in the same cells, which are looked up once.
  let profiles = new Map<string, Profile>()
  const profileOf = (record: Recorded<Usage>): Profile => {
    const key = `${record.names}/${record.named}`
    let profile = profiles.get(key)
    if (!profile) {
      if (profiles.size >= PROFILES) profiles = new Map()
      profile = createProfile(families, labelsOf(record.entry, record.named), record.entry)
      profiles.set(key, profile)
    }
    return profile
  }
  return {
    load(totals) {
      for (const group of totals.groups) {
        if (group.correction) loadCorrection(families, group)
        else createProfile(families, group, group).add(countedOf(group), group.firstAt)
      }
      for (const total of totals.customers) customers.load(total)
      distributions.load(totals.histograms)
    },
    apply(batch) {
      for (const record of batch) {
        const { entry } = record
        if (entry.kind === 'usage') {
          profileOf(record as Recorded<Usage>).addEvent(entry, record.at)
          customers.count(entry, record.named, record.at)
          distributions.observe(entry, record.named, record.at)
        } else if (entry.kind === 'correction') applyCorrection(families, entry, record)
        else if (entry.kind === 'admission') customers.change(entry, record.at)
      }
    },
    families: () => [...Object.values(families).map((family) => family.family()), ...distributions.families()],
  }
}

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
interface Profile {
  addEvent(event: Usage, at: number): void
  add(counted: Pick<Counted, 'calls' | 'tokens' | 'cost' | 'saved'>, at: number): void
}

function createProfile(
  families: Families,
  labels: Labels,
  outcome: { readonly status: string; readonly basis: string; readonly cacheHit: boolean },
): Profile {
  const { series } = labels
  const triple = [series.tier, series.model, series.provider]
  const lazy = (make: (at: number) => Cell) => {
    let cell: Cell | null = null
    return (amount: bigint, at: number) => {
      cell ??= make(at)
      cell.total += amount
    }
  }
  const counts: Adder[] = [
    lazy((at) => families.requests.cell([...triple, series.environment, outcome.status], at)),
    lazy((at) => families.queryTypeRequests.cell([labels.queryType], at)),
  ]
  if (outcome.cacheHit) counts.push(lazy((at) => families.cacheHits.cell([labels.model], at)))
  if (outcome.status === 'failed') {
    counts.push(lazy((at) => families.providerErrors.cell([labels.provider, labels.errorClass], at)))
  }
  const unpriced = outcome.basis === 'unpriced'
  if (unpriced) counts.push(lazy((at) => families.unpricedRequests.cell([labels.model], at)))
  const costs: Adder[] = []
  if (!unpriced && outcome.basis !== 'cached') {
    costs.push(
      lazy((at) => families.cost.cell([...triple, series.environment, outcome.basis], at)),
      lazy((at) => families.operationCost.cell([labels.operation], at)),
      lazy((at) => families.queryTypeCost.cell([labels.queryType], at)),
    )
    if (labels.agent !== UNKNOWN) costs.push(lazy((at) => families.agentCost.cell([labels.agent], at)))
  }
  const tokens = TOKEN_CLASSES.map((name) => lazy((at) => families.tokens.cell([...triple, name], at)))
  const unpricedTokens = lazy((at) => families.unpricedTokens.cell([labels.model], at))
  const saved = lazy((at) => families.cacheSaved.cell([labels.model], at))
  const add: Profile['add'] = (counted, at) => {
    for (const count of counts) count(counted.calls, at)
    for (const cost of costs) cost(counted.cost, at)
    let sum = 0
    counted.tokens.forEach((count, index) => {
      if (count === 0) return
      sum += count
      tokens[index]?.(BigInt(count), at)
    })
    if (unpriced && sum > 0) unpricedTokens(BigInt(sum), at)
    if (counted.saved > 0n) saved(counted.saved, at)
  }
  return {
    add,
    addEvent(event, at) {
      for (const count of counts) count(1n, at)
      for (const cost of costs) cost(event.cost ?? 0n, at)
      for (let i = 0; i < TOKEN_CLASSES.length; i++) {
        const count = event.tokens[TOKEN_CLASSES[i] as (typeof TOKEN_CLASSES)[number]]
        if (count !== undefined && count !== 0) tokens[i]?.(BigInt(count), at)
      }
      if (unpriced && totalTokens(event.tokens) > 0) unpricedTokens(BigInt(totalTokens(event.tokens)), at)
      if (event.saved !== null && event.saved > 0n) saved(event.saved, at)
    },
  }
}

type Adder = (amount: bigint, at: number) => void

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

function countedOf(group: GroupTotal): Pick<Counted, 'calls' | 'tokens' | 'cost' | 'saved'> {
  return { calls: BigInt(group.calls), tokens: group.tokens, cost: group.cost, saved: group.saved }
}

function loadCorrection(families: Families, group: GroupTotal): void {
  const down = group.costUp - group.cost
  if (group.costUp > 0n) families.correction.cell([group.tier, 'up'], group.firstAt).total += group.costUp
  if (down > 0n) families.correction.cell([group.tier, 'down'], group.firstAt).total += down
}

function applyCorrection(families: Families, entry: Correction, record: Recorded): void {
  const tier = labelOf(entry, record.named, 'tier')
  if (entry.cost > 0n) families.correction.cell([tier, 'up'], record.at).total += entry.cost
  if (entry.cost < 0n) families.correction.cell([tier, 'down'], record.at).total -= entry.cost
}

interface Customers {
  load(total: CustomerTotal): void
  count(event: Usage, named: number, at: number): void
  change(admission: Admission, at: number): void
}

/** Series by customer: given with an admission, given up with a retirement, when their total moves to the retired ones. */
function createCustomers(families: Families): Customers {
  const add = (customer: string, tier: string, calls: bigint, cost: bigint, at: number) => {
    families.customerCost.cell([customer, tier], at).total += cost
    families.customerRequests.cell([customer, tier], at).total += calls
  }
  const retire = (tier: string, calls: bigint, cost: bigint, at: number) => {
    families.customerRetired.cell([tier], at).total += cost
    families.customerRequestsRetired.cell([tier], at).total += calls
  }
  return {
    load(total) {
      const calls = BigInt(total.calls)
      if (total.current) add(total.customer || OTHER, total.tier, calls, total.cost, total.firstAt)
      else retire(total.tier, calls, total.cost, total.firstAt)
    },
    count(event, named, at) {
      add(labelOf(event, named, 'customer'), labelOf(event, named, 'tier'), 1n, event.cost ?? 0n, at)
    },
    change(admission, at) {
      if (admission.label !== 'customer' || admission.change !== 'retire') return
      const ofCustomer = (cell: Cell) => cell.labels[0] === admission.value
      for (const cell of families.customerCost.remove(ofCustomer)) retire(cell.labels[1] ?? '', 0n, cell.total, at)
      for (const cell of families.customerRequests.remove(ofCustomer)) retire(cell.labels[1] ?? '', cell.total, 0n, at)
    },
  }
}
