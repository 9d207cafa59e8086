import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Refusal } from './answer.ts'
import { createAsker } from './asker.ts'
import { type Change, type Following, followChanges } from './changes.ts'
import { createMemory, NAMED_SCOPES } from './memory.ts'
import type { Settings } from './options.ts'
import type { Question } from './question.ts'
import type { Reporter } from './trouble.ts'
import { rememberedVerdict, undecided, type Verdict, verdictOf } from './verdict.ts'

/** Where decisions come from: the memory of earlier ones, the exporter, or neither. */
export interface Decisions {
  /** Never rejects. */
  decide(question: Question): Promise<Verdict>
  /** What holds when the exporter cannot be asked; null = it is not known what it would be asked. */
  without(question: Question | null): Verdict
  close(): void
}

export interface DecisionOptions extends Settings {
  readonly reporter: Reporter
  /** Told of each request that goes out. */
  readonly onRequest: () => void
  /** Told of each call for which the exporter could not be asked. */
  readonly onFailure: () => void
}

const CAPACITY = 10_000
/** The exporter says something every 15 s. */
const SILENCE_MS = 40_000

export function createDecisions(options: DecisionOptions): Decisions {
  const { now, reporter } = options
  const closing = new AbortController()
  const policy: { unreachable: 'allow' | 'block' | null; refusal: Refusal | null } = {
    unreachable: null,
    refusal: null,
  }
  const memory = createMemory({ capacity: CAPACITY, longestMs: options.cacheMs, now })
  let following: Following | null = null

  const asker = createAsker({
    ...options,
    signal: closing.signal,
    newId: randomUUID,
    onAnswer(question, answer, holds) {
      policy.unreachable = answer.unreachable ?? policy.unreachable
      policy.refusal = answer.unreachableRefusal ?? policy.refusal
      if (holds) memory.learn(question, answer)
    },
  })

  const onChange = ({ scope, subject }: Change) => {
    memory.drop(scope, subject)
    asker.changed(NAMED_SCOPES.includes(scope) ? `${scope}=${subject}` : null)
  }
  const onOpen = () => {
    onChange({ scope: 'all', subject: '' })
    asker.wake()
    reporter.succeeded('changes')
  }
  const follow = () =>
    followChanges({
      ...options,
      silenceMs: SILENCE_MS,
      sleep,
      onOpen,
      onChange,
      onTrouble: (trouble) => reporter.failed('changes', trouble),
    })

  /** Who fails open still goes by what is remembered, who fails closed by refusals alone. */
  const without = (question: Question | null): Verdict => {
    options.onFailure()
    const open = options.failOpen ?? policy.unreachable !== 'block'
    if (question === null) return undecided(open, policy.refusal)
    const exact = memory.recall(question)
    const usable = exact !== null && (open || exact.answer.action === 'block') ? exact : null
    const found = usable ?? memory.refusalFor(question)
    return found === null ? undecided(open, policy.refusal) : rememberedVerdict(found, question, now())
  }

  return {
    async decide(question) {
      if (!closing.signal.aborted) following ??= follow()
      // Unheard changes may have made an answer untrue: it is used again only while all of them are heard.
      const known = following?.live ? memory.recall(question) : null
      if (known !== null) return rememberedVerdict(known, question, now())
      const answer = await asker.ask(question)
      return answer === null ? without(question) : verdictOf(answer, question)
    },
    without,
    close() {
      closing.abort()
      following?.close()
    },
  }
}

/** A wait that keeps no process alive. */
async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await pause(ms, undefined, { ref: false, signal }).catch(() => {})
}
