import { type Answer, type Decided, isDecided, readAnswer } from './answer.ts'
import { bodyOf, type Question } from './question.ts'
import { GuardTrouble, troubleOf } from './trouble.ts'

/** Where the exporter is and how it is reached. */
export interface Exporter {
  /** Without a slash at its end. */
  readonly url: string
  /** Null where it needs none. */
  readonly key: string | null
  readonly fetch: typeof fetch
}

export interface AskOptions extends Exporter {
  /** From the first byte out to the last byte in, counting of the input included. */
  readonly deadlineMs: number
  readonly newId: () => string
  /** Ends the question early. */
  readonly signal: AbortSignal
  /** Told of each request that goes out. */
  readonly onRequest: () => void
}

/** UTF-8 bytes of a token, at the low end of what prose in any script has: the count is rather too high. */
const BYTES_A_TOKEN = 3

/**
 * Asks the exporter to decide about a call. Asked to count the input, it asks once more with the tokens known or, failing
 * that, estimated from its bytes. Rejects with a GuardTrouble, at the latest when the deadline has passed.
 */
export async function ask(options: AskOptions, question: Question): Promise<Decided> {
  const abort = new AbortController()
  const ended = ending(options)
  try {
    // The race holds the deadline also where a fetch that was handed in does not heed its signal.
    return await Promise.race([ended.promise, decided(options, question, abort.signal)])
  } finally {
    ended.release()
    abort.abort()
  }
}

/** A promise that rejects when the deadline has passed or the guard is closed. */
function ending({ deadlineMs, signal, url }: AskOptions): { promise: Promise<never>; release(): void } {
  let release = () => {}
  const promise = new Promise<never>((_resolve, reject) => {
    const late = () => reject(new GuardTrouble('unreachable', `${url} did not decide within ${deadlineMs} ms`))
    const closed = () => reject(new GuardTrouble('unreachable', 'the guard was closed'))
    const timer = setTimeout(late, deadlineMs)
    signal.addEventListener('abort', closed)
    release = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', closed)
    }
  })
  return { promise, release }
}

async function decided(options: AskOptions, question: Question, signal: AbortSignal): Promise<Decided> {
  const callId = options.newId()
  const first = await post(options, bodyOf(question, callId, question.inputTokens), signal)
  if (isDecided(first)) return first
  const tokens = question.inputTokens ?? Math.ceil((question.inputBytes ?? 0) / BYTES_A_TOKEN)
  const second = await post(options, bodyOf(question, callId, tokens), signal)
  if (isDecided(second)) return second
  throw new GuardTrouble('answer', `${options.url} asks again to count an input that was counted`)
}

async function post(options: AskOptions, body: string, signal: AbortSignal): Promise<Answer> {
  const what = `POST ${options.url}/v1/decisions`
  options.onRequest()
  const headers = { ...authorization(options), 'content-type': 'application/json', accept: 'application/json' }
  const request = { method: 'POST', headers, body, signal, redirect: 'error' } as const
  const response = await options.fetch(`${options.url}/v1/decisions`, request).catch((cause: unknown) => {
    throw new GuardTrouble('unreachable', `${what} failed: ${reasonOf(cause)}`, cause)
  })
  if (response.status !== 200) throw await troubleOf(response, what)
  const answer = readAnswer(await json(response, what))
  if (typeof answer === 'string') throw new GuardTrouble('answer', `${what} answered ${answer}`)
  return answer
}

async function json(response: Response, what: string): Promise<unknown> {
  const text = await response.text().catch((cause: unknown) => {
    throw new GuardTrouble('unreachable', `the answer to ${what} broke off: ${reasonOf(cause)}`, cause)
  })
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new GuardTrouble('answer', `${what} answered something that is not JSON`, cause)
  }
}

/** The header that shows the key. */
export function authorization({ key }: Exporter): Readonly<Record<string, string>> {
  return key === null ? {} : { authorization: `Bearer ${key}` }
}

/** Fetch says only that it failed; the reason is in the cause. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  return cause instanceof Error && cause.message !== '' ? `${error.message} (${cause.message})` : error.message
}
