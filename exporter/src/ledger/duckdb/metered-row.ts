import type { Meter, Metered } from '../../usage.ts'
import { storedKey } from '../key.ts'
import { asText } from './absent.ts'
import { bigint, tiny } from './append.ts'
import { COMMON_COLUMNS, firstUnfit, textColumns, type TypedTable, unfitAmount, unfitTime } from './typed-row.ts'

/** Metered infrastructure in `metered`. */
export const METERED: TypedTable<Metered> = {
  kind: 'metered',
  columns: [
    ...COMMON_COLUMNS,
    bigint('until', (row) => BigInt(row.entry.end)),
    ...textColumns<Metered>({
      source: (entry) => entry.source,
      resource: (entry) => entry.resource,
      service: (entry) => entry.service,
      meter: (entry) => entry.meter,
    }),
    bigint('amount', (row) => row.entry.amount),
    tiny('costed', (row) => (row.entry.cost === null ? 0 : 1)),
    bigint('cost', (row) => row.entry.cost ?? 0n),
  ],
  idsOf: () => [],
  entryOf: (row) => ({
    kind: 'metered',
    version: 1,
    key: storedKey(row.k as bigint, row.k2 as bigint),
    source: asText(row.source),
    resource: asText(row.resource),
    service: asText(row.service),
    meter: asText(row.meter) as Meter,
    start: Number(row.start),
    end: Number(row.until),
    amount: row.amount as bigint,
    cost: Number(row.costed) === 0 ? null : (row.cost as bigint),
  }),
  unfit: ({ start, end, amount, cost }) =>
    firstUnfit(
      unfitTime('start', start),
      unfitTime('end', end),
      unfitAmount('amount', amount),
      unfitAmount('cost', cost),
    ),
}
