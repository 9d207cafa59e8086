import { type Json, object } from '../litellm/read.ts'

/** What a row's metadata says, taken apart. */
export interface Metadata {
  /** All of it, nested by the dots of its keys. */
  readonly tree: Json
  /** What LiteLLM says of the call that it sent; empty when it sent none. */
  readonly litellm: Json
}

const MOST_KEYS = 2000
const DEEPEST = 12
/** The middle of a text that was cut off: our id stands in what our gateway writes. */
const CUT = /"spend_logs_metadata"\s*:\s*\{[^{}]*?"marginwatch_call_id"\s*:\s*"([0-9a-f-]{36})"/i

/**
 * Takes metadata apart. Langfuse keeps it flat, with dotted keys and texts for values, and its first version nested; LiteLLM's
 * callbacks put what they say of a call either beside everything else or as JSON into the one key `attributes.metadata`.
 */
export function readMetadata(value: unknown): Metadata {
  const tree = nested(object(typeof value === 'string' ? fromText(value) : value))
  const { metadata: inside } = object(tree.attributes)
  const said = litellmIn(inside)
  if (said !== null) return { tree, litellm: said }
  const beside = Object.keys(tree).some((key) => key === 'spend_logs_metadata' || key.startsWith('user_api_key'))
  return { tree, litellm: beside ? tree : NONE }
}

const NONE: Json = Object.freeze({})

function litellmIn(inside: unknown): Json | null {
  if (typeof inside !== 'string') return inside === undefined ? null : object(inside)
  const whole = fromText(inside)
  if (typeof whole === 'object' && whole !== null) return object(whole)
  const [, id] = CUT.exec(inside) ?? []
  return id === undefined ? null : { spend_logs_metadata: { marginwatch_call_id: id } }
}

/** `{"a.b": 1}` → `{a: {b: 1}}`. A name that is a value and a branch at once stays as it was written. */
function nested(flat: Json): Json {
  const tree: Record<string, unknown> = Object.create(null)
  for (const key of Object.keys(flat).slice(0, MOST_KEYS)) {
    const steps = key.split('.').slice(0, DEEPEST)
    if (steps.length === 1) {
      if (!(key in tree)) tree[key] = flat[key]
      continue
    }
    const last = steps.pop() as string
    const branch = branchAt(tree, steps)
    if (branch === null || last in branch) tree[key] = flat[key]
    else branch[last] = flat[key]
  }
  return tree
}

function branchAt(tree: Record<string, unknown>, steps: readonly string[]): Record<string, unknown> | null {
  let at = tree
  for (const step of steps) {
    const next = at[step] ?? Object.create(null)
    if (typeof next !== 'object' || Array.isArray(next)) return null
    at[step] = next
    at = next as Record<string, unknown>
  }
  return at
}

function fromText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
