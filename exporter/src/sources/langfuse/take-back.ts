import type { Row } from '../../ledger/ledger.ts'
import { type Correction, STATUSES, BASES, TOKEN_CLASSES } from '../../usage.ts'
import { SOURCE } from './observation.ts'

/**
 * Takes back an event that was made of an observation, because the gateway has told of the call by itself: one correction of all
 * that it added to any sum. `event` is a row of the ledger's query `double_counted`: names ('' = none), and tokens and cost as they
 * stand by now, net of what was corrected. The same event is taken back once. Throws when the row is none of that query.
 */
export function takeBack(event: Row): Correction {
  const key = textOf(event, 'key')
  const [start, cost] = [numberOf(event, 'start'), numberOf(event, 'cost')]
  const status = STATUSES.find((one) => one === event.status)
  const basis = BASES.find((one) => one === event.basis)
  if (key === null || start === null || cost === null || status === undefined || basis === undefined)
    throw new Error('a row of double_counted has no key, start, cost, status or basis')
  return {
    kind: 'correction',
    version: 1,
    key: `taken-back:${key}`,
    of: key,
    reason: 'the gateway has told of the call by itself',
    by: SOURCE,
    source: textOf(event, 'source') ?? SOURCE,
    start: Number(start),
    customer: textOf(event, 'customer') ?? '',
    tier: textOf(event, 'tier'),
    user: textOf(event, 'user'),
    session: textOf(event, 'session'),
    agent: textOf(event, 'agent'),
    operation: textOf(event, 'operation'),
    queryType: textOf(event, 'query_type'),
    model: textOf(event, 'model'),
    provider: textOf(event, 'provider'),
    environment: textOf(event, 'environment'),
    status,
    // A call without a price that costs something by now was priced since, and stands among those.
    basis: basis === 'unpriced' && cost !== 0n ? 'priced' : basis,
    calls: -1,
    tokens: Object.fromEntries(
      TOKEN_CLASSES.flatMap((name) => {
        const n = Number(numberOf(event, name) ?? 0n)
        return n === 0 ? [] : [[name, -n]]
      }),
    ),
    cost: -cost,
  }
}

function textOf(row: Row, column: string): string | null {
  const value = row[column]
  return typeof value === 'string' && value !== '' ? value : null
}

function numberOf(row: Row, column: string): bigint | null {
  const value = row[column]
  return typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value)) ? BigInt(value) : null
}
