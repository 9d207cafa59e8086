import type { Usage } from '../../src/usage.ts'

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
