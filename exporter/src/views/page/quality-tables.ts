import { count, percent } from './format.ts'
import { type Html, html, name } from './html.ts'
import { panel } from './panel.ts'
import type { QualityModel, ScoreRow, ToolRow } from './quality-model.ts'

const TOP = 10

/** The section about tools and quality, in two tables; absent while no trace store has seen a tool or given a score. */
export function qualitySections({ tools, scores }: QualityModel): Html[] {
  return [...(tools.length === 0 ? [] : [toolTable(tools)]), ...(scores.length === 0 ? [] : [scoreTable(scores)])]
}

function toolTable(tools: readonly ToolRow[]): Html {
  return panel({
    id: 'tools',
    title: 'Tools and quality',
    note: 'the most used tools of the last 24 hours, as Langfuse saw them',
    columns: [{ head: 'Tool' }, { head: 'Calls', look: 'n' }, { head: 'Failed', look: 'n' }],
    rows: tools
      .slice(0, TOP)
      .map((row) => [
        row.tool === null ? html`<i>unknown</i>` : name(row.tool),
        html`${count(row.calls)}`,
        html`<span title="${count(row.failed)} of ${count(row.calls)}">${percent(row.calls === 0 ? null : row.failed / row.calls)}</span>`,
      ]),
    empty: '',
  })
}

function scoreTable(scores: readonly ScoreRow[]): Html {
  return panel({
    id: 'scores',
    title: 'Quality scores',
    note: 'the last 24 hours, by name',
    columns: [{ head: 'Score' }, { head: 'Average', look: 'n' }, { head: 'Given', look: 'n' }],
    rows: scores
      .slice(0, TOP)
      .map((row) => [name(row.score), html`${shortly(row.average)}`, html`${count(row.count)}`]),
    empty: '',
  })
}

/** Three significant digits, without zeros at the end. */
function shortly(value: number): string {
  const text = Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(3)))
  return text.replace(/^-/, '−')
}
