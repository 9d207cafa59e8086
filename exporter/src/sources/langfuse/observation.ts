import { createHash } from 'node:crypto'
import { type Attribution, attribute, type Who } from '../../attribution/attribution.ts'
import { name } from '../../attribution/label.ts'
import type { Observation, Observed } from '../../usage.ts'
import { modelOf } from '../litellm/names.ts'
import { callKeyOf } from './call-key.ts'
import { factsOf } from './facts.ts'
import type { Row } from './row.ts'
import { tokensOf, totalOf } from './tokens.ts'

/** Name of all units of Langfuse as the source of entries. */
export const SOURCE = 'langfuse'

const LONGEST_ID = 256
/** No step lasts longer; beyond it is a clock that was set. */
const LONGEST = 7 * 86_400_000

/** What is read of a row: what is recorded of it, and whose it is. */
export interface Seen {
  readonly row: Row
  readonly who: Who
  readonly observation: Observation
  /** Tells two versions of a row apart. */
  readonly print: string
}

/** Makes the observation of a row. Throws Refused when its tokens are absurd. */
export function observe(row: Row, project: string, how: Attribution): Seen {
  const who = attribute(factsOf(row), how)
  const tokens = tokensOf(row.usage)
  const what = whatOf(row)
  const said: Omit<Observation, 'key'> = {
    kind: 'observation',
    version: 1,
    source: SOURCE,
    project,
    id: idOf(row.id),
    call: what === 'call' ? callKeyOf({ metadata: row.metadata, failed: row.failed, tokens }) : null,
    what,
    name: name(row.name, how.hash),
    start: row.start,
    ...timesOf(row),
    status: row.failed ? 'failed' : 'success',
    trace: name(row.trace, how.hash),
    session: who.session,
    customer: who.customer,
    model: name(modelOf(row.model, null).model, how.hash),
    environment: who.environment ?? name(row.environment, how.hash),
    promptName: name(row.promptName ?? who.promptName, how.hash),
    promptVersion: name(row.promptVersion ?? who.promptVersion, how.hash),
    tokens: totalOf(row.usage),
    cost: row.cost,
  }
  const print = printOf(said, row.updatedAt)
  return { row, who, print, observation: { ...said, key: `${SOURCE}:${project}:${said.id}:${print}` } }
}

/**
 * A call has a model that did something, and is not told by its type alone: older callbacks of LiteLLM's make a plain step of it, or
 * a tool when the call offered some. What adds up the calls below it has no model of its own.
 */
export function whatOf({ type, model, usage, cost }: Pick<Row, 'type' | 'model' | 'usage' | 'cost'>): Observed {
  if (type === 'GENERATION' || type === 'EMBEDDING') return 'call'
  const spent = (cost ?? 0n) > 0n
  if (model !== null && (spent || Object.keys(usage).length > 0)) return 'call'
  if (type === 'TOOL') return 'tool'
  return type === 'SPAN' && spent ? 'call' : 'step'
}

/** Milliseconds from the start to the end and to the first token; null where the row does not say, or its clock was set. */
export function timesOf({ start, end, firstToken }: Row): { durationMs: number | null; ttftMs: number | null } {
  const lasted = end === null ? null : end - start
  const durationMs = lasted !== null && lasted >= 0 && lasted <= LONGEST ? lasted : null
  const waited = firstToken === null ? null : firstToken - start
  const ttftMs = waited !== null && waited >= 0 && waited <= (durationMs ?? LONGEST) ? waited : null
  return { durationMs, ttftMs }
}

/** An id may be the client's own choice, of any length. */
export function idOf(id: string): string {
  return id.length <= LONGEST_ID ? id : `sha256:${createHash('sha256').update(id).digest('hex')}`
}

/** Stands for all that is said, and for when it was said: what is changed and changed back is said anew. */
export function printOf(said: object, updatedAt: number | null): string {
  const text = JSON.stringify([said, updatedAt], (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  )
  return createHash('sha256').update(text).digest('base64url').slice(0, 16)
}
