import { litellmSources } from './litellm/sources.ts'
import type { Source } from './source.ts'

/** Every source, in the order in which they are opened. What the policy switches off opens too, and does nothing. */
export function sources(): readonly Source[] {
  const [litellm, litellmPoll] = litellmSources()
  return [litellm, litellmPoll]
}
