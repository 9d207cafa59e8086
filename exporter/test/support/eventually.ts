import { setTimeout as pause } from 'node:timers/promises'

const TRIES = 3_000
const PAUSE_MS = 20

/**
 * Asks again and again until there is an answer that is not null, and returns it. Gives up after so many tries that no
 * machine is too slow, so that a defect fails a test instead of never ending it.
 */
export async function eventually<T>(
  what: string | (() => string),
  ask: () => Promise<T | null> | T | null,
): Promise<T> {
  for (let tries = 0; tries < TRIES; tries++) {
    const answer = await ask()
    if (answer !== null) return answer
    await pause(PAUSE_MS)
  }
  throw new Error(`after ${TRIES} tries still not: ${typeof what === 'string' ? what : what()}`)
}
