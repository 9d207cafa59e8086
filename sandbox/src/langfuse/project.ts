import { createHash } from 'node:crypto'
import { type ModelPrice, pricing } from './cost.ts'
import { type ObservationInput, type ObservationRow, rowOf } from './observation.ts'
import { createScores, type ScoreInput, type Scores } from './score.ts'
import { createTable, type Table } from './table.ts'

/** A pair of keys of a project or of an organisation: name and password of HTTP Basic. */
export interface Keys {
  readonly publicKey: string
  readonly secretKey: string
}

export interface ProjectOptions {
  readonly name: string
  /** Projects of one organisation share its rate limits. Default `acme`. */
  readonly organization?: string
  readonly keys?: Keys
  /** Prices for rows that come without a cost. Default: none, so that such rows cost nothing. */
  readonly models?: readonly ModelPrice[]
  readonly retentionDays?: number
  /**
   * Called before observations that begin in [from, to) are looked for: whoever writes the past only when somebody asks for it does
   * so here. The times are infinite when all are looked for.
   */
  readonly past?: (from: number, to: number) => void
}

/** Says from when on something can be read, epoch milliseconds. Default: now. */
export interface From {
  readonly from?: number
}

/** What a project keeps, and how a test or a replay writes it. */
export interface Project {
  readonly id: string
  readonly name: string
  readonly keys: Keys
  /**
   * Writes an observation. `from` in the future makes it late; one with the same id gives way to it, at once or, as when a span is
   * sent again, at `mergedAt`.
   */
  put(
    observation: ObservationInput | readonly ObservationInput[],
    options?: From & { readonly mergedAt?: number },
  ): void
  /** Delivers the same observation once more: both rows are there until `to` (default: for ever). Throws without such an id. */
  repeat(id: string, options?: From & { readonly to?: number }): void
  /** Changes an observation that is there, or will be. Throws without such an id. */
  edit(id: string, changes: Partial<Omit<ObservationInput, 'id'>>, options?: From): void
  remove(id: string, options?: From): void
  score(score: ScoreInput | readonly ScoreInput[], options?: From): void
  unscore(id: string): void
  /** Lets go of all that began before a moment, so that what runs for long does not grow. */
  forget(before: number): void
  /** The observations that can be read now, latest start first. */
  rows(): ObservationRow[]
}

/** A project as the server sees it. */
export interface Tenant extends Project {
  readonly organization: string
  readonly retentionDays: number | null
  readonly models: readonly ModelPrice[]
  readonly table: Table
  readonly scores: Scores
}

export function createTenant(options: ProjectOptions, now: () => number): Tenant {
  const { name, organization = 'acme', models = [] } = options
  const id = `project-${name}`
  const table = openedBy(createTable(), options.past)
  const scores = createScores(id)
  const price = pricing(models)
  const said = new Map<string, ObservationInput>()

  const write = (input: ObservationInput, from: number, mergedAt = from): void => {
    const earlier = table.last(input.id)
    const row = rowOf(input, id, from, price)
    said.set(input.id, input)
    table.put(earlier ? { ...row, createdAt: earlier.createdAt } : row, from, mergedAt)
  }
  const known = (observation: string): ObservationInput => {
    const input = said.get(observation)
    if (!input) throw new Error(`project ${name} has no observation ${observation}`)
    return input
  }
  return {
    id,
    name,
    organization,
    models,
    retentionDays: options.retentionDays ?? null,
    keys: options.keys ?? keysFor(name),
    table,
    scores,
    put(observation, { from = now(), mergedAt } = {}) {
      for (const input of listOf(observation)) write(input, from, mergedAt)
    },
    repeat(observation, { from = now(), to = Infinity } = {}) {
      table.repeat(rowOf(known(observation), id, from, price), from, to)
    },
    edit(observation, changes, { from = now() } = {}) {
      write({ ...known(observation), ...changes }, from)
    },
    remove(observation, { from = now() } = {}) {
      said.delete(observation)
      table.remove(observation, from)
    },
    score(score, { from = now() } = {}) {
      for (const one of listOf(score)) scores.put(one, from)
    },
    unscore: scores.remove,
    forget(before) {
      table.forget(before)
      scores.forget(before)
      for (const [id, { start }] of said) if (start < before) said.delete(id)
    },
    rows: () => [...table.rows(now(), -Infinity, Infinity)],
  }
}

/** The table, with whoever writes the past asked first. */
function openedBy(table: Table, past: ProjectOptions['past']): Table {
  if (past === undefined) return table
  return {
    ...table,
    get size() {
      return table.size
    },
    *rows(now, from, to) {
      past(from, to)
      yield* table.rows(now, from, to)
    },
  }
}

function listOf<T>(one: T | readonly T[]): readonly T[] {
  return Array.isArray(one) ? (one as readonly T[]) : [one as T]
}

/** Keys in Langfuse's form, the same for the same name. */
export function keysFor(name: string): Keys {
  const digits = (what: string): string => {
    const hash = createHash('sha256').update(`${what} ${name}`).digest('hex')
    return [hash.slice(0, 8), hash.slice(8, 12), hash.slice(12, 16), hash.slice(16, 20), hash.slice(20, 32)].join('-')
  }
  return { publicKey: `pk-lf-${digits('public')}`, secretKey: `sk-lf-${digits('secret')}` }
}
