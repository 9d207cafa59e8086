/** The budgets of an empty file. They limit agents and sessions; all other limits are the file's. */
const LADDER = {
  period: 'month',
  thresholds: [
    { at: '50%', do: 'log' },
    { at: '80%', do: 'notify', channels: ['slack', 'email'] },
    { at: '95%', do: 'degrade' },
    { at: '100%', do: 'block' },
  ],
  grace: '0%',
  carry_over: '0%',
} as const

export const BUDGET_DEFAULTS = {
  customer: LADDER,
  customers: {},
  agent: {
    limit_usd: '50',
    period: 'month',
    thresholds: [
      { at: '50%', do: 'log', severity: 'info' },
      { at: '75%', do: 'log', severity: 'info' },
      { at: '90%', do: 'notify', severity: 'warning', channels: ['slack', 'email'] },
      { at: '100%', do: 'pause', severity: 'critical', channels: ['slack', 'pagerduty', 'email'] },
    ],
    grace: '10%',
    carry_over: '0%',
  },
  agents: {},
  session: { limit_usd: '0.50', warn_usd: '0.30', tokens_per_minute: '50000', calls: '100' },
  tiers: {},
  total: [],
  spend: [
    { name: 'high_daily_cost', usd: '100', period: 'day', severity: 'warning', channels: ['slack'] },
    { name: 'critical_daily_cost', usd: '500', period: 'day', severity: 'critical', channels: ['slack', 'pagerduty'] },
    { name: 'high_conversation_cost', usd: '10', period: 'conversation', severity: 'warning', channels: ['slack'] },
    { name: 'high_weekly_cost', usd: '500', period: 'week', severity: 'warning', channels: ['slack'] },
    { name: 'tenant_daily_cost', usd: '10', period: 'tenant-day', severity: 'warning', channels: ['slack'] },
  ],
  cooldown: '60m',
  on_unreachable: 'allow',
  unpriced: 'allow',
  unsettled: 'charge',
  undegradable: 'allow',
  hold_allowance: '2m',
  min_output_tokens: '256',
  client_fallbacks: 'remove',
  messages: [],
} as const

/** Laid under each of `budgets.tiers` and `budgets.total`, and under `budgets.unknown_customers`. */
export const LADDER_DEFAULTS = LADDER

const { period: _, ...DAY_LADDER } = LADDER
/** Laid under `budgets.tenant_day`, whose period is given. */
export const TENANT_DAY_DEFAULTS = DAY_LADDER

/** Laid under each threshold of a budget. */
export const THRESHOLD_DEFAULTS = { channels: [] } as const

/** Laid under each of `budgets.spend`. */
export const SPEND_DEFAULTS = { severity: 'warning', channels: [] } as const

/** Laid under `budgets.backstop` where the file has one; without it LiteLLM's own budgets are left alone. */
export const BACKSTOP_DEFAULTS = { above: '5%', every: '1m' } as const
