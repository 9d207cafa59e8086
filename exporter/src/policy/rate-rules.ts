import type { Meter } from '../usage.ts'
import { isTreeMap, type Tree } from './document.ts'
import type { Issue } from './problem.ts'
import { date, list, text } from './tree.ts'

/** The key of each meter's rate. */
export const RATE_KEYS = {
  cpu: 'cpu_usd_per_hour',
  memory: 'memory_usd_per_gib_hour',
  network: 'network_usd_per_gib',
} as const satisfies Readonly<Record<Meter, string>>
const RATES = Object.values(RATE_KEYS)

/** What of `rates` no single value shows: a rate that says nothing, and two that begin on the same day. */
export function rateIssues(tree: Tree): Issue[] {
  const first = new Map<string | null, number>()
  return list(tree, 'rates', 'containers').flatMap((rate, i): Issue[] => {
    if (!isTreeMap(rate)) return []
    const path = ['rates', 'containers', i]
    if (RATES.every((key) => rate[key] == null))
      return [{ path, message: `no rate, expected at least one of ${RATES.join(', ')}` }]
    const from = date(rate, 'from')
    // A date that is none is the schema's to refuse.
    if (from === null && text(rate, 'from') !== null) return []
    const earlier = first.get(from)
    if (earlier === undefined) {
      first.set(from, i)
      return []
    }
    const message = `the same from as entry [${earlier}]; remove one, or give it a from of its own`
    return [{ path, message }]
  })
}
