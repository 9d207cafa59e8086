import { type Hash, name } from '../../attribution/label.ts'
import type { Score } from '../../usage.ts'
import { type Json, object, Refused, start, text } from '../litellm/read.ts'
import { idOf, printOf, SOURCE } from './observation.ts'
import { moment } from '../litellm/read.ts'

/** Kinds of scores whose value is somebody's own words; those are never taken in. */
const WORDS = new Set(['TEXT', 'CORRECTION'])

/**
 * Makes the entry of a score, as the second and the third version of the API give it; null for one whose value is free text.
 * Throws Refused when it has no id, name, value or time.
 */
export function readScore(row: Json, project: string, hash: Hash): Score | null {
  const { id, dataType } = row
  if (typeof id !== 'string' || id === '') throw new Refused('id is absent, expected the id of the score')
  if (typeof dataType === 'string' && WORDS.has(dataType)) return null
  const label = name(row.name, hash)
  if (label === null) throw new Refused('name is absent, expected the name of the score')
  const said: Omit<Score, 'key'> = {
    kind: 'score',
    version: 1,
    source: SOURCE,
    project,
    id: idOf(id),
    name: label,
    ...verdictOf(row, hash),
    at: start(row.timestamp, 'timestamp'),
    ...subjectOf(row),
  }
  if (said.value === null && said.category === null)
    throw new Refused('value is absent, expected a number or a category')
  return { ...said, key: `${SOURCE}:${project}:score:${said.id}:${printOf(said, moment(row.updatedAt))}` }
}

/** The second version says a yes as 1, beside its name. */
function verdictOf({ dataType, value, stringValue }: Json, hash: Hash): Pick<Score, 'value' | 'category'> {
  if (typeof value === 'boolean') return { value: value ? 1 : 0, category: null }
  if (dataType === 'CATEGORICAL') return { value: null, category: name(stringValue ?? value, hash) }
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (typeof number === 'number' && Number.isFinite(number)) return { value: number, category: null }
  return { value: null, category: name(stringValue ?? value, hash) }
}

function subjectOf(row: Json): Pick<Score, 'trace' | 'observation'> {
  const { kind, id, traceId } = object(row.subject)
  if (kind === 'observation') return { trace: text(traceId), observation: observed(id) }
  if (kind === 'trace') return { trace: text(id), observation: null }
  return { trace: text(row.traceId), observation: observed(row.observationId) }
}

function observed(id: unknown): string | null {
  return typeof id === 'string' && id !== '' ? idOf(id) : null
}
