import { hashKey } from '../ledger/key.ts'
import type { RowReader } from '../ledger/ledger.ts'
import { endKeys, heardKey } from './calls.ts'
import type { Hold } from './holds.ts'

/** Of the keys that can end the calls that held something when the process ended, those that the ledger holds; inside a snapshot. */
export async function endedIn(rows: RowReader, holds: readonly Hold[]): Promise<Set<string>> {
  const byHash = new Map<string, string>()
  for (const { callId } of holds) {
    for (const key of [...endKeys(callId), heardKey(callId)]) {
      const { high, low } = hashKey(key)
      byHash.set(`${high}/${low}`, key)
    }
  }
  const ended = new Set<string>()
  const pairs = [...byHash.keys()]
  if (holds.length === 0) return ended
  const since = holds.reduce((least, { seq }) => Math.min(least, seq), Number.POSITIVE_INFINITY)
  for (let from = 0; from < pairs.length; from += PAGE) {
    const list = pairs.slice(from, from + PAGE).map((pair) => `(${pair.replace('/', '::BIGINT, ')}::BIGINT)`)
    const found = await rows(
      `SELECT e.k, e.k2 FROM event e JOIN (VALUES ${list.join(', ')}) asked(k, k2) ON e.k = asked.k AND e.k2 = asked.k2
       WHERE e.seq > ${since}`,
    )
    for (const { k, k2 } of found) ended.add(byHash.get(`${String(k)}/${String(k2)}`) as string)
  }
  return ended
}

const PAGE = 3_000
