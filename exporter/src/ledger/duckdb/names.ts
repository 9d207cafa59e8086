import type { DuckDBConnection } from '@duckdb/node-api'
import type { Correction, Usage } from '../../usage.ts'
import { appendRows, type Column, integer, text } from './append.ts'

/** The names that events share, in the order of the columns of `name_set`. Absent is ''. */
export const NAME_COLUMNS = [
  'source',
  'tier',
  'operation',
  'call_type',
  'query_type',
  'agent',
  'model_asked',
  'model',
  'provider',
  'environment',
  'project',
  'key_alias',
  'prompt_name',
  'prompt_version',
  'status',
  'basis',
  'error_class',
  'finish_reason',
  'stream',
  'cache_hit',
  'context_window',
] as const
export type NameColumn = (typeof NAME_COLUMNS)[number]

export interface NameRow {
  readonly id: number
  readonly values: readonly string[]
}

/**
 * Gives each combination of names a number. Only recently used combinations are remembered: one that was forgotten gets a
 * second number with the same names, which harms nothing.
 */
export interface NameSets {
  idOf(event: Usage | Correction): number
  /** Combinations that got a number since the last call; they must be stored in the same transaction. */
  take(): NameRow[]
}

const REMEMBERED = 20_000
const SEPARATOR = '\u001f'

export function createNameSets(nextId: number): NameSets {
  let known = new Map<string, number>()
  let older = new Map<string, number>()
  let next = nextId
  let fresh: NameRow[] = []
  return {
    idOf(event) {
      const text = event.kind === 'usage' ? usageNames(event) : correctionNames(event)
      let id = known.get(text)
      if (id !== undefined) return id
      id = older.get(text)
      if (id === undefined) {
        id = next++
        fresh.push({ id, values: text.split(SEPARATOR) })
      }
      // Two generations: what is in use moves into the young one, the old one is dropped whole.
      if (known.size >= REMEMBERED) {
        older = known
        known = new Map()
      }
      known.set(text, id)
      return id
    },
    take() {
      const taken = fresh
      fresh = []
      return taken
    },
  }
}

const COLUMNS: readonly Column<NameRow>[] = [
  integer('id', (row) => row.id),
  ...NAME_COLUMNS.map((name, index) => text<NameRow>(name, (row) => row.values[index] ?? '')),
]

export function appendNames(connection: DuckDBConnection, rows: readonly NameRow[]): Promise<void> {
  return appendRows(connection, 'name_set', COLUMNS, rows)
}

// One template is a third of the time of an array that is joined.
function usageNames(e: Usage): string {
  const s = SEPARATOR
  const what = `${e.source}${s}${e.tier ?? ''}${s}${e.operation ?? ''}${s}${e.callType ?? ''}${s}${e.queryType ?? ''}${s}${e.agent ?? ''}`
  const model = `${e.modelAsked ?? ''}${s}${e.model ?? ''}${s}${e.provider ?? ''}${s}${e.environment ?? ''}${s}${e.project ?? ''}`
  const asked = `${e.keyAlias ?? ''}${s}${e.promptName ?? ''}${s}${e.promptVersion ?? ''}`
  const outcome = `${e.status}${s}${e.basis}${s}${e.errorClass ?? ''}${s}${e.finishReason ?? ''}${s}${e.stream ? '1' : ''}`
  return `${what}${s}${model}${s}${asked}${s}${outcome}${s}${e.cacheHit ? '1' : ''}${s}${e.contextWindow ?? ''}`
}

function correctionNames(e: Correction): string {
  const s = SEPARATOR
  const what = `${e.source}${s}${e.tier ?? ''}${s}${e.operation ?? ''}${s}${s}${e.queryType ?? ''}${s}${e.agent ?? ''}`
  const model = `${s}${e.model ?? ''}${s}${e.provider ?? ''}${s}${e.environment ?? ''}`
  return `${what}${s}${model}${s}${s}${s}${s}${s}${e.status}${s}${e.basis}${s}${s}${s}${s}${s}`
}
