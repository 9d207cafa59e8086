import { isDeepStrictEqual } from 'node:util'
import type { Policy } from './policy.ts'

/** What is read once at the start, by its key in the file: a change of it takes effect after a restart. */
export const AT_START: readonly { readonly key: string; readonly of: (policy: Policy) => unknown }[] = [
  { key: 'timezone', of: (policy) => policy.timezone },
  { key: 'server.host', of: (policy) => policy.server.host },
  { key: 'server.port', of: (policy) => policy.server.port },
  { key: 'server.body_limit', of: (policy) => policy.server.bodyLimitBytes },
  { key: 'metrics.customers', of: (policy) => policy.metrics.customers },
  { key: 'metrics.customer_idle', of: (policy) => policy.metrics.customerIdleMs },
  { key: 'ledger.retention', of: (policy) => policy.ledger.retentionMs },
  { key: 'ledger.dedupe_window', of: (policy) => policy.ledger.dedupeWindowMs },
  { key: 'sources.langfuse[].name', of: (policy) => policy.sources.langfuse.map(({ name }) => name) },
  { key: 'sessions.idle', of: (policy) => policy.sessions.idleMs },
]

/**
 * A new policy for a program that is running: what is read at the start stays as it runs, the rest is new. `waiting` names
 * the keys whose new value takes effect after a restart.
 */
export function whileRunning(next: Policy, running: Policy): { policy: Policy; waiting: string[] } {
  const waiting = AT_START.filter(({ of }) => !isDeepStrictEqual(of(next), of(running))).map(({ key }) => key)
  const { timezone, metrics, ledger, sessions } = running
  const server = { ...running.server, keys: next.server.keys }
  return { policy: { ...next, timezone, metrics, ledger, sessions, server }, waiting }
}
