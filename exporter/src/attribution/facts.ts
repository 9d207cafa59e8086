import { scalar } from './label.ts'

/** A place in a call: a field of the record itself, a `name:value` tag, a metadata entry, or a request header. */
export interface Place {
  readonly in: 'field' | 'tag' | 'metadata' | 'header'
  readonly name: string
}

/** What a record says about who made a call. Values are as they stood in the record: nothing is trusted yet. */
export interface Facts {
  /** Call start, epoch milliseconds. */
  readonly start: number
  readonly fields: Readonly<Record<string, unknown>>
  /** The field `session` holds what the client named, and nothing that the gateway made up. */
  readonly sessionNamed?: boolean
  readonly tags: readonly unknown[]
  readonly metadata: Readonly<Record<string, unknown>>
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, unknown>>
  readonly keyAlias: string | null
}

/** Facts with their tags taken apart. */
export interface ReadFacts {
  readonly given: Facts
  readonly named: ReadonlyMap<string, string>
  /** Tags that are no `name:value`. */
  readonly bare: readonly string[]
}

/** LiteLLM adds these to every call; they say nothing of the caller's intent. */
const NOISE = /^User-Agent:/i
// An address such as https://… is no name with a value.
const TAG = /^\s*([\w.-]{1,64})\s*[:=]\s*(?!\/\/)(\S.*)$/s
const MOST_TAGS = 64

/** Takes the tags apart once. Of two tags with one name the first counts. */
export function readFacts(facts: Facts): ReadFacts {
  const named = new Map<string, string>()
  const bare: string[] = []
  for (const raw of facts.tags.slice(0, MOST_TAGS)) {
    const tag = typeof raw === 'string' ? remembered(raw) : null
    if (tag === null) continue
    if (tag.name === null) bare.push(tag.value)
    else if (!named.has(tag.name)) named.set(tag.name, tag.value)
  }
  return { given: facts, named, bare }
}

interface Tag {
  /** In lower case; null for a bare tag. */
  readonly name: string | null
  readonly value: string
}

// The same few tags come with every call.
const TAGS = new Map<string, Tag | null>()
const REMEMBERED = 20_000
const LONGEST = 128

function remembered(raw: string): Tag | null {
  let tag = TAGS.get(raw)
  if (tag === undefined) {
    tag = read(raw)
    if (TAGS.size >= REMEMBERED) TAGS.clear()
    if (raw.length <= LONGEST) TAGS.set(raw, tag)
  }
  return tag
}

function read(raw: string): Tag | null {
  const text = NOISE.test(raw) ? null : scalar(raw)
  if (text === null) return null
  const match = TAG.exec(text)
  return match ? { name: (match[1] as string).toLowerCase(), value: match[2] as string } : { name: null, value: text }
}

/** What stands in a place; undefined when nothing does. Metadata may be nested: `a.b` reads `b` inside `a`. */
export function look({ given, named }: ReadFacts, place: Place): unknown {
  switch (place.in) {
    case 'field':
      return own(given.fields, place.name)
    case 'tag':
      return named.get(place.name.toLowerCase())
    case 'header':
      return own(given.headers, place.name.toLowerCase())
    case 'metadata':
      return own(given.metadata, place.name) ?? nested(given.metadata, place.name)
  }
}

function nested(map: Readonly<Record<string, unknown>>, path: string): unknown {
  if (!path.includes('.')) return undefined
  let value: unknown = map
  for (const step of path.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined
    value = own(value as Record<string, unknown>, step)
  }
  return value
}

function own(map: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(map, key) ? map[key] : undefined
}
