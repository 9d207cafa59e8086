import { createExchange } from './exchange.ts'
import { marksOf } from './marks.ts'
import { createMemory, type Memory } from './memory.ts'
import { type Answer, type Question, readAnswer, type Refusal, type Unreachable } from './wire.ts'

export interface AskerOptions {
  /** Of `/v1/decisions`. */
  readonly url: string
  readonly key: string | null
  /** How long an answer is waited for. */
  readonly deadlineMs: number
  /** What becomes of calls without a decision until an answer has said so. */
  readonly unreachable: Unreachable
  /** How many questions may be under way at a time. */
  readonly sockets: number
  readonly now: () => number
  /** How long nothing is asked after many failures in a row. Default 1,000 ms. */
  readonly restMs?: number
  /** Whether the way to the other side is open; for tests of what happens when it is not. */
  readonly reachable?: () => boolean
  /** How long each answer took, milliseconds. */
  readonly onAnswered?: (ms: number) => void
}

/** What a call is to do: go on by an answer, be refused, or go on for want of an answer. */
export type Verdict =
  | { readonly kind: 'decided'; readonly answer: Answer }
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly reason: string }
  | { readonly kind: 'undecided' }

export interface Asker {
  /** Asks once, and once more with counted tokens when it is told to. Never rejects. */
  ask(question: Question, countTokens: () => number): Promise<Verdict>
  stats(): AskerStats
  close(): void
}

export interface AskerStats {
  readonly asked: number
  readonly answered: number
  /** Calls that went on without a decision. */
  readonly undecided: number
}

/** So many questions in a row without an answer, and nothing is asked for a while. */
const FAILURES = 5
const REST_MS = 1_000

const UNAVAILABLE: Refusal = {
  status: 503,
  type: 'decision_unavailable',
  message: 'This request could not be checked just now. Please try again in a minute.',
}

/** Asks for decisions as our gateway's hook does, and says what to do when nobody answers. */
export function createAsker(options: AskerOptions): Asker {
  const { now, onAnswered, reachable = () => true, restMs = REST_MS } = options
  const exchange = createExchange(options)
  const memory = createMemory(now)
  const count = { asked: 0, answered: 0, undecided: 0 }
  const policy = { unreachable: options.unreachable, refusal: UNAVAILABLE }
  const breaker = createBreaker(now, restMs)

  const exchanged = async (question: Question): Promise<Answer | null> => {
    if (!breaker.closed()) return null
    const began = performance.now()
    const got = reachable() ? await exchange.post(JSON.stringify(question)) : null
    const answer = got?.status === 200 ? readAnswer(got.body) : null
    breaker.note(got !== null && got.status < 500)
    if (answer) onAnswered?.(performance.now() - began)
    return answer
  }
  const asked = async (question: Question, countTokens: () => number): Promise<Answer | null> => {
    const first = await exchanged(question)
    if (first?.action !== 'count') return first
    const counted = await exchanged({ ...question, input: { ...question.input, tokens: countTokens() } })
    return counted?.action === 'count' ? null : counted
  }
  return {
    async ask(question, countTokens) {
      count.asked += 1
      const answer = await asked(question, countTokens)
      const marks = marksOf(question.record)
      if (answer) {
        count.answered += 1
        policy.unreachable = answer.unreachable ?? policy.unreachable
        policy.refusal = answer.unreachable_refusal ?? policy.refusal
        memory.learn(answer, question, marks)
        return verdictOf(answer)
      }
      const verdict = withoutAnswer(memory, question, marks, policy)
      if (verdict.kind === 'undecided') count.undecided += 1
      return verdict
    },
    stats: () => ({ ...count }),
    close: exchange.close,
  }
}

function verdictOf(answer: Answer): Verdict {
  const { action, refusal, reason } = answer
  return action === 'block' && refusal ? { kind: 'refused', refusal, reason } : { kind: 'decided', answer }
}

function withoutAnswer(
  memory: Memory,
  question: Question,
  marks: ReadonlySet<string>,
  policy: { readonly unreachable: Unreachable; readonly refusal: Refusal },
): Verdict {
  const known = memory.recall(question, marks)
  if (known) return { kind: 'refused', refusal: known.refusal, reason: known.reason }
  if (policy.unreachable === 'allow') return { kind: 'undecided' }
  return { kind: 'refused', refusal: policy.refusal, reason: 'unreachable' }
}

/** Spares a side that does not answer, and the calls that would wait for it. */
function createBreaker(now: () => number, restMs: number) {
  let failures = 0
  let openUntil = Number.NEGATIVE_INFINITY
  return {
    closed: () => now() >= openUntil,
    note(answered: boolean): void {
      failures = answered ? 0 : failures + 1
      if (failures < FAILURES) return
      failures = FAILURES - 1
      openUntil = now() + restMs
    },
  }
}
