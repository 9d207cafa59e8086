import { type Call, sentAs } from './call.ts'
import { ERRORS } from './litellm/errors.ts'

/** How many tries failed before a retry or a fallback, by provider and class of error: `openai RateLimitError`. */
export function attemptSums(calls: Iterable<Call>): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const { attempts } of calls)
    for (const { model, failure } of attempts) addOne(sums, `${model.provider} ${ERRORS[failure].class}`)
  return sums
}

/** How many calls another model answered than the one that they were sent to, by their public names: `gpt-4o claude-haiku`. */
export function fallbackSums(calls: Iterable<Call>): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const call of calls) {
    const { model } = call
    if (model !== null && model.group !== sentAs(call)) addOne(sums, `${sentAs(call)} ${model.group}`)
  }
  return sums
}

function addOne(sums: Record<string, number>, name: string): void {
  sums[name] = (sums[name] ?? 0) + 1
}
