import { type QuarantineOf, sharedQuarantine } from '../quarantine.ts'
import type { Source } from '../source.ts'
import { openUnit } from './unit.ts'
import { type QueueWatch, watchQueues } from './queues.ts'

/** Name of the unit that reads a project: `langfuse` where there is one, else with the project's own name. */
export function unitName(name: string, projects: number): string {
  return projects === 1 ? 'langfuse' : `langfuse:${name}`
}

/**
 * A unit for each of these projects of the policy, with a health of its own: one that fails stops no other. What a project is read
 * with may change while the program runs, and a project may go; a new one begins with the next start.
 */
export function langfuseSources(
  names: readonly string[],
  shared: QuarantineOf = sharedQuarantine(),
): readonly Source[] {
  return names.map((name) => unitOf(name, unitName(name, names.length), shared))
}

function unitOf(name: string, unit: string, shared: QuarantineOf): Source {
  let queues: QueueWatch | null = null
  return {
    name: unit,
    queues: (now) => queues?.readings(now) ?? [],
    async open(recorder, deps) {
      const quarantine = shared(deps)
      queues = watchQueues(deps)
      const close = openUnit({ name, unit, recorder, deps, quarantine, queues })
      return async () => {
        await close()
        await quarantine.flush()
      }
    },
  }
}
