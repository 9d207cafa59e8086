import type { Attempt, Call, Failure, Outcome } from './call.ts'
import { NO_TOKENS, outputTokens, type TokenCounts } from './tokens.ts'
import type { Dataset } from './dataset.ts'
import { GPT_4O_MINI, HAIKU, type Model, nanoCost } from './models.ts'
import { type Rng, uuid } from './random.ts'
import { pickQuestion, SESSION_LIMIT_MS, type Session } from './session.ts'
import { abortedTokens, pickTokens } from './split.ts'

/** Of a thousand calls, how many do not reach a model or fail there; the others succeed. */
const FATES: readonly (readonly [perThousand: number, (rng: Rng, moment: Moment) => Call])[] = [
  [1.3, (rng, moment) => refused(rng, moment, 'rejected', 'bad_key')],
  [1.4, (rng, moment) => refused(rng, moment, 'rejected', 'unknown_model')],
  [1.2, (rng, moment) => refused(rng, moment, 'rejected', 'native_budget')],
  [3.5, (rng, moment) => refused(rng, moment, 'blocked', rng.chance(0.5) ? 'hook_http' : 'hook_proxy')],
  [8, failed],
]
/** Share of the successes that … */
const RETRIED = 0.014
const CACHED = 0.05
const STREAMED = 0.46
const ABORTED = 0.015
const SLOW = 0.002

/** A wait in the data set longer than this many mean waits would tear a session apart. */
const LONGEST_GAP = 12

/** The calls of a session in order, each with its own randomness drawn from `rng`. */
export function emitSession(rng: Rng, session: Session, data: Dataset, onCall: (call: Call) => void): void {
  let start = session.start
  let answered: Call | null = null
  for (let index = 0; index < session.calls; index++) {
    const row = (session.row + index) % data.size
    if (index > 0) start += Math.max(1, Math.round(session.paceMs * Math.min(data.gap[row] ?? 1, LONGEST_GAP)))
    if (start - session.start > SESSION_LIMIT_MS) return
    const call = nextCall(rng, { session, data, row, index, start, answered })
    if (call.outcome === 'success' && !call.stream && !call.cacheHit && call.attempts.length === 0) answered = call
    onCall(call)
  }
}

interface Moment {
  readonly session: Session
  readonly data: Dataset
  readonly row: number
  readonly index: number
  readonly start: number
  /** An answer that may lie in the response cache. */
  readonly answered: Call | null
}

/** A call that bears the client's own id always succeeds: two failures of one id could not be told apart by anyone. */
function nextCall(rng: Rng, moment: Moment): Call {
  let fate = moment.session.fixedCallId === null ? rng.unit() * 1000 : 1000
  for (const [perThousand, make] of FATES) {
    if (fate < perThousand) return make(rng, moment)
    fate -= perThousand
  }
  return succeeded(rng, moment)
}

/** What all outcomes share: who, when and under which ids. */
function draft(rng: Rng, moment: Moment, model: Model | null, asked: string, queryType: string | null) {
  const { session, start } = moment
  const callId = uuid(rng)
  return {
    callId: session.fixedCallId ?? callId,
    responseId: callId,
    hookId: uuid(rng),
    traceId: uuid(rng),
    salt: rng.next(),
    start,
    end: start,
    micros: rng.below(1000),
    firstTokenMs: null as number | null,
    customer: session.customer?.id ?? null,
    tier: session.customer?.tier ?? null,
    user: session.user,
    session: session.name,
    agent: session.agent?.name ?? null,
    operation: session.operation as string | null,
    queryType,
    environment: session.environment as string | null,
    keyAlias: `app-${session.environment}` as string | null,
    model,
    asked,
    callType: model?.kind === 'embedding' ? ('aembedding' as const) : ('acompletion' as const),
    stream: false,
    aborted: false,
    cacheHit: false,
    truncated: false,
    decision: null,
    outcome: 'success' as Outcome,
    failure: null as Failure | null,
    attempts: NO_ATTEMPTS,
    tokens: NO_TOKENS,
    cost: 0n as bigint | null,
    saved: null as bigint | null,
  }
}

const NO_ATTEMPTS: readonly Attempt[] = []

/** Turned away before any model was called. */
function refused(rng: Rng, moment: Moment, outcome: Outcome, failure: Failure): Call {
  const { queryType, model } = pickQuestion(rng, moment.session)
  const unknown = failure === 'unknown_model'
  const asked = unknown ? 'gpt-4o-latest-preview' : model.group
  const call = draft(rng, moment, unknown ? null : model, asked, queryType)
  call.end += 1 + rng.below(18)
  call.outcome = outcome
  call.failure = failure
  if (failure === 'bad_key') forgetOwner(call)
  return call
}

/** With a wrong key nothing of the request is looked at. */
function forgetOwner(call: ReturnType<typeof draft>): void {
  call.customer = null
  call.tier = null
  call.user = null
  call.session = null
  call.agent = null
  call.operation = null
  call.queryType = null
  call.environment = null
  call.keyAlias = null
}

function failed(rng: Rng, moment: Moment): Call {
  const { queryType, model } = pickQuestion(rng, moment.session)
  const call = draft(rng, moment, model, model.group, queryType)
  call.end += Math.round(rng.between(40, 4000))
  call.outcome = 'failed'
  call.failure = providerFailure(rng)
  call.attempts = rng.chance(0.5) ? earlierTries(rng, model, call.failure) : NO_ATTEMPTS
  return call
}

function providerFailure(rng: Rng): Failure {
  const kind = rng.unit()
  return kind < 0.45 ? 'rate_limit' : kind < 0.8 ? 'server_error' : 'connection'
}

/** One or two tries before the last one, oldest first, with a pause of a second or so after each. */
function earlierTries(rng: Rng, model: Model, failure: Failure): Attempt[] {
  const tries: Attempt[] = []
  let beforeMs = 0
  for (let left = 1 + rng.below(2); left > 0; left--) {
    const tookMs = Math.round(rng.between(30, 2500))
    beforeMs += tookMs + Math.round(rng.between(400, 1800))
    tries.unshift({ failure, model, beforeMs, tookMs })
  }
  return tries
}

function succeeded(rng: Rng, moment: Moment): Call {
  const { session, answered } = moment
  if (answered && session.fixedCallId === null && rng.chance(CACHED)) return cacheHit(rng, moment, answered)
  const { queryType, model } = pickQuestion(rng, session)
  const retried = session.fixedCallId === null && rng.chance(RETRIED)
  const fallback = retried && model.kind === 'chat' && rng.chance(0.5) ? fallbackOf(model) : model
  const call = draft(rng, moment, fallback, model.group, queryType)
  if (retried) call.attempts = earlierTries(rng, model, providerFailure(rng))
  if (fallback.kind === 'chat') answerChat(rng, call)
  call.tokens = tokensOf(rng, moment, call, fallback)
  setTimes(rng, call, fallback)
  const cost = nanoCost(fallback, call.tokens)
  call.cost = cost === null ? null : BigInt(cost)
  return call
}

function fallbackOf(model: Model): Model {
  return model === HAIKU ? GPT_4O_MINI : HAIKU
}

function answerChat(rng: Rng, call: ReturnType<typeof draft>): void {
  call.responseId = `chatcmpl-${uuid(rng)}`
  call.stream = rng.chance(STREAMED)
  call.aborted = call.stream && rng.chance(ABORTED)
}

function tokensOf(rng: Rng, moment: Moment, call: Call, model: Model): TokenCounts {
  const { session, data, row, index } = moment
  const growth = session.runaway ? 1 + index / 30 : 1
  const input = Math.min(60_000, Math.round((data.input[row] ?? 1) * growth))
  const output = model.kind === 'embedding' ? 0 : (data.output[row] ?? 1)
  if (call.aborted) return abortedTokens(rng, input, output)
  return pickTokens(rng, model, { input, output, first: index === 0 })
}

function setTimes(rng: Rng, call: ReturnType<typeof draft>, model: Model): void {
  const slow = rng.chance(SLOW) ? rng.between(6, 25) : 1
  const wait = model.firstTokenMs * rng.between(0.6, 1.9)
  const writing = outputTokens(call.tokens) * model.tokenMs * rng.between(0.8, 1.3)
  call.end = call.start + Math.round((wait + writing) * slow) + 1
  if (call.stream) call.firstTokenMs = Math.round(wait)
}

/** The same question again: the answer comes from the response cache under a call id of its own. */
function cacheHit(rng: Rng, moment: Moment, original: Call): Call {
  const call = draft(rng, moment, original.model, original.asked, original.queryType)
  call.responseId = original.responseId
  call.cacheHit = true
  call.tokens = original.tokens
  call.saved = original.cost
  call.end += 1 + rng.below(9)
  return call
}
