/** What somebody says of the quality of a trace, an observation or a session. */
export interface ScoreInput {
  readonly id: string
  readonly name: string
  /** Epoch milliseconds. */
  readonly at: number
  /** A number, yes or no, or the name of a category. */
  readonly value: number | boolean | string
  readonly traceId?: string
  /** Of an observation within `traceId`. */
  readonly observationId?: string
  readonly sessionId?: string
  readonly source?: 'API' | 'ANNOTATION' | 'EVAL'
  readonly environment?: string
  readonly comment?: string
  readonly configId?: string
  readonly metadata?: Readonly<Record<string, unknown>>
}

export interface ScoreRow extends ScoreInput {
  readonly projectId: string
  readonly dataType: 'NUMERIC' | 'BOOLEAN' | 'CATEGORICAL'
  readonly createdAt: number
  readonly updatedAt: number
}

export function scoreRow(input: ScoreInput, projectId: string, now: number, createdAt: number): ScoreRow {
  return { ...input, projectId, dataType: dataTypeOf(input.value), createdAt, updatedAt: now }
}

function dataTypeOf(value: ScoreInput['value']): ScoreRow['dataType'] {
  if (typeof value === 'number') return 'NUMERIC'
  return typeof value === 'boolean' ? 'BOOLEAN' : 'CATEGORICAL'
}

/** The scores of a project; of two with one id the later counts, as the table is read merged. */
export interface Scores {
  /** A score that can be read from `from` on. */
  put(input: ScoreInput, from: number): void
  remove(id: string): void
  /** Lets go of all scores of before a moment, as if they had never been. */
  forget(before: number): void
  /** What can be read at `now`, latest first. */
  rows(now: number): Generator<ScoreRow>
  readonly size: number
}

interface Version {
  readonly row: ScoreRow
  readonly from: number
  to: number
}

export function createScores(projectId: string): Scores {
  let versions: Version[] = []
  const byId = new Map<string, { readonly createdAt: number; readonly last: Version }>()
  let sorted = true
  const end = (id: string, at: number): void => {
    const known = byId.get(id)
    if (known) known.last.to = Math.min(known.last.to, at)
  }
  return {
    put(input, from) {
      const createdAt = byId.get(input.id)?.createdAt ?? from
      end(input.id, from)
      const last = { row: scoreRow(input, projectId, from, createdAt), from, to: Infinity }
      versions.push(last)
      byId.set(input.id, { createdAt, last })
      sorted = false
    },
    remove(id) {
      end(id, -Infinity)
      byId.delete(id)
    },
    forget(before) {
      versions = versions.filter(({ row }) => row.at >= before)
      for (const [id, { last }] of byId) if (last.row.at < before) byId.delete(id)
    },
    *rows(now) {
      if (!sorted) versions.sort((a, b) => compareScores(b.row, a.row))
      sorted = true
      for (const { row, from, to } of versions) if (from <= now && now < to) yield row
    },
    get size() {
      return byId.size
    },
  }
}

/** Negative when `a` comes before `b` in ascending order of time and id. */
export function compareScores(a: Pick<ScoreRow, 'at' | 'id'>, b: Pick<ScoreRow, 'at' | 'id'>): number {
  return a.at - b.at || (a.id < b.id ? -1 : Number(a.id > b.id))
}
