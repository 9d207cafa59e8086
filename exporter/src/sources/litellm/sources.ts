import { type QuarantineOf, sharedQuarantine } from '../quarantine.ts'
import type { Source, SourceDeps } from '../source.ts'
import type { DirectoryKeeper } from './directory.ts'
import { DirectoryPoll } from './directory-poll.ts'
import { createGateways } from './gateway.ts'
import { createOwners } from './owners.ts'
import { Poll } from './poll.ts'
import { pushRouter } from './push.ts'

/** The push counts as healthy for this long after it brought something. */
const PUSH_HEALTHY = 5 * 60_000

/**
 * LiteLLM by two ways, as two units with a health of their own: `litellm` takes what is pushed, `litellm_poll` reads the spend
 * log. The events of both are of one source, `litellm`, and the same call has the same key. A third, `litellm_directory`,
 * reads customers, keys and budgets into `directory`; what it knows of a key's owner the other two use.
 */
export function litellmSources(
  directory: DirectoryKeeper,
  shared: QuarantineOf = sharedQuarantine(),
): readonly [push: Source, poll: Source, directory: Source] {
  const owners = createOwners(directory)
  const knowing = (deps: SourceDeps): SourceDeps => ({ ...deps, owners: () => owners(deps.policy()) })
  let lastPush = Number.NEGATIVE_INFINITY
  const gateways = createGateways()
  const push: Source = {
    name: 'litellm',
    routes: (recorder, deps) =>
      pushRouter({ recorder, deps: knowing(deps), quarantine: shared(deps), source: 'litellm', gateways }, () => {
        lastPush = deps.now()
      }),
    gateway: gateways.health,
    open: async (_recorder, deps) => () => shared(deps).flush(),
  }
  const poll: Source = {
    name: 'litellm_poll',
    async open(recorder, deps) {
      const target = { recorder, deps: knowing(deps), quarantine: shared(deps), source: 'litellm_poll' }
      const close = new Poll(target, () => deps.now() - lastPush < PUSH_HEALTHY).open()
      return async () => {
        await close()
        await shared(deps).flush()
      }
    },
  }
  const lists: Source = {
    name: 'litellm_directory',
    open: async (_recorder, deps) => new DirectoryPoll(directory, deps).open(),
  }
  return [push, poll, lists]
}
