import type { AppOptions } from '../app.ts'
import { name } from '../attribution/label.ts'
import { type Backstop, runBackstop } from '../backstop/backstop.ts'
import type { Budgets } from '../budgets/open.ts'
import { sha256 } from '../sources/litellm/context.ts'
import { READERS } from '../sources/litellm/directory-read.ts'

/** Keeps LiteLLM's own budgets a little above ours, where the policy wants it. */
export function startBackstop(
  { policy, log, now, random, sleep }: Pick<AppOptions, 'policy' | 'log' | 'now' | 'random' | 'sleep'>,
  budgets: Budgets,
): Backstop {
  return runBackstop({
    policy: policy.current,
    knownCustomers: budgets.customers,
    readers: READERS,
    nameOf: (id) => name(id, sha256) ?? id,
    log,
    now,
    random,
    sleep,
  })
}
