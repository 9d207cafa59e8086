import type { Decided } from './answer.ts'
import type { Question } from './question.ts'
import { createShelf } from './shelf.ts'

/** An answer that still holds, and since when it is known. */
export interface Remembered {
  readonly answer: Decided
  /** Epoch milliseconds. */
  readonly at: number
  readonly until: number
}

/** Answers that may be used again. */
export interface Memory {
  /** Keeps an answer as long as it says, and never longer than the guard allows; what it speaks against is given up. */
  learn(question: Question, answer: Decided): void
  /** The answer that was given to the same question. */
  recall(question: Question): Remembered | null
  /** A refusal that was given to whomever and holds for this call too. */
  refusalFor(question: Question): Remembered | null
  /** Throws out what is no longer true of a subject; of any when the scope is not one that a call names. */
  drop(scope: string, subject: string): void
  clear(): void
}

export interface MemoryOptions {
  readonly capacity: number
  /** The longest that an answer is kept, milliseconds. */
  readonly longestMs: number
  readonly now: () => number
}

/** Scopes whose subjects a question names. A tier is none: the exporter's roster knows it better than the caller. */
export const NAMED_SCOPES = ['customer', 'tenant_day', 'session', 'agent']

export function createMemory({ capacity, longestMs, now }: MemoryOptions): Memory {
  const answers = createShelf<Remembered>(capacity)
  const refusals = createShelf<Remembered>(capacity)
  const clear = () => {
    answers.clear()
    refusals.clear()
  }
  /** A clock that was set back must not make an answer live longer. */
  const fresh = (found: Remembered | undefined) =>
    found !== undefined && found.at <= now() && now() < found.until ? found : null
  return {
    learn(question, answer) {
      const { key } = question
      const { remember } = answer
      if (key !== null) answers.delete(key)
      if (answer.action !== 'block') for (const rule of rulesFor(question)) refusals.delete(rule)
      if (remember === null || key === null) return
      const at = now()
      const remembered = { answer, at, until: at + lifetime(answer, remember.seconds, longestMs) }
      const subjects = [
        ...question.subjects,
        ...remember.when,
        ...(remember.subject === null ? [] : [remember.subject]),
      ]
      const distinct = [...new Set(subjects)]
      answers.set(key, remembered, distinct)
      if (answer.action === 'block') refusals.set(ruleKey(remember.when, remember.model), remembered, distinct)
    },
    recall: (question) => (question.key === null ? null : fresh(answers.get(question.key))),
    refusalFor(question) {
      for (const rule of rulesFor(question)) {
        const found = fresh(refusals.get(rule))
        if (found !== null) return found
      }
      return null
    },
    drop(scope, subject) {
      if (!NAMED_SCOPES.includes(scope)) return clear()
      answers.forget(`${scope}=${subject}`)
      refusals.forget(`${scope}=${subject}`)
    },
    clear,
  }
}

/** A refusal ends when it says that trying again is worth it. */
function lifetime(answer: Decided, seconds: number, longestMs: number): number {
  return Math.min(longestMs, seconds * 1000, (answer.refusal?.retryAfter ?? Infinity) * 1000)
}

function ruleKey(when: readonly string[], model: string | null): string {
  return JSON.stringify([when, model])
}

/** The keys of all refusals that speak of a call: each subset of its few marks, for its model and for any. */
function rulesFor({ marks, model }: Question): string[] {
  const subsets: string[][] = [[]]
  for (const mark of marks.toSorted()) subsets.push(...subsets.map((subset) => [...subset, mark]))
  return subsets.flatMap((when) => (model === null ? [null] : [model, null]).map((asked) => ruleKey(when, asked)))
}
