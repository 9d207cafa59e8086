import { block, blockOrNone, list, named } from './blocks.ts'
import {
  channel,
  dollars,
  duration,
  label,
  languageTag,
  limit,
  oneOf,
  optional,
  orNone,
  percent,
  plainModel,
  required,
  whole,
} from './kinds.ts'
import { BUDGET_PERIODS, MESSAGE_REASONS, SEVERITIES, SPEND_PERIODS, THRESHOLD_ACTIONS } from './policy.ts'

const channels = list(required(channel), 'a list of channels, e.g. [slack, email]')

const threshold = block({
  at: required(percent('0.01%', '1000%', '80%')),
  do: required(oneOf(THRESHOLD_ACTIONS)),
  severity: optional(oneOf(SEVERITIES)),
  channels,
})

const dayLadder = {
  thresholds: list(threshold, 'a list of thresholds, e.g. - { at: 80%, do: notify }'),
  grace: required(percent('0%', '100%', '10%')),
  carry_over: required(percent('0%', '100%', '25%')),
}
const ladder = { period: required(oneOf(BUDGET_PERIODS)), ...dayLadder }
const limited = block({ limit_usd: required(limit), ...ladder })
const ownLimit = block({ limit_usd: required(limit) })

const spend = block({
  name: required(label('a name of its own, e.g. high_daily_cost')),
  usd: required(limit),
  period: required(oneOf(SPEND_PERIODS)),
  severity: required(oneOf(SEVERITIES)),
  channels,
  message: optional(label('a sentence, e.g. "Daily cost threshold exceeded: {cost} > {threshold}"', 1000)),
})

const message = block({
  for: optional(oneOf(MESSAGE_REASONS)),
  tier: optional(label('the name of a tier')),
  language: optional(languageTag),
  text: required(label('what a refused caller reads', 1000)),
})

/** The block `budgets`: limits, what happens at shares of them, and what becomes of calls that cannot be judged. */
export const budgets = block({
  customer: block(ladder),
  customers: named(ownLimit, 'limits by customer, e.g. acme: { limit_usd: 20 }'),
  tenant_day: block({ limit_usd: required(limit), ...dayLadder }).nullish(),
  agent: blockOrNone({ limit_usd: required(limit), ...ladder }),
  agents: named(ownLimit, 'limits by agent, e.g. nightly: { limit_usd: 100 }'),
  session: blockOrNone({
    limit_usd: required(orNone(limit)),
    warn_usd: required(orNone(limit)),
    tokens_per_minute: required(orNone(whole(1, 1_000_000_000))),
    calls: required(orNone(whole(1, 1_000_000_000))),
  }),
  tiers: named(limited, 'budgets by tier, e.g. tier_1: { limit_usd: 4000 }'),
  total: list(limited, 'a list of budgets, e.g. - { limit_usd: 1000, period: day }'),
  unknown_customers: limited.nullish(),
  spend: list(spend, 'a list of thresholds, e.g. - { name: high_daily_cost, usd: 100, period: day }'),
  cooldown: required(duration('0s', '7d', '60m')),
  on_unreachable: required(oneOf(['allow', 'block'])),
  unpriced: required(oneOf(['allow', 'block'])),
  unsettled: required(oneOf(['charge', 'release'])),
  undegradable: required(oneOf(['allow', 'block'])),
  hold_allowance: required(duration('1s', '1d', '2m')),
  min_output_tokens: required(whole(1, 1_000_000)),
  client_fallbacks: required(oneOf(['remove', 'keep'])),
  backstop: block({
    above: required(percent('0.01%', '1000%', '5%')),
    every: required(duration('10s', '1d', '1m')),
  }).nullish(),
  messages: list(message, 'a list of messages, e.g. - { for: customer, text: "…" }'),
})

const model = required(plainModel)

/** Model or pattern → the model that takes its place near a limit. */
export const degrade = named(model, 'cheaper models by model or pattern, e.g. gpt-4o: gpt-4o-mini')

const route = block({
  model,
  expect_usd: list(required(dollars), 'the least and the most that a query should cost, e.g. [0.001, 0.005]').nullish(),
})

/** The route for query types without one of their own. */
export const OTHERWISE = 'default'

/** Query type → the model that answers when a call asks for `auto`. */
export const routes = named(route, 'models by query type, e.g. simple_lookup: { model: gemini-flash }')
