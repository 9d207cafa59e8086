import { DEFAULTS, GATEWAY_DEFAULTS, GATEWAY_MODEL_DEFAULTS, LANGFUSE_DEFAULTS, POLL_DEFAULTS } from './defaults.ts'
import { isTreeMap, type Tree, type TreeMap } from './document.ts'

type DefaultTree = string | readonly DefaultTree[] | { readonly [key: string]: DefaultTree }

/** The user's tree with the defaults laid under it. Whatever has the wrong shape is kept for the schema to refuse. */
export function underDefaults(tree: Tree): Tree {
  const full = underlay(DEFAULTS, tree)
  const litellm = isTreeMap(full) && isTreeMap(full.sources) ? full.sources.litellm : undefined
  if (isTreeMap(litellm) && isTreeMap(litellm.poll)) litellm.poll = underlay(POLL_DEFAULTS, litellm.poll)
  if (isTreeMap(full) && isTreeMap(full.gateway)) full.gateway = gatewayUnder(full.gateway)
  return full
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
