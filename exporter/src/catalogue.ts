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
  service: 100,
  queue: 50,
  tool: 100,
  score: 50,
  prompt: 100,
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

/** How many customers have series of their margin: those with the least. */
export const WORST_CUSTOMERS = 50

/** How many combinations of score, model, query type and prompt have series: those with the most scores. */
export const MOST_SCORES = 500

/** What became of an event that was to stand on a trace. */
export const TRACE_EVENT_RESULTS = ['sent', 'dropped'] as const
export type TraceEventResult = (typeof TRACE_EVENT_RESULTS)[number]

/** How a customer does on its plan. */
export const CUSTOMER_STATES = ['earning', 'losing', 'trial'] as const

/** How many containers get series, the longest running first, and how many interfaces of each get series of their own. */
export const MOST_CONTAINERS = 200
export const MOST_INTERFACES = 8

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

/** Why a call is not the same in the ledger and in another record of it. */
export const DIFFERENCES = ['missing_here', 'missing_there', 'price', 'tokens', 'day_boundary'] as const
export type Difference = (typeof DIFFERENCES)[number]

/** Bounds of what is foretold. */
export const FORECAST_BOUNDS = ['low', 'expected', 'high'] as const
export type ForecastBound = (typeof FORECAST_BOUNDS)[number]

/** Windows of burn rates. Short ones are quick, long ones are sure. */
export const BURN_WINDOWS = ['1h', '6h', '24h', '72h'] as const
export type BurnWindow = (typeof BURN_WINDOWS)[number]

/** Whose budget it is; what does not apply to the scope is empty. */
const BUDGET = ['scope', 'period', 'customer', 'agent', 'tier'] as const

/** Which container it is, as cAdvisor says it. */
const CONTAINER = [
  'id',
  'name',
  'image',
  'container_label_com_docker_compose_project',
  'container_label_com_docker_compose_service',
] as const

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
  budgetBurn: {
    name: 'llm_budget_burn_rate',
    type: 'gauge',
    help: 'Share of its limit that a budget spent within the window, divided by the share of its period that the window is; above 1 the limit does not last.',
    labels: [...BUDGET, 'window'],
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
  toolCalls: {
    name: 'llm_tool_calls_total',
    type: 'counter',
    help: 'Runs of tools that a trace store saw, each by the outcome as first recorded.',
    labels: ['tool', 'status'],
  },
  toolCallCorrections: {
    name: 'llm_tool_calls_correction_total',
    type: 'counter',
    help: 'Runs of tools that the trace store changed after they were counted: up under what they are now, down under what they were.',
    labels: ['tool', 'status', 'direction'],
  },
  scoreAverage: {
    name: 'llm_score_average',
    type: 'gauge',
    help: 'Average of the scores of the last 24 hours, in the unit of the score.',
    labels: ['score', 'model', 'query_type', 'prompt'],
  },
  scores: {
    name: 'llm_scores',
    type: 'gauge',
    help: 'Scores in numbers that were given within the last 24 hours.',
    labels: ['score', 'model', 'query_type', 'prompt'],
  },
  revenueAccrued: {
    name: 'llm_tier_revenue_accrued_usd',
    type: 'gauge',
    help: 'What customers pay for the part of the running month that is gone by in US dollars.',
    labels: ['tier'],
  },
  revenueMonth: {
    name: 'llm_tier_revenue_month_usd',
    type: 'gauge',
    help: 'What customers pay for the whole running month in US dollars, as the roster stands now.',
    labels: ['tier'],
  },
  tierModelCost: {
    name: 'llm_tier_model_cost_usd',
    type: 'gauge',
    help: 'What calls of the running month cost in US dollars, net of corrections.',
    labels: ['tier'],
  },
  tierInfraCost: {
    name: 'llm_tier_infra_cost_usd',
    type: 'gauge',
    help: 'Share of the infrastructure cost of the running month in US dollars; absent while that is not all known.',
    labels: ['tier'],
  },
  tierMargin: {
    name: 'llm_tier_margin_usd',
    type: 'gauge',
    help: 'Accrued revenue less model and infrastructure cost of the running month in US dollars; absent while infrastructure cost is not all known.',
    labels: ['tier'],
  },
  tierMarginRatio: {
    name: 'llm_tier_margin_ratio',
    type: 'gauge',
    help: 'Margin as a share of accrued revenue; absent without revenue, and while infrastructure cost is not all known.',
    labels: ['tier'],
  },
  tierMarginTarget: {
    name: 'llm_tier_margin_target_ratio',
    type: 'gauge',
    help: 'What the margin should be as a share of revenue.',
    labels: ['tier'],
  },
  tierCustomers: {
    name: 'llm_tier_customers',
    type: 'gauge',
    help: 'Customers of the running month so far, each in one state: their margin is not below 0, it is, or they are on a free trial.',
    labels: ['tier', 'state'],
  },
  tierCustomersAssumed: {
    name: 'llm_tier_customers_assumed',
    type: 'gauge',
    help: 'Customers of the running month so far that are known only from their calls.',
    labels: ['tier'],
  },
  tierReturn: {
    name: 'llm_tier_return_on_spend_ratio',
    type: 'gauge',
    help: 'Accrued revenue over model cost of the running month; absent without cost.',
    labels: ['tier'],
  },
  customerMargin: {
    name: 'llm_customer_margin_usd',
    type: 'gauge',
    help: 'Margin of the running month in US dollars of the 50 customers with the least; absent while infrastructure cost is not all known.',
    labels: ['customer', 'tier'],
  },
  infraCost: {
    name: 'infra_cost_usd_total',
    type: 'counter',
    help: 'Cost of metered infrastructure in US dollars; what has no rate is not in it.',
    labels: ['resource', 'kind', 'service'],
  },
  infraUnallocated: {
    name: 'llm_infra_unallocated_usd',
    type: 'gauge',
    help: "Infrastructure cost of the running month in US dollars that is no customer's share; absent while it is not all known.",
    labels: [],
  },
  infraUnknown: {
    name: 'llm_infra_unknown',
    type: 'gauge',
    help: '1 while the infrastructure cost of the running month is not all known, else 0.',
    labels: [],
  },
  forecastMonth: {
    name: 'llm_forecast_month_usd',
    type: 'gauge',
    help: 'What calls of the running month will have cost at its end in US dollars: expected, and the bounds of a band that is meant to hold it 8 times in 10.',
    labels: ['bound'],
  },
  forecastMargin: {
    name: 'llm_forecast_margin_usd',
    type: 'gauge',
    help: "Full-month revenue less what calls and infrastructure will have cost at the month's end in US dollars, with the bounds of both.",
    labels: ['bound'],
  },
  spendHour: {
    name: 'llm_spend_hour_usd',
    type: 'gauge',
    help: 'What calls cost within the last hour in US dollars.',
    labels: [],
  },
  spendHourBand: {
    name: 'llm_spend_hour_band_usd',
    type: 'gauge',
    help: 'What calls of such an hour usually cost in US dollars: expected, and the bounds beyond which the last hour is unusual.',
    labels: ['bound'],
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
  reconciliationDifference: {
    name: 'llm_reconciliation_difference_ratio',
    type: 'gauge',
    help: 'What another record of the same calls has more of cost than the ledger, as a share of what the ledger has, over the last seven days that are over.',
    labels: ['against', 'provider'],
  },
  reconciliationCalls: {
    name: 'llm_reconciliation_calls',
    type: 'gauge',
    help: 'Calls of the last seven days that are over that are not the same in the ledger and in another record, by the reason.',
    labels: ['against', 'reason'],
  },
  containerCpu: {
    name: 'container_cpu_usage_seconds_total',
    type: 'counter',
    help: 'Cumulative cpu time consumed in seconds.',
    labels: [...CONTAINER, 'cpu'],
  },
  containerThrottled: {
    name: 'container_cpu_cfs_throttled_periods_total',
    type: 'counter',
    help: 'Number of throttled period intervals.',
    labels: CONTAINER,
  },
  containerMemory: {
    name: 'container_memory_usage_bytes',
    type: 'gauge',
    help: 'Current memory usage in bytes, including all memory regardless of when it was accessed.',
    labels: CONTAINER,
  },
  containerWorkingSet: {
    name: 'container_memory_working_set_bytes',
    type: 'gauge',
    help: 'Current working set in bytes.',
    labels: CONTAINER,
  },
  containerMemoryLimit: {
    name: 'container_spec_memory_limit_bytes',
    type: 'gauge',
    help: 'Memory limit for the container in bytes.',
    labels: CONTAINER,
  },
  containerReceived: {
    name: 'container_network_receive_bytes_total',
    type: 'counter',
    help: 'Cumulative count of bytes received.',
    labels: [...CONTAINER, 'interface'],
  },
  containerSent: {
    name: 'container_network_transmit_bytes_total',
    type: 'counter',
    help: 'Cumulative count of bytes transmitted.',
    labels: [...CONTAINER, 'interface'],
  },
  containerRead: {
    name: 'container_fs_reads_bytes_total',
    type: 'counter',
    help: 'Cumulative count of bytes read.',
    labels: CONTAINER,
  },
  containerWritten: {
    name: 'container_fs_writes_bytes_total',
    type: 'counter',
    help: 'Cumulative count of bytes written.',
    labels: CONTAINER,
  },
  containerThreads: {
    name: 'container_threads',
    type: 'gauge',
    help: 'Number of threads running inside the container.',
    labels: CONTAINER,
  },
  containerStart: {
    name: 'container_start_time_seconds',
    type: 'gauge',
    help: 'Start time of the container since unix epoch in seconds.',
    labels: CONTAINER,
  },
  containerSeen: {
    name: 'container_last_seen',
    type: 'gauge',
    help: 'Last time a container was seen by the exporter, Unix time in seconds.',
    labels: CONTAINER,
  },
  containerHealth: {
    name: 'container_health_state',
    type: 'gauge',
    help: "The result of the container's health check: 1 healthy, 0 unhealthy or starting, -1 without a check.",
    labels: CONTAINER,
  },
  containerRestarts: {
    name: 'container_restarts_total',
    type: 'counter',
    help: 'How often the engine restarted the container by its restart policy.',
    labels: CONTAINER,
  },
  containersLeftOut: {
    name: 'marginwatch_containers_left_out',
    type: 'gauge',
    help: 'Containers that have no series because too many others have run for longer.',
    labels: [],
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
  traceEvents: {
    name: 'marginwatch_trace_events_total',
    type: 'counter',
    help: 'Events for traces of calls that were moved to a cheaper model or refused, since this process started.',
    labels: ['result'],
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
