/** What trace stores saw of tools and how they judge, over the last 24 hours. */
export interface QualityModel {
  /** The most used first; ten are drawn. */
  readonly tools: readonly ToolRow[]
  /** The most given first; ten are drawn. */
  readonly scores: readonly ScoreRow[]
}

export interface ToolRow {
  /** Null = it has no name. */
  readonly tool: string | null
  readonly calls: number
  readonly failed: number
}

export interface ScoreRow {
  readonly score: string
  readonly count: number
  /** In the unit of the score. */
  readonly average: number
}

export const NO_QUALITY: QualityModel = { tools: [], scores: [] }
