import type { Source } from '../source.ts'
import type { ContainerKeeper } from './containers.ts'
import { SOURCE } from './entries.ts'
import { pollDocker } from './poll.ts'

/** The containers of a Docker engine: how they are doing, into `containers`, and what they use, as metered infrastructure. */
export function dockerSource(containers: ContainerKeeper): Source {
  return { name: SOURCE, open: async (recorder, deps) => pollDocker(containers, recorder, deps) }
}
