import type { Decided } from './answer.ts'
import { type AskOptions, ask } from './ask.ts'
import { createBreaker } from './breaker.ts'
import type { Question } from './question.ts'
import { GuardTrouble, type Reporter } from './trouble.ts'

export interface AskerOptions extends AskOptions {
  readonly now: () => number
  readonly random: () => number
  readonly reporter: Reporter
  /** Told of each answer; `holds` is false where a change came in between, so that it may be out of date already. */
  onAnswer(question: Question, answer: Decided, holds: boolean): void
}

/** Asks equal questions once. */
export interface Asker {
  /** Null where no decision can be had. Never rejects. */
  ask(question: Question): Promise<Decided | null>
  /** Questions on their way that speak of a subject (null = all) may be answered by what was true before it changed. */
  changed(subject: string | null): void
  /** The exporter is there: the next question may go out at once. */
  wake(): void
}

/** A question on its way, whose answer all wait for who ask the same meanwhile. */
interface Flight {
  readonly question: Question
  readonly answer: Promise<Decided | null>
}

export function createAsker(options: AskerOptions): Asker {
  const { reporter, onAnswer } = options
  const breaker = createBreaker(options)
  const flights = new Map<string, Flight>()
  const fly = async (question: Question): Promise<Decided | null> => {
    try {
      const answer = await ask(options, question)
      breaker.succeeded()
      reporter.succeeded('ask')
      onAnswer(question, answer, isCurrent(question))
      return answer
    } catch (error) {
      const trouble = error instanceof GuardTrouble ? error : new GuardTrouble('answer', String(error), error)
      breaker.failed(trouble.kind)
      if (!options.signal.aborted) reporter.failed('ask', trouble)
      return null
    } finally {
      if (isCurrent(question)) flights.delete(question.whole)
    }
  }
  /** What was taken off the list by a change, and perhaps asked anew since, is another flight. */
  const isCurrent = (question: Question) => flights.get(question.whole)?.question === question
  return {
    async ask(question) {
      const flying = flights.get(question.whole)
      if (flying !== undefined) return flying.answer
      if (options.signal.aborted || !breaker.mayAsk()) return null
      const flight = { question, answer: fly(question) }
      flights.set(question.whole, flight)
      return flight.answer
    },
    changed(subject) {
      for (const [whole, { question }] of flights) {
        if (subject === null || question.subjects.includes(subject)) flights.delete(whole)
      }
    },
    wake: () => breaker.succeeded(),
  }
}
