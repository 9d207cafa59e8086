import type { Policy } from '../policy/policy.ts'
import type { ContainerKeeper } from './docker/containers.ts'
import { dockerSource } from './docker/source.ts'
import { langfuseSources } from './langfuse/sources.ts'
import type { DirectoryKeeper } from './litellm/directory.ts'
import { litellmSources } from './litellm/sources.ts'
import { sharedQuarantine } from './quarantine.ts'
import type { Source } from './source.ts'

/** What several parts of the program share of their neighbours. */
export interface Neighbours {
  /** Filled by the sources. */
  readonly litellm: DirectoryKeeper
  readonly containers: ContainerKeeper
}

/**
 * Every source, in the order in which they are opened. What the policy switches off opens too, and does nothing. There is one for
 * each of Langfuse's projects that the policy names at the start.
 */
export function sources(neighbours: Neighbours, policy: Policy): readonly Source[] {
  const quarantine = sharedQuarantine()
  const projects = policy.sources.langfuse.map(({ name }) => name)
  return [
    ...litellmSources(neighbours.litellm, quarantine),
    ...langfuseSources(projects, quarantine),
    dockerSource(neighbours.containers),
  ]
}
