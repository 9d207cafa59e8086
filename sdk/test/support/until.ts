import { setTimeout as pause } from 'node:timers/promises'

const TRIES = 6000

/** Waits for what happens elsewhere; gives up after so long that only a defect can be the reason. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < TRIES; tries++) {
    if (await holds()) return
    await pause(5)
  }
  throw new Error(`still not: ${what}`)
}
