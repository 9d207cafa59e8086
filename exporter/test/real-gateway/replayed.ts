import {
  type Attempt,
  type Call,
  clientTags,
  createTraffic,
  type Failure,
  MODELS,
  type Model,
  type TokenCounts,
} from '@marginwatch/sandbox'
import { deployment } from '../support/gateway-config.ts'
import type { RealGateway } from '../support/real-gateway.ts'

const CHAT = '/v1/chat/completions'
const EMBEDDINGS = '/v1/embeddings'
const BUDGET = 'used-up'

/** The seed whose first calls have every kind among them. */
const SEED = 10
const START = Date.UTC(2026, 10, 18, 9)

/**
 * The first so many calls of the replay, without those that the real proxy cannot make:
 * - a hit in the response cache whose answer was given before the replay begins: it is in no cache
 * - a hit of an embedding: LiteLLM looks for none in a cache that is used on request only, and asks the provider again
 */
export function firstCalls(count: number): readonly Call[] {
  const calls: Call[] = []
  const answers = new Set<string>()
  for (const call of createTraffic({ seed: SEED }).calls(START, Infinity)) {
    if (calls.length === count) break
    if (call.cacheHit && !answers.has(call.responseId)) continue
    if (call.callType === 'acompletion') answers.add(call.responseId)
    calls.push(call)
  }
  return calls
}

/** The company's models on an upstream, without those that every gateway of the tests has under the same names. */
export function replayModels(upstream: string): object[] {
  const own = MODELS.filter(({ group }) => !['gpt-4o', 'gpt-4o-mini'].includes(group))
  return own.map(({ group, name, prices }) => {
    // Self-hosted: that it costs nothing is said nowhere but here.
    const free = prices?.input === 0 && prices.output === 0 ? { input_cost_per_token: 0, output_cost_per_token: 0 } : {}
    return deployment(group, name, upstream, free)
  })
}

export interface Replay {
  readonly gateway: RealGateway
  readonly calls: readonly Call[]
  /** How many calls are under way at the same time. */
  readonly callers: number
}

interface Caller {
  readonly gateway: RealGateway
  /** Keys of the application, by their aliases. */
  readonly keys: ReadonlyMap<string, string>
  /** Ids of the answers that are asked for again. */
  readonly repeated: ReadonlySet<string>
}

/**
 * Makes the calls through the gateway as fast as it takes them, those of a session one after the other. What LiteLLM's own
 * budgets refuse comes last: from then on they refuse all that these customers ask. Rejects when a client gets another status
 * than its call must have.
 */
export async function replayAll({ gateway, calls, callers }: Replay): Promise<void> {
  const hits = calls.filter(({ cacheHit }) => cacheHit)
  const caller: Caller = {
    gateway,
    keys: await createKeys(gateway, calls),
    repeated: new Set(hits.map(({ responseId }) => responseId)),
  }
  const lanes = lanesOf(calls.filter((call) => !isLate(call))).values()
  const work = async () => {
    for (const lane of lanes) for (const call of lane) await makeCall(caller, call)
  }
  await Promise.all(Array.from({ length: callers }, work))

  await gateway.call('/budget/new', { budget_id: BUDGET, max_budget: 1e-9 })
  for (const call of calls.filter(isLate)) {
    await gateway.call('/customer/update', { user_id: call.customer, budget_id: BUDGET })
    await makeCall(caller, call)
  }
}

function isLate({ failure }: Call): boolean {
  return failure === 'native_budget'
}

async function createKeys(gateway: RealGateway, calls: readonly Call[]): Promise<ReadonlyMap<string, string>> {
  const aliases = new Set(calls.flatMap(({ keyAlias }) => keyAlias ?? []))
  const keys = new Map<string, string>()
  for (const alias of aliases) {
    const { key } = (await gateway.call('/key/generate', { key_alias: alias })) as { key: string }
    keys.set(alias, key)
  }
  return keys
}

/** The calls of each session; a cache hit without one goes with the answer that it repeats. */
function lanesOf(calls: readonly Call[]): readonly (readonly Call[])[] {
  const lanes = new Map<string, Call[]>()
  for (const call of calls) {
    const name = call.session ?? call.responseId
    const lane = lanes.get(name)
    if (lane) lane.push(call)
    else lanes.set(name, [call])
  }
  return [...lanes.values()]
}

/** What the client gets when a call goes wrong. */
const STATUS: Readonly<Record<Failure, number>> = {
  rate_limit: 429,
  server_error: 500,
  connection: 500,
  bad_key: 401,
  unknown_model: 400,
  native_budget: 422,
  hook_http: 402,
  hook_proxy: 402,
}

async function makeCall({ gateway, keys, repeated }: Caller, call: Call): Promise<void> {
  const gone = new AbortController()
  const path = call.callType === 'aembedding' ? EMBEDDINGS : CHAT
  const cache = repeated.has(call.responseId) ? { cache: { 'use-cache': true } } : {}
  const text = call.aborted ? await filledText(gateway, call) : textOf(call)
  const answer = await fetch(gateway.url + path, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${keys.get(call.keyAlias ?? '') ?? 'sk-not-a-key'}`,
      'content-type': 'application/json',
      ...headersOf(call),
    },
    body: JSON.stringify({ ...bodyOf(call, text), ...cache }),
    signal: gone.signal,
  })
  if (call.aborted) return readAndLeave(answer, call, gone)
  const told = await answer.text()
  const expected = call.failure === null ? 200 : STATUS[call.failure]
  if (answer.status !== expected)
    throw new Error(`${call.asked} (${call.failure}) answered ${answer.status}, expected ${expected}: ${told}`)
}

function headersOf(call: Call): Record<string, string> {
  const { customer, session, callId } = call
  return {
    ...(customer === null ? {} : { 'x-litellm-customer-id': customer }),
    ...(session === null ? {} : { 'x-litellm-session-id': session }),
    ...(choosesId(call) ? { 'x-litellm-call-id': callId } : {}),
  }
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Whether the client gives the call an id of its own, the same for all calls of the session. */
export function choosesId({ callId }: Call): boolean {
  return !UUID.test(callId)
}

function bodyOf(call: Call, text: string): object {
  const { asked, attempts, failure, stream, callType, model } = call
  const fallback = model !== null && model.group !== asked ? model.group : null
  const block = failure === 'hook_http' ? ['block:http'] : failure === 'hook_proxy' ? ['block:proxy'] : []
  return {
    model: asked,
    metadata: { tags: [...clientTags(call), ...block] },
    ...(callType === 'aembedding' ? { input: text } : { messages: [{ role: 'user', content: text }] }),
    ...(stream ? { stream: true } : {}),
    // The last try that fails is followed by the fallback, not by a retry.
    ...(attempts.length > 0 ? { num_retries: attempts.length - (fallback === null ? 0 : 1) } : {}),
    ...(fallback === null ? {} : { fallbacks: [fallback] }),
    // LiteLLM asks a model of OpenAI for the usage of a stream, but not when the call was one for another provider at first.
    ...(fallback !== null && stream ? { stream_options: { include_usage: true } } : {}),
  }
}

/** A text that makes the upstream answer with what the call had; a cache hit says what the answer that it repeats was asked. */
function textOf(call: Call): string {
  const { attempts, failure, responseId, tokens, aborted } = call
  if (failure !== null) return `Question. upstream(${failing(failure)} id=${responseId})`
  // Half of the output comes, and then nothing until the client has gone.
  const answer = aborted
    ? `input=${tokens.input} output=${2 * tokens.output} chunks=2 hold=${responseId} hold_at=1`
    : `${tokenWords(tokens)} id=${responseId}`
  return `Question. upstream(${answer})${attempts.length > 0 ? ` upstream(${failingFirst(call, attempts)})` : ''}`
}

function tokenWords({ input, cacheRead, cacheWrite5m, cacheWrite1h, output, reasoning }: TokenCounts): string {
  const writes = `cache_write_5m=${cacheWrite5m} cache_write_1h=${cacheWrite1h}`
  return `input=${input} cache_read=${cacheRead} ${writes} output=${output} reasoning=${reasoning}`
}

function failing(failure: Failure): string {
  return failure === 'connection' ? 'reset=yes' : `status=${STATUS[failure]}`
}

/** LiteLLM's client for these providers asks once more by itself when a connection breaks, and tells nobody. */
const ASKING_TWICE = new Set(['anthropic', 'gemini'])

function failingFirst({ responseId }: Call, attempts: readonly Attempt[]): string {
  const words = attempts.map(({ failure, model }) => {
    const requests = failure === 'connection' && ASKING_TWICE.has(model.provider) ? 2 : 1
    return { model: nameOf(model), failure, requests }
  })
  const [first] = words
  if (!first) throw new Error('found no attempt, expected one')
  const times = words.reduce((sum, { requests }) => sum + requests, 0)
  return `${first.model}: ${failing(first.failure)} times=${times} id=${responseId}`
}

/**
 * Of a stream that the client leaves, LiteLLM counts the words that it has seen. So that they are as many as the call's tokens,
 * its question is made as long as that, by LiteLLM's own counting. Anthropic tells the input at the beginning of a stream.
 */
async function filledText(gateway: RealGateway, call: Call): Promise<string> {
  const text = textOf(call)
  if (call.model?.provider === 'anthropic') return text
  for (let words = 0, tries = 0; tries < 9; tries++) {
    const content = text + ' word'.repeat(words)
    const question = { model: call.asked, messages: [{ role: 'user', content }] }
    const { total_tokens: counted } = (await gateway.call('/utils/token_counter', question)) as Counted
    if (counted === call.tokens.input) return content
    // A text is counted in pieces, each for itself, so that a word at their edge may count twice.
    words += call.tokens.input - counted
    if (words < 0) break
  }
  throw new Error(`found no question of ${call.tokens.input} tokens that begins with: ${text}`)
}

interface Counted {
  readonly total_tokens: number
}

/** Reads the output of the call, and goes away. */
async function readAndLeave(answer: Response, { tokens }: Call, gone: AbortController): Promise<void> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const part of answer.body ?? []) {
    text += decoder.decode(part as Uint8Array, { stream: true })
    if ((text.match(/ word/g) ?? []).length >= tokens.output) break
  }
  gone.abort()
}

/** Without the provider. */
export function nameOf({ name }: Pick<Model, 'name'>): string {
  return name.slice(name.indexOf('/') + 1)
}
