import type { SourceDeps } from '../source.ts'

/** How long a pause goes on before it looks whether the policy has changed. */
export const GLANCE = 5000

/** Waits, but no longer than `unchanged` says that what the policy says of the source is the same: a change may be the remedy. */
export async function pause(
  ms: number,
  unchanged: () => boolean,
  { sleep }: Pick<SourceDeps, 'sleep'>,
  signal: AbortSignal,
): Promise<void> {
  for (let left = ms; left > 0 && !signal.aborted; left -= GLANCE) {
    if (!unchanged()) return
    await sleep(Math.min(left, GLANCE), signal)
  }
}
