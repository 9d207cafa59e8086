import {
  BACKSTOP_DEFAULTS,
  BUDGET_DEFAULTS,
  LADDER_DEFAULTS,
  SPEND_DEFAULTS,
  TENANT_DAY_DEFAULTS,
  THRESHOLD_DEFAULTS,
} from './budget-defaults.ts'
import {
  DEFAULTS,
  DOCKER_DEFAULTS,
  GATEWAY_DEFAULTS,
  GATEWAY_MODEL_DEFAULTS,
  LANGFUSE_DEFAULTS,
  LANGFUSE_PROJECT_DEFAULTS,
  POLL_DEFAULTS,
} from './defaults.ts'
import { isTreeMap, type Tree, type TreeMap } from './document.ts'
import { map, text } from './tree.ts'

type DefaultTree = string | readonly DefaultTree[] | { readonly [key: string]: DefaultTree }

export interface UnderlayOptions {
  /** What an agent may spend where the file does not say, instead of the built-in limit. */
  readonly agentLimit: string | null
}

/** The user's tree with the defaults laid under it. Whatever has the wrong shape is kept for the schema to refuse. */
export function underDefaults(tree: Tree, { agentLimit }: UnderlayOptions): Tree {
  const full = underlay(defaultsFor(tree, agentLimit), tree)
  if (isTreeMap(full) && isTreeMap(full.sources)) {
    const { litellm } = full.sources
    if (isTreeMap(litellm)) underBlock(litellm, 'poll', POLL_DEFAULTS)
    underBlock(full.sources, 'docker', DOCKER_DEFAULTS)
    underEach(full.sources, 'langfuse', LANGFUSE_PROJECT_DEFAULTS)
  }
  // Rates without dates are one block; from here on they are a list of one.
  if (isTreeMap(full) && isTreeMap(full.rates) && isTreeMap(full.rates.containers))
    full.rates.containers = [full.rates.containers]
  if (isTreeMap(full) && isTreeMap(full.gateway)) full.gateway = gatewayUnder(full.gateway)
  if (isTreeMap(full) && isTreeMap(full.budgets)) underBudgets(full.budgets)
  return full
}

/** The limit of an agent is one for a month: a file with another period has to say how much. */
function defaultsFor(tree: Tree, agentLimit: string | null): DefaultTree {
  const { limit_usd: builtIn, ...agent } = BUDGET_DEFAULTS.agent
  const period = text(map(tree, 'budgets', 'agent'), 'period') ?? agent.period
  const limit = period === agent.period ? { limit_usd: agentLimit ?? builtIn } : {}
  return { ...DEFAULTS, budgets: { ...BUDGET_DEFAULTS, agent: { ...limit, ...agent } } }
}

function gatewayUnder(written: TreeMap): Tree {
  const gateway = underlay(GATEWAY_DEFAULTS, written)
  if (!isTreeMap(gateway)) return gateway
  if (isTreeMap(gateway.langfuse)) gateway.langfuse = underlay(LANGFUSE_DEFAULTS, gateway.langfuse)
  const { models } = gateway
  if (!isTreeMap(models)) return gateway
  // A model without a block of its own stays nothing: the schema says what is missing.
  for (const [name, model] of Object.entries(models))
    if (isTreeMap(model)) models[name] = underlay(GATEWAY_MODEL_DEFAULTS, model)
  return gateway
}

/** What budgets have that are only there when the file has them, and what the entries of lists leave out. */
function underBudgets(budgets: TreeMap): void {
  underBlock(budgets, 'tenant_day', TENANT_DAY_DEFAULTS)
  underBlock(budgets, 'unknown_customers', LADDER_DEFAULTS)
  underBlock(budgets, 'backstop', BACKSTOP_DEFAULTS)
  const { tiers } = budgets
  if (isTreeMap(tiers)) for (const name of Object.keys(tiers)) underBlock(tiers, name, LADDER_DEFAULTS)
  underEach(budgets, 'total', LADDER_DEFAULTS)
  underEach(budgets, 'spend', SPEND_DEFAULTS)
  const { customer, tenant_day, agent, unknown_customers } = budgets
  const ofTiers = isTreeMap(tiers) ? Object.values(tiers) : []
  const total = Array.isArray(budgets.total) ? budgets.total : []
  for (const ladder of [customer, tenant_day, agent, unknown_customers, ...ofTiers, ...total])
    if (isTreeMap(ladder)) underEach(ladder, 'thresholds', THRESHOLD_DEFAULTS)
}

function underBlock(parent: TreeMap, key: string, defaults: DefaultTree): void {
  if (isTreeMap(parent[key])) parent[key] = underlay(defaults, parent[key])
}

function underEach(parent: TreeMap, key: string, defaults: DefaultTree): void {
  const items = parent[key]
  if (Array.isArray(items)) parent[key] = items.map((item) => (isTreeMap(item) ? underlay(defaults, item) : item))
}

/** Blocks are joined key by key; a list or a single value of the user's replaces the default; nothing takes the default. */
function underlay(defaults: DefaultTree, tree: Tree | undefined): Tree {
  if (tree === undefined || tree === null) return copy(defaults)
  if (typeof defaults === 'string' || isList(defaults) || !isTreeMap(tree)) return tree
  const joined: TreeMap = Object.assign(Object.create(null), tree)
  for (const [key, value] of Object.entries(defaults)) joined[key] = underlay(value, tree[key])
  return joined
}

function copy(defaults: DefaultTree): Tree {
  if (typeof defaults === 'string') return defaults
  if (isList(defaults)) return defaults.map(copy)
  return underlay(defaults, Object.create(null))
}

function isList(value: DefaultTree): value is readonly DefaultTree[] {
  return Array.isArray(value)
}
