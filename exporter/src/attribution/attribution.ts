import { type Facts, look, type Place, type ReadFacts, readFacts } from './facts.ts'
import { type Hash, name, scalar } from './label.ts'
import { extras } from './extras.ts'

/** What is looked for in a call; the policy gives each of them its places. */
export const ATTRIBUTES = [
  'customer',
  'tier',
  'user',
  'session',
  'agent',
  'trace',
  'operation',
  'query_type',
  'model_asked',
  'model_used',
  'environment',
  'project',
  'prompt_name',
  'prompt_version',
  'tools',
] as const
export type Attribute = (typeof ATTRIBUTES)[number]

/** Where each attribute is looked for, best first. */
export type Rules = Readonly<Record<Attribute, readonly Place[]>>

/** Who owns the calls made with an API key. */
export interface Owner {
  readonly customer: string | null
  readonly tier: string | null
  readonly user: string | null
  readonly agent: string | null
  readonly environment: string | null
}

export interface Attribution {
  readonly rules: Rules
  /** By alias of the API key. */
  readonly owners: Readonly<Record<string, Owner>>
  /** The plan that the roster has for a customer at a moment (epoch milliseconds); null when it knows none. */
  readonly tierAt: (customer: string, at: number) => string | null
  readonly hash: Hash
}

/** Who a call belongs to. Null is unknown; nothing here holds a key or an e-mail address. */
export interface Who {
  readonly customer: string | null
  readonly tier: string | null
  readonly user: string | null
  readonly session: string | null
  readonly agent: string | null
  readonly trace: string | null
  readonly operation: string | null
  readonly queryType: string | null
  readonly modelAsked: string | null
  /** Only what the call says of itself; the gateway's word stands over it. */
  readonly modelUsed: string | null
  readonly environment: string | null
  readonly project: string | null
  readonly keyAlias: string | null
  readonly promptName: string | null
  readonly promptVersion: string | null
  readonly tools: readonly string[]
  readonly metadata: Readonly<Record<string, string>>
}

const MOST_TOOLS = 16
const TOOL_LENGTH = 64

/**
 * Finds who a call belongs to, by the policy's rules alone: no clock, no network, never throws, whatever the record holds.
 *
 * - The first place of a rule with a value counts; what no place has, the owner of the API key gives.
 * - Tier: the roster's at the call's start, else the key owner's, else what the call says of itself.
 * - Session: only one that the client named. A gateway that is given none makes up a random uuid; such a one counts only
 *   when the client's own metadata or headers hold it too, or when the gateway's hook says that the client named it.
 * - Keys and e-mail addresses never reach a label, a log line or a page: they become `hash:xxxxxxxx`.
 */
export function attribute(given: Facts, how: Attribution): Who {
  const facts = readFacts(given)
  const owner = ownerOf(how.owners, given.keyAlias)
  const find = (attribute: Attribute) => first(facts, how, attribute)
  const customer = firstValue(facts, how.rules.customer) ?? owner?.customer
  return {
    customer: name(customer, how.hash),
    tier: tierOf(facts, how, customer) ?? name(owner?.tier, how.hash) ?? find('tier'),
    user: find('user') ?? name(owner?.user, how.hash),
    session: session(facts, how),
    agent: find('agent') ?? name(owner?.agent, how.hash),
    trace: find('trace'),
    operation: find('operation'),
    queryType: find('query_type'),
    modelAsked: find('model_asked'),
    modelUsed: find('model_used'),
    environment: find('environment') ?? name(owner?.environment, how.hash),
    project: find('project'),
    keyAlias: name(given.keyAlias, how.hash),
    promptName: find('prompt_name'),
    promptVersion: find('prompt_version'),
    tools: tools(facts, how),
    metadata: extras(facts, usedNames(how.rules), how.hash),
  }
}

/**
 * From where an attribute of a call comes, as `place=value` with the policy's name of the place and the value as it stands in
 * the call; the key's alias where its owner says it. Null when the call does not say it, or the roster does.
 */
export function markOf(
  given: Facts,
  how: Attribution,
  attribute: 'customer' | 'tier' | 'session' | 'agent',
): string | null {
  const facts = readFacts(given)
  const own = attribute === 'tier' ? null : place(facts, how, attribute)
  if (own !== null) return own
  if (attribute === 'session') return null
  const owner = ownerOf(how.owners, given.keyAlias)
  return owner?.[attribute] == null ? null : `key_alias=${given.keyAlias}`
}

function place(facts: ReadFacts, how: Attribution, attribute: 'customer' | 'session' | 'agent'): string | null {
  for (const one of how.rules[attribute]) {
    const value = look(facts, one)
    const found = scalar(value)
    if (found === null || (attribute === 'session' && one.in === 'field' && madeUp(facts, one.name, found))) continue
    return `${one.in === 'field' ? '' : `${one.in}.`}${one.name}=${String(value)}`
  }
  return null
}

/** The roster may hold the customer as it came in or as it is shown. */
function tierOf(facts: ReadFacts, how: Attribution, customer: unknown): string | null {
  const asGiven = scalar(customer)
  const shown = name(customer, how.hash)
  if (asGiven === null || shown === null) return null
  return how.tierAt(asGiven, facts.given.start) ?? (shown === asGiven ? null : how.tierAt(shown, facts.given.start))
}

function first(facts: ReadFacts, how: Attribution, attribute: Attribute): string | null {
  return name(firstValue(facts, how.rules[attribute]), how.hash)
}

function firstValue(facts: ReadFacts, places: readonly Place[]): unknown {
  for (const place of places) {
    const value = look(facts, place)
    if (scalar(value) !== null) return value
  }
  return undefined
}

function session(facts: ReadFacts, how: Attribution): string | null {
  for (const place of how.rules.session) {
    const value = look(facts, place)
    const found = name(value, how.hash)
    if (found !== null && !(place.in === 'field' && madeUp(facts, place.name, found))) return found
  }
  return null
}

const RANDOM_UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i

const SESSION_FIELDS = new Set(['session', 'session_id'])

/** A random uuid that stands nowhere in what the client sent is one that the gateway made up, unless it is known better. */
function madeUp(facts: ReadFacts, field: string, value: string): boolean {
  if (!RANDOM_UUID.test(value) || (facts.given.sessionNamed && SESSION_FIELDS.has(field))) return false
  return !Object.values(facts.given.metadata).includes(value) && !Object.values(facts.given.headers).includes(value)
}

/** A list, or one text with commas. */
function tools(facts: ReadFacts, how: Attribution): string[] {
  for (const place of how.rules.tools) {
    const value = look(facts, place)
    const list = Array.isArray(value) ? value.slice(0, 4 * MOST_TOOLS) : (scalar(value)?.split(',') ?? [])
    const names = list.map((tool) => name(tool, how.hash, TOOL_LENGTH)).filter((tool) => tool !== null)
    if (names.length > 0) return [...new Set(names)].slice(0, MOST_TOOLS)
  }
  return []
}

/** Names that became attributes need not be kept a second time. */
function usedNames(rules: Rules): ReadonlySet<string> {
  const cached = USED.get(rules)
  if (cached) return cached
  const names = new Set<string>()
  for (const attribute of ATTRIBUTES) for (const place of rules[attribute]) names.add(place.name.toLowerCase())
  USED.set(rules, names)
  return names
}
const USED = new WeakMap<Rules, ReadonlySet<string>>()

function ownerOf<T>(map: Readonly<Record<string, T>>, key: string | null): T | undefined {
  return key !== null && Object.hasOwn(map, key) ? map[key] : undefined
}
