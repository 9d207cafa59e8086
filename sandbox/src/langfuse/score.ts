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
  put(input: ScoreInput, from: number): void
  remove(id: string): void
  /** What can be read at `now`, latest first. */
  rows(now: number): ScoreRow[]
  readonly size: number
}

export function createScores(projectId: string): Scores {
  const byId = new Map<string, { readonly row: ScoreRow; readonly from: number }[]>()
  return {
    put(input, from) {
      const versions = byId.get(input.id) ?? []
      byId.set(input.id, versions)
      versions.push({ row: scoreRow(input, projectId, from, versions[0]?.row.createdAt ?? from), from })
    },
    remove: (id) => void byId.delete(id),
    rows(now) {
      const shown = [...byId.values()].flatMap((versions) => versions.filter(({ from }) => from <= now).slice(-1))
      return shown.map(({ row }) => row).sort((a, b) => b.at - a.at || (b.id < a.id ? -1 : 1))
    },
    get size() {
      return byId.size
    },
  }
}
