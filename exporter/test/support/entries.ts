import type { Action, Attempt, Crossing, Fallback, Usage } from '../../src/usage.ts'

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
