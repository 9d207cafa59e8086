/**
 * Every name that leaves the house, written once: metrics with type, help and labels, and the bound of each outside label.
 * No imports. The exposition is an API: a change here changes the golden file.
 */

export type MetricType = 'counter' | 'gauge' | 'histogram'

export interface Metric {
  readonly name: string
  readonly type: MetricType
  /** A full sentence with the unit. */
  readonly help: string
  readonly labels: readonly string[]
  /** Upper bounds of a histogram's buckets, in the metric's unit as exact decimal text; +Inf is implied. */
  readonly buckets?: readonly string[]
}

/**
 * How many distinct values of each outside label get series of their own, first come first served; later ones are counted
 * as `other`. `series` bounds the combinations of tier, model, provider and environment, `fallback` those of two models. The
 * bound of `customer` is the policy's (`metrics.customers`).
 */
export const LABEL_BOUNDS = {
  tier: 20,
  model: 300,
  provider: 50,
  environment: 20,
  operation: 100,
  query_type: 50,
  agent: 200,
  customer: 200,
  error_class: 50,
  series: 2000,
  fallback: 500,
  queue: 50,
} as const

const SECONDS = ['0.1', '0.25', '0.5', '1', '2.5', '5', '10', '20', '30', '60', '120', '300'] as const

/** Why a gateway lost a record: its spool was full, it could be written nowhere, it was refused, a kill left half of it. */
export const DROP_REASONS = ['full', 'disk', 'refused', 'torn'] as const
export type DropReason = (typeof DROP_REASONS)[number]

/** What a job in a queue of Langfuse's may be. Those that are done are not counted: it keeps the latest only. */
export const QUEUE_STATES = ['waiting', 'active', 'delayed', 'prioritized', 'paused', 'failed'] as const
export type QueueState = (typeof QUEUE_STATES)[number]

/** How many budgets get series: those past their first notifying threshold, nearest to their limit first. */
export const MOST_BUDGETS = 2_000

/** What is decided of a call that is about to be made. An asker who is told to count first has no decision yet. */
export const DECISION_ACTIONS = ['allow', 'degrade', 'block'] as const
export type DecisionAction = (typeof DECISION_ACTIONS)[number]

/** What a decision rests on: nothing in its way, a route or a price of nothing, or the limit that stood in the way. */
export const DECISION_REASONS = [
  'ok',
  'route',
  'free',
  'unlimited',
  'customer',
  'tenant_day',
  'agent',
  'agent_paused',
  'session',
  'session_calls',
  'session_rate',
  'tier',
  'global',
  'unknown_customers',
  'unpriced',
  'undegradable',
] as const
export type DecisionReason = (typeof DECISION_REASONS)[number]

/** Whose budget it is; what does not apply to the scope is empty. */
const BUDGET = ['scope', 'period', 'customer', 'agent', 'tier'] as const

export const METRICS = {
  requests: {
    name: 'llm_requests_total',
    type: 'counter',
    help: 'Client calls with their final outcome.',
    labels: ['tier', 'model', 'provider', 'environment', 'status'],
  },
  tokens: {
    name: 'llm_tokens_total',
    type: 'counter',
    help: 'Tokens by class; the classes are disjoint.',
    labels: ['tier', 'model', 'provider', 'token_type'],
  },
  cost: {
    name: 'llm_cost_usd_total',
    type: 'counter',
    help: 'Cost of calls in US dollars as first recorded.',
    labels: ['tier', 'model', 'provider', 'environment', 'basis'],
  },
  correction: {
    name: 'llm_cost_correction_usd_total',
    type: 'counter',
    help: 'Corrections of recorded cost in US dollars, by direction.',
    labels: ['tier', 'direction'],
  },
  operationCost: {
    name: 'llm_operation_cost_usd_total',
    type: 'counter',
    help: 'Cost in US dollars by operation of the application.',
    labels: ['operation'],
  },
  queryTypeCost: {
    name: 'llm_query_type_cost_usd_total',
    type: 'counter',
    help: 'Cost in US dollars by query type.',
    labels: ['query_type'],
  },
  queryTypeRequests: {
    name: 'llm_query_type_requests_total',
    type: 'counter',
    help: 'Client calls by query type.',
    labels: ['query_type'],
  },
  spend: {
    name: 'llm_spend_usd',
    type: 'gauge',
    help: 'Spend of the running day, week (from Monday) and month in US dollars, net of corrections, dated by call start.',
    labels: ['period', 'tier'],
  },
  callCost: {
    name: 'llm_call_cost_usd',
    type: 'histogram',
    help: 'Cost of a call in US dollars.',
    labels: [],
    buckets: ['0.0001', '0.0005', '0.001', '0.0025', '0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1', '5'],
  },
  contextUsed: {
    name: 'llm_context_used_ratio',
    type: 'histogram',
    help: "Share of the model's context window that a call used.",
    labels: ['model'],
    buckets: ['0.01', '0.05', '0.1', '0.25', '0.5', '0.75', '0.9', '1'],
  },
  duration: {
    name: 'llm_request_duration_seconds',
    type: 'histogram',
    help: 'Time from the start of a call to its last byte in seconds.',
    labels: ['model', 'provider'],
    buckets: SECONDS,
  },
  ttft: {
    name: 'llm_time_to_first_token_seconds',
    type: 'histogram',
    help: 'Time from the start of a streamed call to its first token in seconds.',
    labels: ['model', 'provider'],
    buckets: ['0.05', ...SECONDS],
  },
  cacheHits: {
    name: 'llm_cache_hits_total',
    type: 'counter',
    help: "Calls answered from the gateway's response cache.",
    labels: ['model'],
  },
  cacheSaved: {
    name: 'llm_cache_saved_usd_total',
    type: 'counter',
    help: 'What cache hits would have cost in US dollars.',
    labels: ['model'],
  },
  providerErrors: {
    name: 'llm_provider_errors_total',
    type: 'counter',
    help: 'Failed calls and attempts by provider and class of error.',
    labels: ['provider', 'class'],
  },
  fallbacks: {
    name: 'llm_fallbacks_total',
    type: 'counter',
    help: 'Calls that the gateway handed to another model than the one they were meant for.',
    labels: ['from', 'to'],
  },
  customerCost: {
    name: 'llm_customer_cost_usd_total',
    type: 'counter',
    help: 'Cost in US dollars of customers with series of their own; the rest as other.',
    labels: ['customer', 'tier'],
  },
  customerRequests: {
    name: 'llm_customer_requests_total',
    type: 'counter',
    help: 'Calls of customers with series of their own; the rest as other.',
    labels: ['customer', 'tier'],
  },
  customerRetired: {
    name: 'llm_customer_cost_retired_usd_total',
    type: 'counter',
    help: 'Cost in US dollars of customers that gave their series up after long idleness. Not for rates.',
    labels: ['tier'],
  },
  customerRequestsRetired: {
    name: 'llm_customer_requests_retired_total',
    type: 'counter',
    help: 'Calls of customers that gave their series up after long idleness. Not for rates.',
    labels: ['tier'],
  },
  agentCost: {
    name: 'llm_agent_cost_usd_total',
    type: 'counter',
    help: 'Cost in US dollars by agent.',
    labels: ['agent'],
  },
  activeCustomers: {
    name: 'llm_active_customers',
    type: 'gauge',
    help: 'Customers with a call within the window.',
    labels: ['window'],
  },
  activeSessions: {
    name: 'llm_active_sessions',
    type: 'gauge',
    help: 'Sessions with a call within the window.',
    labels: ['window'],
  },
  sessionCost: {
    name: 'llm_session_cost_usd',
    type: 'histogram',
    help: 'Cost of a session in US dollars, observed once when it is closed.',
    labels: [],
    buckets: ['0.001', '0.005', '0.01', '0.05', '0.1', '0.2', '0.3', '0.5', '1', '5', '10'],
  },
  sessionCalls: {
    name: 'llm_session_calls',
    type: 'histogram',
    help: 'Calls of a session, observed once when it is closed.',
    labels: [],
    buckets: ['1', '2', '5', '10', '20', '50', '100', '200', '500'],
  },
  topSession: {
    name: 'llm_top_session_cost_usd',
    type: 'gauge',
    help: 'Cost in US dollars of the 10 dearest sessions of the running day.',
    labels: ['session', 'customer'],
  },
  budgetLimit: {
    name: 'llm_budget_limit_usd',
    type: 'gauge',
    help: 'Limit of a budget for its running period in US dollars.',
    labels: BUDGET,
  },
  budgetSpent: {
    name: 'llm_budget_spent_usd',
    type: 'gauge',
    help: 'What a budget has spent in its running period in US dollars.',
    labels: BUDGET,
  },
  budgetHeld: {
    name: 'llm_budget_held_usd',
    type: 'gauge',
    help: 'What is kept of a budget for calls under way in US dollars: the most that they can cost.',
    labels: BUDGET,
  },
  budgetRemaining: {
    name: 'llm_budget_remaining_usd',
    type: 'gauge',
    help: 'Limit of a budget less what it has spent in US dollars; below 0 it is past its limit.',
    labels: BUDGET,
  },
  budgetForecast: {
    name: 'llm_budget_forecast_usd',
    type: 'gauge',
    help: 'What a budget will have spent at the end of its period in US dollars if it goes on as it did.',
    labels: BUDGET,
  },
  budgetRatio: {
    name: 'llm_budget_ratio',
    type: 'gauge',
    help: 'Share of its limit that a budget has spent.',
    labels: BUDGET,
  },
  budgetReset: {
    name: 'llm_budget_reset_timestamp_seconds',
    type: 'gauge',
    help: 'When the next period of a budget begins, Unix time in seconds.',
    labels: BUDGET,
  },
  budgetThreshold: {
    name: 'llm_budget_threshold',
    type: 'gauge',
    help: 'Highest threshold that a budget has reached in its running period as a share of its limit, 0 for none.',
    labels: BUDGET,
  },
  budgetsLeftOut: {
    name: 'marginwatch_budgets_left_out',
    type: 'gauge',
    help: 'Budgets past their first notifying threshold that have no series because too many others are nearer to their limit.',
    labels: [],
  },
  crossings: {
    name: 'llm_budget_crossings_total',
    type: 'counter',
    help: 'Thresholds of budgets that were reached, each once for its budget, period and limit.',
    labels: ['scope', 'threshold'],
  },
  decisions: {
    name: 'llm_decisions_total',
    type: 'counter',
    help: 'Decisions on calls about to be made, since this process started.',
    labels: ['action', 'reason'],
  },
  undecided: {
    name: 'llm_undecided_requests_total',
    type: 'counter',
    help: 'Calls that a gateway sent on without a decision, as far as was heard since this process started.',
    labels: [],
  },
  agentPaused: {
    name: 'llm_agent_paused',
    type: 'gauge',
    help: '1 while the calls of the agent are refused until somebody resumes it, else 0.',
    labels: ['agent'],
  },
  runawaySessions: {
    name: 'llm_runaway_sessions',
    type: 'gauge',
    help: 'Sessions not closed yet that have cost more than the policy calls a runaway.',
    labels: [],
  },
  unpricedRequests: {
    name: 'llm_unpriced_requests_total',
    type: 'counter',
    help: 'Calls of models without a known price; their cost is in no sum.',
    labels: ['model'],
  },
  unpricedTokens: {
    name: 'llm_unpriced_tokens_total',
    type: 'counter',
    help: 'Tokens of models without a known price.',
    labels: ['model'],
  },
  sourceUp: {
    name: 'marginwatch_source_up',
    type: 'gauge',
    help: '1 while the last exchange with the source succeeded, else 0.',
    labels: ['source'],
  },
  sourceLastSuccess: {
    name: 'marginwatch_source_last_success_timestamp_seconds',
    type: 'gauge',
    help: 'When the last exchange with the source succeeded, Unix time in seconds.',
    labels: ['source'],
  },
  sourceCatchingUp: {
    name: 'marginwatch_source_catching_up',
    type: 'gauge',
    help: '1 while the source is bringing in old calls; rates mean nothing meanwhile.',
    labels: ['source'],
  },
  events: {
    name: 'marginwatch_events_total',
    type: 'counter',
    help: 'What became of what the sources took in, since this process started.',
    labels: ['source', 'result'],
  },
  gatewayProcesses: {
    name: 'marginwatch_gateway_processes',
    type: 'gauge',
    help: 'Processes of the gateway that were heard of within the last minute.',
    labels: [],
  },
  gatewaySpoolEvents: {
    name: 'marginwatch_gateway_spool_events',
    type: 'gauge',
    help: 'Records that the gateway keeps in its spools until they are acknowledged.',
    labels: [],
  },
  gatewaySpoolOldest: {
    name: 'marginwatch_gateway_spool_oldest_seconds',
    type: 'gauge',
    help: "Age of the oldest record in the gateway's spools in seconds, 0 when none waits.",
    labels: [],
  },
  gatewayDropped: {
    name: 'marginwatch_gateway_dropped_total',
    type: 'counter',
    help: 'Records that the gateway lost, by reason, as far as was heard since this process started.',
    labels: ['reason'],
  },
  clockSkew: {
    name: 'marginwatch_clock_skew_seconds',
    type: 'gauge',
    help: 'How far the clock of a gateway process is ahead of ours in seconds, of the process that is furthest off.',
    labels: [],
  },
  ledgerCommit: {
    name: 'marginwatch_ledger_commit_seconds',
    type: 'histogram',
    help: 'Time of a durable commit of the ledger in seconds.',
    labels: [],
    buckets: ['0.005', '0.01', '0.02', '0.05', '0.1', '0.2', '0.5', '1', '5'],
  },
  ledgerWritable: {
    name: 'marginwatch_ledger_writable',
    type: 'gauge',
    help: '1 while the ledger can be written, else 0.',
    labels: [],
  },
  ledgerEntries: {
    name: 'marginwatch_ledger_sequence',
    type: 'gauge',
    help: "Number of the ledger's last entry.",
    labels: [],
  },
  scrapeRender: {
    name: 'marginwatch_scrape_render_seconds',
    type: 'histogram',
    help: 'Time to render one scrape in seconds.',
    labels: [],
    buckets: ['0.001', '0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '1'],
  },
  collectorErrors: {
    name: 'marginwatch_collector_errors_total',
    type: 'counter',
    help: 'Times that metrics of a collector had to be left out of a scrape because of an error in it.',
    labels: ['collector'],
  },
  decisionTime: {
    name: 'marginwatch_decision_seconds',
    type: 'histogram',
    help: 'Time to decide on a call in seconds, from the question read to the answer ready.',
    labels: [],
    buckets: [
      ...['0.00001', '0.000025', '0.00005', '0.0001', '0.00025', '0.0005', '0.001'],
      ...['0.0025', '0.005', '0.01', '0.025', '0.05', '0.1', '0.25'],
    ],
  },
  holdsOpen: {
    name: 'marginwatch_holds_open',
    type: 'gauge',
    help: 'Calls under way that money is kept for.',
    labels: [],
  },
  holdsUnsettled: {
    name: 'marginwatch_holds_unsettled_total',
    type: 'counter',
    help: 'Calls that money was kept for and that were never heard of again, since this process started.',
    labels: [],
  },
  langfuseQueueJobs: {
    name: 'langfuse_queue_jobs',
    type: 'gauge',
    help: "Jobs in the queues of a Langfuse of one's own by their state, as last read with its admin key.",
    labels: ['queue', 'state'],
  },
  priceBookAge: {
    name: 'marginwatch_price_book_age_seconds',
    type: 'gauge',
    help: 'Age of each price source in seconds.',
    labels: ['book'],
  },
  backstopUp: {
    name: 'marginwatch_backstop_up',
    type: 'gauge',
    help: "1 while LiteLLM's own budgets can be read and written, 0 when the last try failed. Only where the policy has a backstop.",
    labels: [],
  },
  backstopDifferences: {
    name: 'marginwatch_backstop_differences',
    type: 'gauge',
    help: 'Budgets and customers of LiteLLM that are not as the policy wants them, as last read.',
    labels: [],
  },
  backstopConfirmed: {
    name: 'marginwatch_backstop_last_confirmed_timestamp_seconds',
    type: 'gauge',
    help: "When all of LiteLLM's own budgets were last read to be as the policy wants them, Unix time in seconds.",
    labels: [],
  },
  policyReload: {
    name: 'marginwatch_policy_reload_success',
    type: 'gauge',
    help: '1 if the last reading of the policy file was accepted, 0 if it was refused and the old policy stayed.',
    labels: [],
  },
  demo: {
    name: 'marginwatch_demo',
    type: 'gauge',
    help: '1 while the numbers are those of the built-in demonstration, not of real traffic.',
    labels: [],
  },
} as const satisfies Record<string, Metric>
