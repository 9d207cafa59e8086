import type { MessageReason, Policy } from '../policy/policy.ts'

/** What the built-in messages say; a policy may say it otherwise by tier and language. Nothing here tells what we pay. */
const BUILT_IN: Readonly<Record<MessageReason, string>> = {
  customer: 'You have used all that your plan includes for now. It starts afresh on {reset_date}.',
  tenant_day: 'You have used all that your plan includes for today. It starts afresh on {reset_date}.',
  agent:
    'This agent has used up its budget. It can go on from {reset_date}, or when an administrator raises the budget.',
  agent_paused: 'This agent is paused. An administrator can resume it.',
  session: 'This conversation has reached its limit. Please start a new one.',
  session_calls: 'This conversation has reached the number of requests that it may have. Please start a new one.',
  session_rate: 'This conversation is going too fast. Please wait a moment and try again.',
  tier: 'Your plan is in such demand that its budget is used up. It starts afresh on {reset_date}.',
  global: 'This service has used up its budget for now. It starts afresh on {reset_date}.',
  unknown_customers:
    'This request cannot be served without a customer that has a plan. Please sign in, or get in touch.',
  unpriced: 'This model is not available at the moment.',
  undegradable: 'You have nearly used all that your plan includes, and no smaller model can answer this request.',
  unreachable: 'This service cannot check your plan right now. Please try again in a moment.',
}

export interface MessageFor {
  readonly reason: MessageReason
  readonly tier: string | null
  readonly language: string | null
  /** When it starts afresh, epoch milliseconds; null = unknown. */
  readonly resetAt: number | null
}

/** What a refused caller reads: the policy's entry that matches the most of reason, tier and language, else the built-in words. */
export function messageFor(policy: Policy, { reason, tier, language, resetAt }: MessageFor): string {
  const own = policy.budgets.messages
    .filter((rule) => rule.for === null || rule.for === reason)
    .filter((rule) => rule.tier === null || rule.tier === tier)
    .filter((rule) => rule.language === null || speaks(language, rule.language))
    .map((rule) => ({ rule, weight: (rule.for ? 12 : 0) + (rule.tier ? 11 : 0) + (rule.language ? 10 : 0) }))
  const best = own.reduce<(typeof own)[number] | null>((a, b) => (a === null || b.weight > a.weight ? b : a), null)
  const text = best?.rule.text ?? BUILT_IN[reason]
  const places = new Map(
    Object.entries({
      reset_date:
        resetAt === null ? 'later' : dateText(resetAt, policy.timezone, best ? (best.rule.language ?? language) : 'en'),
      tier: tier ?? '',
    }),
  )
  return text.replace(/\{(\w+)\}/g, (whole, place: string) => places.get(place) ?? whole)
}

/** `de` is spoken by whoever asks for `de-CH`. */
function speaks(asked: string | null, offered: string): boolean {
  const [a, b] = [asked?.toLowerCase() ?? '', offered.toLowerCase()]
  return a === b || a.startsWith(`${b}-`)
}

function dateText(at: number, timeZone: string, language: string | null): string {
  try {
    return new Intl.DateTimeFormat(language ?? 'en', { dateStyle: 'long', timeZone }).format(at)
  } catch {
    return new Intl.DateTimeFormat('en', { dateStyle: 'long', timeZone }).format(at)
  }
}
