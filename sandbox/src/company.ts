import { createHash } from 'node:crypto'
import { cumulate, hex, Rng } from './random.ts'

export interface Customer {
  readonly id: string
  /** Null: the one customer whose plan nobody entered. */
  readonly tier: string | null
  readonly users: readonly string[]
  /** Share of the traffic relative to the others. */
  readonly weight: number
}

export interface Agent {
  readonly name: string
  readonly weight: number
  /** What it does, and the question classes that it serves with their weights; null = untagged. */
  readonly operations: readonly string[]
  readonly queryTypes: readonly (readonly [queryType: string | null, weight: number])[]
}

export interface Company {
  readonly customers: readonly Customer[]
  readonly agents: readonly Agent[]
  /** Running sums of the weights, for picking. */
  readonly customerWeights: Float64Array
  readonly agentWeights: Float64Array
}

export const TIERS = ['tier_1', 'tier_2', 'tier_3'] as const
export const ENVIRONMENTS = ['production', 'staging'] as const

/** Hash of the API key of an environment, as LiteLLM shows it. */
export const KEY_HASHES: Readonly<Record<string, string>> = Object.fromEntries(
  ENVIRONMENTS.map((name) => [`app-${name}`, createHash('sha256').update(`app-${name}`).digest('hex')]),
)

/** Names of the customers, invented; the order says nothing. */
const NAMES: Readonly<Record<(typeof TIERS)[number], string>> = {
  tier_1: `alder-and-finch basil-street-bakery birchgate-dental blue-heron-yoga candlewick-books cedarline-roofing
    clover-lane-vets copperpot-catering daybreak-cycles driftwood-hostel elmside-tutors fernhill-flowers
    gravelroad-tours hazel-and-hart honeycomb-crafts inkwell-print juniper-barbers kiteworks-toys lantern-cafe
    mapleton-realty mossy-oak-camps nutmeg-kitchen otterbrook-spa pebble-beach-rentals quillpen-studio
    riverbend-rowing saltwind-charters thistle-down-inn`,
  tier_2: `amberfield-analytics brightwater-logistics calderstone-legal coralgate-insurance evergreen-staffing
    foxglove-media granite-peak-gear harborview-clinics ironbridge-parts kestrel-freight lumen-valley-solar
    millrace-software north-quay-foods orchard-payments palisade-security redwood-lending silverbirch-hr
    tidewater-travel umberline-design`,
  tier_3: `arcadia-health-network beaconhill-bank cobalt-airways drumlin-energy everstead-homes fairhaven-retail
    glasswing-telecom highmoor-university ionia-robotics jadeport-shipping keystone-grid`,
}
const NO_TIER = 'wanderlight-labs'

/** Weight of a tier's typical customer, and how many people use it there. */
const SIZES = {
  tier_1: { weight: 1, users: [1, 3] },
  tier_2: { weight: 2.6, users: [3, 9] },
  tier_3: { weight: 6, users: [8, 26] },
} as const
/** How steeply activity falls with rank inside a tier: 0 = all alike, 1 = Zipf's law as in words. */
const STEEPNESS = 0.55

const AGENTS: readonly Agent[] = [
  agent('cost-analyst', 22, 'report_builder ask_costs', { cost_analysis: 8, simple_lookup: 2 }),
  agent('advisor', 18, 'recommendations_page weekly_digest', { recommendation: 9, cost_analysis: 1 }),
  agent('helpdesk', 26, 'support_chat help_widget', { simple_lookup: 8, action: 1, '': 1 }),
  agent('ops-runner', 10, 'workflow_run', { action: 9, simple_lookup: 1 }),
  agent('inbox-sorter', 8, 'mail_triage', { action: 5, simple_lookup: 4, '': 1 }),
  agent('research-scout', 5, 'deep_research', { recommendation: 6, cost_analysis: 3, '': 1 }),
  agent('code-reviewer', 5, 'merge_request_review', { action: 4, '': 6 }),
  agent('indexer', 6, 'index_documents', { '': 1 }),
]

/** The agent whose calls are embeddings. */
export const INDEXER = 'indexer'

function agent(name: string, weight: number, operations: string, queryTypes: Readonly<Record<string, number>>): Agent {
  const weighted = Object.entries(queryTypes).map(([type, share]) => [type === '' ? null : type, share] as const)
  return { name, weight, operations: operations.split(' '), queryTypes: weighted }
}

/** The company whose traffic it is: the same for the same seed. */
export function createCompany(seed: number): Company {
  const rng = new Rng(seed, 1)
  const customers = TIERS.flatMap((tier) => customersOf(rng, tier))
  customers.push({ id: NO_TIER, tier: null, users: people(rng, 3), weight: 1.4 })
  return {
    customers,
    agents: AGENTS,
    customerWeights: cumulate(customers.map((customer) => customer.weight)),
    agentWeights: cumulate(AGENTS.map((one) => one.weight)),
  }
}

function customersOf(rng: Rng, tier: (typeof TIERS)[number]): Customer[] {
  const { weight, users } = SIZES[tier]
  const ranked = NAMES[tier].split(/\s+/).map((id) => ({ id, order: rng.next() }))
  ranked.sort((a, b) => a.order - b.order)
  const falling = ranked.map((_, rank) => (rank + 1) ** -STEEPNESS)
  const scale = (weight * falling.length) / falling.reduce((sum, value) => sum + value, 0)
  return ranked.map(({ id }, rank) => ({
    id,
    tier,
    users: people(rng, Math.round(rng.between(users[0], users[1]))),
    weight: scale * (falling[rank] ?? 0),
  }))
}

function people(rng: Rng, count: number): string[] {
  return Array.from({ length: count }, () => `usr_${hex(rng, 6)}`)
}
