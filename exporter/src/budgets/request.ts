import { UNATTRIBUTED } from '../usage.ts'
import { type Ask, type AskedBy, NO_MODEL } from './ask.ts'

/** What a request says of whose call it is, by the record of a gateway or in so many words. */
export interface AskedWho {
  readonly who: AskedBy
  /** Marks of the call that lead to its customer, tier, session or agent, as `place=value`; null when none alone does. */
  mark(of: 'customer' | 'tier' | 'session' | 'agent'): string | null
}

/** Reads the facts of a gateway's record as its later event will be read. */
export type ReadRecord = (record: Json) => AskedWho

type Json = Readonly<Record<string, unknown>>

export interface Request {
  readonly ask: Ask
  readonly asked: AskedWho
  readonly language: string | null
  /** An application asks for itself and may use the answer again. */
  readonly guard: boolean
}

/** A request that is no question; the message says what was found and what is expected. */
export class BadRequest extends Error {
  override readonly name = 'BadRequest'
}

export const VERSION = 1
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const LONGEST_NAME = 300
/** No context window is as large; what says more is absurd and counts as this. */
const MOST_TOKENS = 100_000_000
const MOST_BYTES = 1_000_000_000

/** Reads the body of `POST /v1/decisions`. Throws BadRequest. */
export function readRequest(body: unknown, readRecord: ReadRecord): Request {
  const given = block(body, 'the body')
  if (given.version !== VERSION) throw wrong('version', given.version, `${VERSION}`)
  const callId = given.call_id
  if (typeof callId !== 'string' || !UUID.test(callId)) throw wrong('call_id', callId, 'a uuid')
  const guard = given.record === undefined
  // An application may ask before it knows which model it will use.
  const model = guard ? (given.model ?? NO_MODEL) : given.model
  if (typeof model !== 'string' || (model === NO_MODEL && !guard) || model.length > LONGEST_NAME)
    throw wrong('model', model, `a name of at most ${LONGEST_NAME} characters`)
  if (guard === (given.who === undefined))
    throw new BadRequest(`found ${guard ? 'neither record nor who' : 'both record and who'}, expected one of them`)
  const asked = guard ? readWho(block(given.who, 'who')) : readRecord(block(given.record, 'record'))
  const input = block(given.input ?? {}, 'input')
  return {
    asked,
    guard,
    language: languageOf(given.language),
    ask: {
      callId: callId.toLowerCase(),
      model,
      maxTokens: whole(given.max_tokens, 'max_tokens', MOST_TOKENS),
      answers: Math.max(1, Math.min(128, whole(given.n, 'n', MOST_TOKENS) ?? 1)),
      input: {
        bytes: whole(input.bytes, 'input.bytes', MOST_BYTES) ?? 0,
        tokens: whole(input.tokens, 'input.tokens', MOST_TOKENS),
        images: whole(input.images, 'input.images', 10_000) ?? 0,
        opaque: whole(input.opaque, 'input.opaque', 10_000) ?? 0,
        cacheWrites: input.cache_writes !== false,
      },
      settles: !guard,
      serviceTier: typeof given.service_tier === 'string' ? given.service_tier.slice(0, LONGEST_NAME) : null,
      needs: (Array.isArray(given.needs) ? given.needs : []).filter((need) => need === 'tools' || need === 'images'),
      who: asked.who,
      ...traceparentOf(given.traceparent),
    },
  }
}

const LONGEST_TRACEPARENT = 100

/** What is none names no trace; that is no reason not to decide. */
function traceparentOf(value: unknown): { traceparent?: string } {
  return typeof value === 'string' && value.length <= LONGEST_TRACEPARENT ? { traceparent: value } : {}
}

function readWho(given: Json): AskedWho {
  const text = (name: string): string | null => {
    const value = given[name]
    if (value === undefined || value === null || value === '') return null
    if (typeof value !== 'string' || value.length > LONGEST_NAME)
      throw wrong(`who.${name}`, value, `text of at most ${LONGEST_NAME} characters`)
    return value
  }
  const who: AskedBy = {
    customer: text('customer') ?? UNATTRIBUTED,
    tier: text('tier'),
    user: text('user'),
    session: text('session'),
    agent: text('agent'),
    trace: text('trace'),
    queryType: text('query_type'),
  }
  return { who, mark: (of) => (text(of) === null ? null : `${of}=${text(of)}`) }
}

function block(value: unknown, name: string): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json
  throw wrong(name, value, 'a JSON object')
}

/** Null when absent. Beyond `most` it counts as that much: an absurd bound bounds nothing. */
function whole(value: unknown, name: string, most: number): number | null {
  if (value === undefined || value === null) return null
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0)
    throw wrong(name, value, 'a whole number from 0')
  return Math.min(value, most)
}

/** The first language of a list such as `de-CH, en;q=0.8`; null for what is none. */
function languageOf(value: unknown): string | null {
  const tag = typeof value === 'string' ? /^\s*([A-Za-z]{2,3}(?:-[A-Za-z\d]{2,8})*)/.exec(value)?.[1] : undefined
  return tag ?? null
}

function wrong(name: string, value: unknown, expected: string): BadRequest {
  return new BadRequest(`${name} is ${found(value)}, expected ${expected}`)
}

/** What is shown of a value: never much of it, it may be anything. */
function found(value: unknown): string {
  if (value === undefined) return 'absent'
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (typeof value !== 'string') return Array.isArray(value) ? 'a list' : 'an object'
  return value.length <= 40 ? JSON.stringify(value) : `a text of ${value.length} characters`
}
