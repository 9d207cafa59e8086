import type { RealGateway } from '../support/real-gateway.ts'

/** Something that is not known before, and the same by every way. */
export const SOME = Symbol('some')

/** What the ledger must say of a call, by push and by poll alike. */
export interface Expected {
  readonly customer: string
  readonly session: string | null
  readonly tier: string | null
  readonly model_asked: string | null
  readonly model: string | null
  readonly provider: string | null
  readonly call_type: string | null
  readonly status: string
  readonly basis: string
  readonly tokens: Readonly<Record<string, number>> | typeof SOME
  /** Nano-dollars. */
  readonly cost: bigint | null | typeof SOME
}

/** A way to call the gateway, what the caller gets, and what the ledger must hold of it. */
export interface Kind {
  readonly name: string
  /** Whose call it is in the ledger; by default it is called as a customer of the kind's own name. */
  readonly customer?: string
  /** Makes the call, or the calls, as the customer; resolves when they are over. */
  make(gateway: RealGateway, customer: string): Promise<void>
  /** One for each event, in the order of the calls. Absent fields are those of a chat of gpt-4o without a session. */
  readonly events: readonly Partial<Expected>[]
  /** How many tries must be counted beside them, and which fallbacks. */
  readonly attempts?: number
  readonly fallbacks?: readonly string[]
}

/** Nano-dollars a token, of LiteLLM's own map: input, read from the cache, output. */
const GPT_4O = { input: 2_500n, read: 1_250n, output: 10_000n }
const MINI = { input: 150n, output: 600n }
const SONNET = { input: 3_000n, read: 300n, write5m: 3_750n, write1h: 6_000n, output: 15_000n }
const FLASH = { input: 300n, output: 2_500n }
const EMBEDDING = { input: 20n }

const CHAT = '/v1/chat/completions'
const FAILED = { status: 'failed', tokens: {}, cost: 0n }

const ask = (script: string) => [{ role: 'user', content: `Hello. upstream(${script})` }]

export const KINDS: readonly Kind[] = [
  {
    name: 'chat',
    make: (gateway, user) => post(gateway, CHAT, { model: 'gpt-4o', user, messages: ask('input=1000 output=300') }),
    events: [{ tokens: { input: 1_000, output: 300 }, cost: 1_000n * GPT_4O.input + 300n * GPT_4O.output }],
  },
  {
    name: 'stream',
    make: (gateway, user) =>
      post(gateway, CHAT, { model: 'gpt-4o', user, stream: true, messages: ask('input=500 output=80 every=20') }),
    events: [{ tokens: { input: 500, output: 80 }, cost: 500n * GPT_4O.input + 80n * GPT_4O.output }],
  },
  {
    name: 'session-tags',
    make: (gateway, user) =>
      post(
        gateway,
        CHAT,
        { model: 'gpt-4o', user, metadata: { tags: ['plan_tier:tier_2'] }, messages: ask('input=10 output=10') },
        { 'x-litellm-session-id': 'chat-4711' },
      ),
    events: [
      {
        session: 'chat-4711',
        tier: 'tier_2',
        tokens: { input: 10, output: 10 },
        cost: 10n * (GPT_4O.input + GPT_4O.output),
      },
    ],
  },
  {
    name: 'uuid-session',
    make: (gateway, user) =>
      post(gateway, CHAT, {
        model: 'gpt-4o',
        user,
        metadata: { session_id: 'f6e0f3d4-6a5b-4f0e-9b0c-1f2e3d4c5b6a' },
        messages: ask('input=10 output=10'),
      }),
    events: [
      {
        session: 'f6e0f3d4-6a5b-4f0e-9b0c-1f2e3d4c5b6a',
        tokens: { input: 10, output: 10 },
        cost: 10n * (GPT_4O.input + GPT_4O.output),
      },
    ],
  },
  {
    name: 'cached-prompt',
    make: (gateway, user) =>
      post(gateway, CHAT, { model: 'gpt-4o', user, messages: ask('input=1000 cache_read=2000 output=10') }),
    events: [
      {
        tokens: { input: 1_000, cache_read: 2_000, output: 10 },
        cost: 1_000n * GPT_4O.input + 2_000n * GPT_4O.read + 10n * GPT_4O.output,
      },
    ],
  },
  {
    name: 'reasoning',
    make: (gateway, user) =>
      post(gateway, CHAT, { model: 'gpt-4o', user, messages: ask('input=100 output=50 reasoning=400') }),
    events: [{ tokens: { input: 100, output: 50, reasoning: 400 }, cost: 100n * GPT_4O.input + 450n * GPT_4O.output }],
  },
  {
    name: 'cache-writing',
    make: (gateway, user) =>
      post(gateway, CHAT, {
        model: 'claude',
        user,
        messages: ask('input=100 cache_read=1000 cache_write_5m=2000 cache_write_1h=500 output=10'),
      }),
    events: [
      {
        model_asked: 'claude',
        model: 'claude-sonnet-4-5-20250929',
        provider: 'anthropic',
        tokens: { input: 100, cache_read: 1_000, cache_write_5m: 2_000, cache_write_1h: 500, output: 10 },
        cost:
          100n * SONNET.input +
          1_000n * SONNET.read +
          2_000n * SONNET.write5m +
          500n * SONNET.write1h +
          10n * SONNET.output,
      },
    ],
  },
  {
    name: 'messages',
    make: (gateway, user) =>
      post(gateway, '/v1/messages', {
        model: 'claude',
        max_tokens: 500,
        metadata: { user_id: user },
        messages: ask('input=200 output=40'),
      }),
    events: [
      {
        model_asked: 'claude',
        model: 'claude-sonnet-4-5-20250929',
        provider: 'anthropic',
        tokens: { input: 200, output: 40 },
        cost: 200n * SONNET.input + 40n * SONNET.output,
      },
    ],
  },
  {
    name: 'messages-stream',
    make: (gateway, user) =>
      post(gateway, '/v1/messages', {
        model: 'claude',
        max_tokens: 500,
        stream: true,
        metadata: { user_id: user },
        messages: ask('input=200 output=40'),
      }),
    events: [
      {
        model_asked: 'claude',
        model: 'claude-sonnet-4-5-20250929',
        provider: 'anthropic',
        tokens: { input: 200, output: 40 },
        cost: 200n * SONNET.input + 40n * SONNET.output,
      },
    ],
  },
  {
    name: 'responses',
    make: (gateway, user) =>
      post(gateway, '/v1/responses', { model: 'gpt-4o', user, input: 'Hello. upstream(input=300 output=60)' }),
    events: [{ tokens: { input: 300, output: 60 }, cost: 300n * GPT_4O.input + 60n * GPT_4O.output }],
  },
  {
    name: 'gemini',
    make: (gateway, user) => post(gateway, CHAT, { model: 'gemini', user, messages: ask('input=400 output=20') }),
    events: [
      {
        model_asked: 'gemini',
        model: 'gemini-2.5-flash',
        provider: 'google',
        tokens: { input: 400, output: 20 },
        cost: 400n * FLASH.input + 20n * FLASH.output,
      },
    ],
  },
  {
    name: 'embedding',
    make: (gateway, user) =>
      post(gateway, '/v1/embeddings', { model: 'embedding', user, input: 'upstream(input=700)' }),
    events: [
      {
        model_asked: 'embedding',
        model: 'text-embedding-3-small',
        call_type: 'embedding',
        tokens: { input: 700 },
        cost: 700n * EMBEDDING.input,
      },
    ],
  },
  {
    name: 'degraded',
    make: (gateway, user) =>
      post(gateway, CHAT, {
        model: 'gpt-4o',
        user,
        metadata: { tags: ['degrade'] },
        messages: ask('input=100 output=10'),
      }),
    events: [{ model: 'gpt-4o-mini', tokens: { input: 100, output: 10 }, cost: 100n * MINI.input + 10n * MINI.output }],
  },
  {
    name: 'retried',
    make: (gateway, user) =>
      post(gateway, CHAT, {
        model: 'retried',
        user,
        messages: [
          { role: 'user', content: 'Hello. upstream(input=100 output=10) upstream(status=500 times=2 id=retried)' },
        ],
      }),
    events: [
      {
        model_asked: 'retried',
        tokens: { input: 100, output: 10 },
        cost: 100n * GPT_4O.input + 10n * GPT_4O.output,
      },
    ],
    attempts: 2,
  },
  {
    name: 'fallen-back',
    make: (gateway, user) => post(gateway, CHAT, { model: 'falling', user, messages: ask('input=100 output=10') }),
    events: [
      {
        model_asked: 'falling',
        model: 'claude-sonnet-4-5-20250929',
        provider: 'anthropic',
        tokens: { input: 100, output: 10 },
        cost: 100n * SONNET.input + 10n * SONNET.output,
      },
    ],
    attempts: 1,
    fallbacks: ['falling → claude'],
  },
  {
    name: 'failed',
    make: (gateway, user) => post(gateway, CHAT, { model: 'retried', user, messages: ask('status=500') }, {}, 500),
    events: [{ ...FAILED, model_asked: 'retried' }],
    attempts: 2,
  },
  {
    name: 'wrong-key',
    customer: 'unattributed',
    make: (gateway) => {
      const stranger = { ...gateway, masterKey: 'sk-not-a-key' }
      return post(stranger, CHAT, { model: 'gpt-4o', messages: ask('output=1') }, {}, 401)
    },
    events: [{ ...FAILED, status: 'rejected' }],
  },
  {
    name: 'unknown-model',
    make: (gateway, user) => post(gateway, CHAT, { model: 'nothing', user, messages: ask('output=1') }, {}, 400),
    events: [{ ...FAILED, status: 'rejected', model_asked: 'nothing', model: 'nothing', provider: null }],
  },
  {
    name: 'hung-up',
    make: hangUp,
    // LiteLLM counts what it has passed on itself.
    events: [{ status: 'cancelled', basis: 'estimated', tokens: SOME, cost: SOME }],
  },
  {
    name: 'same-call-id',
    async make(gateway, user) {
      for (const output of [10, 20]) {
        const body = { model: 'gpt-4o', user, messages: ask(`input=10 output=${output}`) }
        await post(gateway, CHAT, body, { 'x-litellm-call-id': 'fixed-1' })
      }
    },
    events: [10, 20].map((output) => ({
      tokens: { input: 10, output },
      cost: 10n * GPT_4O.input + BigInt(output) * GPT_4O.output,
    })),
  },
  {
    name: 'cache-hits',
    async make(gateway, user) {
      for (let i = 0; i < 3; i++) {
        const cache = { 'use-cache': true }
        await post(gateway, CHAT, { model: 'gpt-4o', user, cache, messages: ask('input=90 output=9 id=cache-hits') })
        // LiteLLM stores an answer when the caller has it already.
        await new Promise((resolve) => setTimeout(resolve, 300))
      }
    },
    events: [
      { tokens: { input: 90, output: 9 }, cost: 90n * GPT_4O.input + 9n * GPT_4O.output },
      { basis: 'cached' },
      { basis: 'cached' },
    ],
  },
]

export function customerOf({ name, customer = name }: Kind): string {
  return customer
}

/** What the ledger must hold of a kind. */
export function expectedOf(kind: Kind): Expected[] {
  const customer = customerOf(kind)
  return kind.events.map((event) => ({
    customer,
    session: null,
    tier: null,
    model_asked: 'gpt-4o',
    model: 'gpt-4o',
    provider: 'openai',
    call_type: 'chat',
    status: 'success',
    basis: 'gateway',
    tokens: {},
    cost: 0n,
    ...event,
  }))
}

async function post(
  gateway: RealGateway,
  path: string,
  body: object,
  headers: Readonly<Record<string, string>> = {},
  expected = 200,
): Promise<void> {
  const answer = await fetch(gateway.url + path, request(gateway, body, headers))
  const text = await answer.text()
  if (answer.status !== expected) throw new Error(`${path} answered ${answer.status}, expected ${expected}: ${text}`)
}

/** Reads the beginning of a stream and goes away. */
async function hangUp(gateway: RealGateway, user: string): Promise<void> {
  const messages = ask('input=300 output=100 chunks=100 every=50')
  const gone = new AbortController()
  const answer = await fetch(gateway.url + CHAT, {
    ...request(gateway, { model: 'gpt-4o', user, stream: true, messages }, {}),
    signal: gone.signal,
  })
  const reader = answer.body?.getReader()
  for (let i = 0; i < 8; i++) await reader?.read()
  gone.abort()
}

function request(gateway: RealGateway, body: object, headers: Readonly<Record<string, string>>): RequestInit {
  const authorization = `Bearer ${gateway.masterKey}`
  return {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  }
}
