import type { Observation, Observed } from '../../usage.ts'
import { hashKey, observationKey, storedKey } from '../key.ts'
import { asCount, asOptional, asText } from './absent.ts'
import { bigint, tiny } from './append.ts'
import {
  COMMON_COLUMNS,
  firstUnfit,
  hashOrNone,
  idColumns,
  keyOrNull,
  textColumns,
  type TypedTable,
  unfitAmount,
  unfitCount,
  unfitTime,
} from './typed-row.ts'

/** What trace stores saw, in `observation`. */
export const OBSERVATION: TypedTable<Observation> = {
  kind: 'observation',
  columns: [
    ...COMMON_COLUMNS,
    ...idColumns<Observation>('id', 0),
    ...idColumns<Observation>('call', 1),
    ...textColumns<Observation>({
      source: (entry) => entry.source,
      project: (entry) => entry.project,
      id: (entry) => entry.id,
      what: (entry) => entry.what,
      name: (entry) => entry.name,
    }),
    bigint('duration_ms', (row) => BigInt(row.entry.durationMs ?? -1)),
    bigint('ttft_ms', (row) => BigInt(row.entry.ttftMs ?? -1)),
    ...textColumns<Observation>({
      status: (entry) => entry.status,
      trace: (entry) => entry.trace,
      session: (entry) => entry.session,
      customer: (entry) => entry.customer,
      model: (entry) => entry.model,
      environment: (entry) => entry.environment,
      prompt_name: (entry) => entry.promptName,
      prompt_version: (entry) => entry.promptVersion,
    }),
    bigint('tokens', (row) => BigInt(row.entry.tokens ?? -1)),
    tiny('costed', (row) => (row.entry.cost === null ? 0 : 1)),
    bigint('cost', (row) => row.entry.cost ?? 0n),
  ],
  idsOf: (entry) => [hashKey(observationKey(entry)), hashOrNone(entry.call)],
  entryOf: (row) => ({
    kind: 'observation',
    version: 1,
    key: storedKey(row.k as bigint, row.k2 as bigint),
    source: asText(row.source),
    project: asText(row.project),
    id: asText(row.id),
    call: keyOrNull(row.call_k, row.call_k2),
    what: asText(row.what) as Observed,
    name: asOptional(row.name),
    start: Number(row.start),
    durationMs: asCount(row.duration_ms),
    ttftMs: asCount(row.ttft_ms),
    status: asText(row.status) as Observation['status'],
    trace: asOptional(row.trace),
    session: asOptional(row.session),
    customer: asOptional(row.customer),
    model: asOptional(row.model),
    environment: asOptional(row.environment),
    promptName: asOptional(row.prompt_name),
    promptVersion: asOptional(row.prompt_version),
    tokens: asCount(row.tokens),
    cost: Number(row.costed) === 0 ? null : (row.cost as bigint),
  }),
  unfit: ({ start, durationMs, ttftMs, tokens, cost }) =>
    firstUnfit(
      unfitTime('start', start),
      unfitCount('durationMs', durationMs),
      unfitCount('ttftMs', ttftMs),
      unfitCount('tokens', tokens),
      unfitAmount('cost', cost),
    ),
}
