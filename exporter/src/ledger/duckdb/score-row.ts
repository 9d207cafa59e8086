import type { Score } from '../../usage.ts'
import { hashKey, observationKey, storedKey } from '../key.ts'
import { asOptional, asText } from './absent.ts'
import { double, tiny } from './append.ts'
import {
  COMMON_COLUMNS,
  firstUnfit,
  hashOrNone,
  idColumns,
  textColumns,
  type TypedTable,
  unfitTime,
} from './typed-row.ts'

/** Judgements in `score`. */
export const SCORE: TypedTable<Score> = {
  kind: 'score',
  columns: [
    ...COMMON_COLUMNS,
    ...idColumns<Score>('id', 0),
    ...idColumns<Score>('observation', 1),
    ...textColumns<Score>({
      source: (entry) => entry.source,
      project: (entry) => entry.project,
      id: (entry) => entry.id,
      name: (entry) => entry.name,
    }),
    tiny('numeric_value', (row) => (row.entry.value === null ? 0 : 1)),
    double('value', (row) => row.entry.value ?? 0),
    ...textColumns<Score>({
      category: (entry) => entry.category,
      trace: (entry) => entry.trace,
      observation: (entry) => entry.observation,
    }),
  ],
  idsOf: (entry) => [
    hashKey(observationKey(entry)),
    hashOrNone(entry.observation === null ? null : observationKey({ ...entry, id: entry.observation })),
  ],
  entryOf: (row) => ({
    kind: 'score',
    version: 1,
    key: storedKey(row.k as bigint, row.k2 as bigint),
    source: asText(row.source),
    project: asText(row.project),
    id: asText(row.id),
    name: asText(row.name),
    value: Number(row.numeric_value) === 0 ? null : Number(row.value),
    category: asOptional(row.category),
    at: Number(row.start),
    trace: asOptional(row.trace),
    observation: asOptional(row.observation),
  }),
  unfit: ({ at, value }) =>
    firstUnfit(
      unfitTime('at', at),
      value === null || Number.isFinite(value) ? null : `value is ${value}; expected a number, or null for a category`,
    ),
}
