import type {
  Action,
  Attempt,
  Correction,
  Crossing,
  Fallback,
  Metered,
  Observation,
  Score,
  Usage,
} from '../../src/usage.ts'

/** Midnight UTC of Monday, 2 November 2026. */
export const T0 = Date.UTC(2026, 10, 2)
export const DAY = 86_400_000

/** A plain call of one customer; override what matters to the test. */
export function usage(key: string, over: Partial<Usage> = {}): Usage {
  return {
    kind: 'usage',
    version: 1,
    key,
    source: 'litellm',
    start: T0,
    customer: 'acme',
    tier: 'tier_1',
    user: null,
    session: null,
    agent: null,
    trace: null,
    operation: 'chat',
    callType: 'acompletion',
    queryType: null,
    modelAsked: 'gpt-4o',
    model: 'openai/gpt-4o',
    provider: 'openai',
    environment: 'production',
    project: null,
    keyAlias: null,
    promptName: null,
    promptVersion: null,
    tools: [],
    status: 'success',
    errorClass: null,
    errorMessage: null,
    finishReason: 'stop',
    stream: false,
    cacheHit: false,
    temperature: null,
    tokens: { input: 10, output: 20 },
    cost: 225_000n,
    basis: 'gateway',
    saved: null,
    durationMs: 1200,
    ttftMs: null,
    contextWindow: 128_000,
    bytes: null,
    dimensions: null,
    metadata: {},
    ...over,
  }
}

/** A try that failed before a retry; override what matters to the test. */
export function attempt(key: string, over: Partial<Attempt> = {}): Attempt {
  return {
    kind: 'attempt',
    version: 1,
    key: `${key}:attempt:1`,
    call: key,
    start: T0,
    provider: 'openai',
    model: 'gpt-4o',
    errorClass: 'RateLimitError',
    ...over,
  }
}

/** A call of this key that another model answered. */
export function fallback(key: string, over: Partial<Fallback> = {}): Fallback {
  return { kind: 'fallback', version: 1, key: `${key}:fallback`, start: T0, from: 'gpt-4o', to: 'claude', ...over }
}

/** A customer that reached 80 % of its month; override what matters to the test. */
export function crossing(key: string, over: Partial<Crossing> = {}): Crossing {
  return {
    kind: 'crossing',
    version: 1,
    key,
    scope: 'customer',
    subject: 'acme',
    name: '',
    period: 'month',
    periodStart: T0 - DAY,
    threshold: 8_000,
    limit: 8_000_000_000n,
    spent: 6_401_250_000n,
    held: 120_000_000n,
    action: 'notify',
    severity: 'warning',
    channels: ['slack'],
    notice: true,
    message: '',
    customer: 'acme',
    tier: 'tier_1',
    session: null,
    agent: null,
    trace: null,
    of: 'a call',
    policy: '9d1c04be',
    ...over,
  }
}

/** An agent that somebody paused; override what matters to the test. */
export function action(key: string, over: Partial<Action> = {}): Action {
  return {
    kind: 'action',
    version: 1,
    key,
    subject: 'agent:nightly',
    action: 'pause',
    by: 'ada',
    reason: 'it loops',
    at: T0,
    details: {},
    ...over,
  }
}

/** A correction that adds a thousand nano-dollars to a call; override what matters to the test. */
export function correction(of: Usage, over: Partial<Correction> = {}): Correction {
  return {
    kind: 'correction',
    version: 1,
    key: `correction of ${of.key}`,
    of: of.key,
    reason: 'the price was corrected',
    by: 'test',
    source: of.source,
    start: of.start,
    customer: of.customer,
    tier: of.tier,
    user: of.user,
    session: of.session,
    agent: of.agent,
    operation: of.operation,
    queryType: of.queryType,
    model: of.model,
    provider: of.provider,
    environment: of.environment,
    status: of.status,
    basis: of.basis,
    calls: 0,
    tokens: {},
    cost: 1_000n,
    ...over,
  }
}

/** Five minutes of one processor of a container; override what matters to the test. */
export function metered(key: string, over: Partial<Metered> = {}): Metered {
  return {
    kind: 'metered',
    version: 1,
    key,
    source: 'docker',
    resource: 'container',
    service: 'api',
    meter: 'cpu',
    start: T0,
    end: T0 + 300_000,
    amount: 300_000_000_000n,
    cost: 2_583_333n,
    ...over,
  }
}

/** What a trace store saw of a plain call of `call`'s key; override what matters to the test. */
export function observation(id: string, over: Partial<Observation> = {}): Observation {
  return {
    kind: 'observation',
    version: 1,
    key: `langfuse:prod:${id}:1`,
    source: 'langfuse',
    project: 'prod',
    id,
    call: null,
    what: 'call',
    name: null,
    start: T0,
    durationMs: 1200,
    ttftMs: null,
    status: 'success',
    trace: null,
    session: null,
    customer: null,
    model: 'gpt-4o',
    environment: null,
    promptName: null,
    promptVersion: null,
    tokens: 30,
    cost: 225_000n,
    ...over,
  }
}

/** A judgement in a number; override what matters to the test. */
export function score(id: string, over: Partial<Score> = {}): Score {
  return {
    kind: 'score',
    version: 1,
    key: `langfuse:prod:score:${id}:1`,
    source: 'langfuse',
    project: 'prod',
    id,
    name: 'helpful',
    value: 1,
    category: null,
    at: T0,
    trace: null,
    observation: null,
    ...over,
  }
}
