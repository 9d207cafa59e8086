import { createHash } from 'node:crypto'
import type { Policy } from './policy.ts'

const PRINTS = new WeakMap<Policy, string>()

/** Eight letters that tell one policy from another, for log lines and records; keys and places are not in it. */
export function printOf(policy: Policy): string {
  let print = PRINTS.get(policy)
  if (print === undefined) {
    const { server: _server, sources: _sources, roster: _roster, ...rest } = policy
    const text = JSON.stringify(rest, (_name, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
    print = createHash('sha256').update(text).digest('hex').slice(0, 8)
    PRINTS.set(policy, print)
  }
  return print
}
