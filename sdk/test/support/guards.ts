import { createGuard, type Guard, type GuardOptions, type GuardTrouble } from '../../src/index.ts'
import { KEY, type StandIn } from './stand-in.ts'
import { until } from './until.ts'

/** A guard of a test, with what it told. */
export interface Watched extends Guard {
  readonly troubles: GuardTrouble[]
}

/** A guard that reconnects soon and never waits in vain on a slow machine. */
export function watched(standIn: Pick<StandIn, 'url'>, options: Partial<GuardOptions> = {}): Watched {
  const troubles: GuardTrouble[] = []
  const onError = (trouble: GuardTrouble) => troubles.push(trouble)
  const guard = createGuard({ url: standIn.url, key: KEY, deadlineMs: 30_000, random: () => 0, onError, ...options })
  return { ...guard, troubles }
}

/** Waits until a guard hears changes, so that it uses answers again. */
export async function listening(guard: Guard): Promise<void> {
  await until('the guard uses answers again', async () => {
    const before = guard.stats()
    await guard.check({ customer: 'the first' })
    const after = guard.stats()
    return after.fromCache > before.fromCache && after.failed === before.failed
  })
}
