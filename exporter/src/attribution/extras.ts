import type { ReadFacts } from './facts.ts'
import { type Hash, name } from './label.ts'

const MOST = 16
const NAME = /^[\w.-]{1,64}$/
const VALUE_LENGTH = 256
/** Names under which applications put what was said, and what is the gateway's own. */
const NEVER =
  /^(?:prompts?|messages?|inputs?|outputs?|contents?|responses?|completions?|questions?|answers?|text|body|system|query|headers|authorization|cookie|api[_-]?key|password|secret|token)$|^(?:user_api_key|litellm_|marginwatch_|x-litellm-)|used_client_oauth_token/i

/**
 * The small map of what else the client said about its call: tags and metadata that became no attribute of their own. Texts
 * longer than a label are left out, not cut, because they may be a prompt. Bare tags stand together under `tags`.
 */
export function extras(facts: ReadFacts, used: ReadonlySet<string>, hash: Hash): Record<string, string> {
  const kept: Record<string, string> = {}
  let count = 0
  const keep = (key: string, value: unknown) => {
    if (count >= MOST || !NAME.test(key) || NEVER.test(key) || used.has(key.toLowerCase()) || Object.hasOwn(kept, key))
      return
    if (typeof value === 'string' && value.length > VALUE_LENGTH) return
    const text = name(value, hash, VALUE_LENGTH)
    if (text === null) return
    Object.defineProperty(kept, key, { value: text, enumerable: true, writable: true, configurable: true })
    count++
  }
  for (const [key, value] of facts.named) keep(key, value)
  for (const key of Object.keys(facts.given.metadata)) keep(key, facts.given.metadata[key])
  if (facts.bare.length > 0) keep('tags', shortest(facts.bare))
  return kept
}

/** As many bare tags as fit. */
function shortest(tags: readonly string[]): string {
  let text = ''
  for (const tag of tags) {
    const longer = text === '' ? tag : `${text},${tag}`
    if (longer.length <= VALUE_LENGTH) text = longer
  }
  return text
}
