import type { ContainerKeeper } from './docker/containers.ts'
import { dockerSource } from './docker/source.ts'
import type { DirectoryKeeper } from './litellm/directory.ts'
import { litellmSources } from './litellm/sources.ts'
import type { Source } from './source.ts'

/** What several parts of the program share of their neighbours. */
export interface Neighbours {
  /** Filled by the sources. */
  readonly litellm: DirectoryKeeper
  readonly containers: ContainerKeeper
}

/** Every source, in the order in which they are opened. What the policy switches off opens too, and does nothing. */
export function sources(neighbours: Neighbours): readonly Source[] {
  const [litellm, litellmPoll, litellmDirectory] = litellmSources(neighbours.litellm)
  return [litellm, litellmPoll, litellmDirectory, dockerSource(neighbours.containers)]
}
