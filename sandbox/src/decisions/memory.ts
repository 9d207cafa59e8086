import type { Answer, Question, Refusal } from './wire.ts'

/** Refusals that hold on while nobody can be asked. */
export interface Memory {
  /** Takes a refusal that may be remembered; any other answer ends those that would have refused its call. */
  learn(answer: Answer, question: Question, marks: ReadonlySet<string>): void
  /** The refusal that holds for a call, with the reason it was given for; null when none does. */
  recall(question: Question, marks: ReadonlySet<string>): Remembered | null
}

export interface Remembered {
  readonly refusal: Refusal
  readonly reason: string
}

interface Held extends Remembered {
  readonly when: readonly string[]
  readonly model: string | null
  /** Epoch milliseconds. */
  readonly until: number
}

/** How many first marks are known, and how many refusals under each. */
const MOST_MARKS = 10_000
const MOST_EACH = 100

export function createMemory(now: () => number): Memory {
  /** By the first mark that a call must have; '' where it needs none. */
  const held = new Map<string, readonly Held[]>()
  const keep = (first: string, list: readonly Held[]): void => {
    held.delete(first)
    if (list.length > 0) held.set(first, list.slice(-MOST_EACH))
    for (const oldest of held.keys()) {
      if (held.size <= MOST_MARKS) break
      held.delete(oldest)
    }
  }
  return {
    learn(answer, question, marks) {
      const { action, reason, refusal, remember } = answer
      if (action === 'block' && refusal) {
        if (!remember) return
        const { when, model = null, seconds } = remember
        const one = { when, model, reason, refusal, until: now() + seconds * 1000 }
        const first = when[0] ?? ''
        keep(first, [...(held.get(first) ?? []).filter((other) => !same(other, one)), one])
        return
      }
      for (const first of firstsOf(held, marks)) {
        const list = held.get(first) ?? []
        const left = list.filter((one) => !fits(one, question, marks))
        if (left.length < list.length) keep(first, left)
      }
    },
    recall(question, marks) {
      for (const first of firstsOf(held, marks)) {
        const found = held.get(first)?.find((one) => one.until > now() && fits(one, question, marks))
        if (found) return found
      }
      return null
    },
  }
}

function firstsOf(held: ReadonlyMap<string, unknown>, marks: ReadonlySet<string>): string[] {
  return held.size === 0 ? [] : ['', ...marks].filter((mark) => held.has(mark))
}

function fits({ when, model }: Held, question: Question, marks: ReadonlySet<string>): boolean {
  return (model === null || model === question.model) && when.every((mark) => marks.has(mark))
}

function same(one: Held, other: Held): boolean {
  return one.model === other.model && one.when.join('\n') === other.when.join('\n')
}
