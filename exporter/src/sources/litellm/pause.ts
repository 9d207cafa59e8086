import type { LitellmPoll } from '../../policy/policy.ts'
import type { SourceDeps } from '../source.ts'

/** How long a pause goes on before it looks whether the policy has changed. */
export const GLANCE = 5000

/** Waits, but not beyond a change of the policy's poll: it may be the remedy. */
export async function pause(ms: number, settings: LitellmPoll, deps: SourceDeps, signal: AbortSignal): Promise<void> {
  for (let left = ms; left > 0 && !signal.aborted; left -= GLANCE) {
    if (deps.policy().sources.litellm.poll !== settings) return
    await deps.sleep(Math.min(left, GLANCE), signal)
  }
}
