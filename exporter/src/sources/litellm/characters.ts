import { type Json, list, object, whole } from './read.ts'

/** What LiteLLM puts in the place of a text that it must not log. */
const REDACTED = 'redacted-by-litellm'

/** Characters that the gateway has counted itself; null when it has not, or when there were none. */
export function countedCharacters(value: unknown): { input: number; output: number } | null {
  const counted = object(value)
  const input = whole(counted.input) ?? 0
  const output = whole(counted.output) ?? 0
  return input + output > 0 && Math.max(input, output) <= MOST_CHARACTERS ? { input, output } : null
}

/** More than any model reads or writes. */
const MOST_CHARACTERS = 1_000_000_000

/**
 * Characters of a call's prompt and answer, for one that came without usage. The texts are measured and forgotten. Null when
 * there is nothing to measure, or when logging of texts is switched off and only their replacement is there.
 */
export function charactersOf(record: Json): { input: number; output: number } | null {
  const input = measure(record.messages, 0)
  const output = measure(answerOf(record.response), 0)
  if (input === null || output === null || input + output === 0) return null
  return { input, output }
}

function answerOf(response: unknown): unknown {
  if (typeof response === 'string') return response
  const answer = object(response)
  return [
    ...list(answer.choices).map((choice) => object(choice).message ?? object(choice).text),
    ...list(answer.output),
    ...list(answer.content),
  ]
}

/** Sum of the texts in messages and their parts; null when one of them was replaced. */
function measure(value: unknown, depth: number): number | null {
  if (typeof value === 'string') return value.includes(REDACTED) ? null : value.length
  if (depth > 6 || typeof value !== 'object' || value === null) return 0
  const parts = Array.isArray(value)
    ? value
    : [(value as Json).content, (value as Json).text, (value as Json).arguments]
  let sum = 0
  for (const part of parts) {
    const length = measure(part, depth + 1)
    if (length === null) return null
    sum += length
  }
  return sum
}
