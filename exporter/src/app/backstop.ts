import { setTimeout as delay } from 'node:timers/promises'
import type { AppOptions } from '../app.ts'
import { name } from '../attribution/label.ts'
import { type Backstop, runBackstop } from '../backstop/backstop.ts'
import type { Budgets } from '../budgets/open.ts'
import { sha256 } from '../sources/litellm/context.ts'
import { READERS } from '../sources/litellm/directory-read.ts'

/** Keeps LiteLLM's own budgets a little above ours, where the policy wants it. */
export function startBackstop(
  { policy, log, now, random }: Pick<AppOptions, 'policy' | 'log' | 'now' | 'random'>,
  budgets: Budgets,
  tierAt: (customer: string, at: number) => string | null,
): Backstop {
  return runBackstop({
    policy: policy.current,
    // The roster knows of a change before the customer's next call does.
    knownCustomers: () => new Map([...budgets.customers()].map(([id, tier]) => [id, tierAt(id, now()) ?? tier])),
    readers: READERS,
    nameOf: (id) => name(id, sha256) ?? id,
    log,
    now,
    random,
    // It looks twice a second whether the policy is another one: no clock but the machine's is made for that.
    sleep: (ms, signal) => delay(ms, undefined, { signal, ref: false }).catch(() => undefined),
  })
}
