/** Whose call it is: what is known of it, each as text. What is absent is looked up or counts as unattributed. */
export interface Who {
  /** The paying tenant. */
  readonly customer?: string | null | undefined
  /** The customer's plan, where the exporter's roster does not know it. */
  readonly tier?: string | null | undefined
  /** A person inside the customer. */
  readonly user?: string | null | undefined
  /** A conversation. */
  readonly session?: string | null | undefined
  /** A worker with a budget of its own. */
  readonly agent?: string | null | undefined
  /** The application's class of question, by which the model `auto` is routed. */
  readonly queryType?: string | null | undefined
}

/** What is known of a call before it is made. The more is told, the nearer to the limit the answer can be exact. */
export interface Call {
  /** The model's public name. */
  readonly model?: string | null | undefined
  /** Tokens that the answer is bounded to. */
  readonly maxTokens?: number | null | undefined
  /** UTF-8 bytes of all text that goes to the model. */
  readonly inputBytes?: number | null | undefined
  /** The input's tokens, where somebody counted them. */
  readonly inputTokens?: number | null | undefined
  /** What a cheaper model must be able to do as well. */
  readonly needs?: readonly ('tools' | 'images')[] | null | undefined
}

/** A question to the exporter, cleaned: what is asked, and under which names its answer is kept. */
export interface Question {
  readonly model: string | null
  readonly maxTokens: number | null
  readonly inputBytes: number | null
  readonly inputTokens: number | null
  readonly needs: readonly string[]
  /** By the names of the wire. */
  readonly who: Readonly<Record<string, string>>
  /** `place=value` for each that a remembered refusal can name. */
  readonly marks: readonly string[]
  /** Subjects, as `scope=subject`, whose change makes an answer to it untrue. */
  readonly subjects: readonly string[]
  /** Equal for questions that may share a remembered answer. Null for one too long to be remembered. */
  readonly key: string | null
  /** Equal for questions that are the same in every respect. */
  readonly whole: string
}

const NAMES = {
  customer: 'customer',
  tier: 'tier',
  user: 'user',
  session: 'session',
  agent: 'agent',
  queryType: 'query_type',
}
const MARKED = ['customer', 'tier', 'session', 'agent']
const NEEDS = ['images', 'tools']
/** The exporter's name for the customer of a call that names none. */
const UNATTRIBUTED = 'unattributed'
/** Ten thousand remembered answers stay below some tens of megabytes. */
const LONGEST_KEY = 2000

/** Cleans what the application tells. Numbers are taken for ids; what is neither text nor number is left out. Never throws. */
export function readQuestion(who: unknown, call: unknown): Question {
  const told = fieldsOf(who)
  const named = Object.entries(NAMES).flatMap(([ours, wire]): [string, string][] => {
    const value = text(told[ours])
    return value === null ? [] : [[wire, value]]
  })
  const fields: Readonly<Record<string, string>> = Object.fromEntries(named)
  const asked = fieldsOf(call)
  const model = text(asked.model)
  const needs = NEEDS.filter((need) => Array.isArray(asked.needs) && asked.needs.includes(need))
  const [maxTokens, inputBytes, inputTokens] = [
    count(asked.maxTokens),
    count(asked.inputBytes),
    count(asked.inputTokens),
  ]
  const key = JSON.stringify([named, model, needs])
  return {
    model,
    maxTokens,
    inputBytes,
    inputTokens,
    needs,
    who: fields,
    marks: MARKED.flatMap((name) => (fields[name] === undefined ? [] : [`${name}=${fields[name]}`])),
    subjects: subjectsOf(fields),
    key: key.length > LONGEST_KEY ? null : key,
    whole: JSON.stringify([key, maxTokens, inputBytes, inputTokens]),
  }
}

/** The body of a question, version 1 of the wire. `inputTokens` stands over what the question itself knows. */
export function bodyOf(question: Question, callId: string, inputTokens: number | null): string {
  const { model, maxTokens, inputBytes, needs, who } = question
  const input = {
    bytes: inputBytes ?? 0,
    images: 0,
    opaque: 0,
    ...(inputTokens === null ? {} : { tokens: inputTokens }),
  }
  return JSON.stringify({
    version: 1,
    call_id: callId,
    ...(model === null ? {} : { model }),
    ...(maxTokens === null ? {} : { max_tokens: maxTokens }),
    n: 1,
    input,
    needs,
    who,
  })
}

function subjectsOf({ customer = UNATTRIBUTED, session, agent }: Readonly<Record<string, string>>): string[] {
  return [
    `customer=${customer}`,
    `tenant_day=${customer}`,
    // A session is known by itself and, where two customers could choose the same name, as the exporter has it.
    ...(session === undefined ? [] : [`session=${session}`, `session=${customer}/${session}`]),
    ...(agent === undefined ? [] : [`agent=${agent}`]),
  ]
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function text(value: unknown): string | null {
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  return typeof value === 'string' && value !== '' ? value : null
}

function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null
}
