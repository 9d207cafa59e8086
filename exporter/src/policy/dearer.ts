import { openPriceBook, type PriceBook } from '@marginwatch/pricing'
import { ruleFor } from './pattern.ts'
import type { DegradeRule, Policy } from './policy.ts'
import { found, type Issue } from './problem.ts'

/** The end of all dates: of prices that change, the last one known. The file means the same whenever it is read. */
const LAST = 8.64e15 - 1
const CLASSES = ['input', 'output'] as const

interface Comparison {
  readonly rule: DegradeRule
  readonly replaced: string
  /** What the target costs more of, and what less. */
  readonly more: readonly string[]
  readonly less: readonly string[]
}

/**
 * Targets of `degrade` that cost more than what they replace, by the list prices and the file's own: `dearer` where nothing of
 * them costs less, `mixed` where input costs more and output less or the other way round. A model without a known price is
 * not judged.
 */
export function dearerTargets(policy: Policy): { dearer: Issue[]; mixed: Issue[] } {
  if (policy.degrade.length === 0) return { dearer: [], mixed: [] }
  const book = openPriceBook({ overrides: policy.prices.overrides })
  const compared = policy.degrade.map((rule) =>
    replacedBy(rule, policy).map((replaced) => compare({ rule, replaced }, policy, book)),
  )
  // Of each rule the first model is told of: the others have the same cause.
  const first = (which: (comparison: Comparison) => boolean) => compared.flatMap((of) => of.filter(which).slice(0, 1))
  return { dearer: first(isDearer).map(dearerIssue), mixed: first(isMixed).map(mixedIssue) }
}

function isDearer({ more, less }: Comparison): boolean {
  return more.length > 0 && less.length === 0
}

function isMixed({ more, less }: Comparison): boolean {
  return more.length > 0 && less.length > 0
}

function replacedBy(rule: DegradeRule, { gateway, degrade }: Policy): string[] {
  if (gateway === null) return rule.from.includes('*') ? [] : [rule.from]
  return Object.keys(gateway.models).filter((name) => name !== rule.to && ruleFor(degrade, name) === rule)
}

function compare(
  { rule, replaced }: { rule: DegradeRule; replaced: string },
  policy: Policy,
  book: PriceBook,
): Comparison {
  const priceOf = (name: string) => book.price(policy.gateway?.models[name]?.model ?? name, { at: LAST })?.perMillion
  const [own, its] = [priceOf(replaced), priceOf(rule.to)]
  const more: string[] = []
  const less: string[] = []
  for (const name of CLASSES) {
    const [before, after] = [own?.[name], its?.[name]]
    if (before === undefined || after === undefined || Number(before) === Number(after)) continue
    const side = Number(after) > Number(before) ? more : less
    side.push(`$${after} against $${before} for a million tokens of ${name}`)
  }
  return { rule, replaced, more, less }
}

function dearerIssue({ rule, replaced, more }: Comparison): Issue {
  const message = `${found(rule.to)}, which costs more than ${replaced}: ${more.join(', ')}; expected a model that costs less`
  return { path: ['degrade', rule.from], message }
}

function mixedIssue({ rule, replaced, more, less }: Comparison): Issue {
  const message = `whether ${rule.to} is cheaper than ${replaced} depends on the call: ${more.join(', ')}, but ${less.join(', ')}`
  return { path: ['degrade', rule.from], message }
}
