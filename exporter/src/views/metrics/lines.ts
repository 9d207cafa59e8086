import type { Metric } from '../../catalogue.ts'
import type { Captured, CapturedHistogram, CapturedValues, HistogramState } from './capture.ts'
import type { Exemplar } from './sample.ts'
import { createdLine, histogramHeads, type Series } from './series.ts'
import { escapeHelp, escapeLabel, type Format, familyName, looksDecimal, timestampText } from './text.ts'

/** A trace id in ASCII; OpenMetrics allows 128 characters for an exemplar's labels, names counted. */
const TRACE = /^[ -~]{1,120}$/

/** Series a piece; a piece is what is rendered in one go. */
const PIECE = 128

/** A family's text in pieces. `series[i]` belongs to the family's sample i. */
export function* familyLines(family: Captured, series: readonly Series[], format: Format): Generator<string> {
  yield header(family.metric, format)
  for (let from = 0; from < series.length; from += PIECE) {
    const to = Math.min(series.length, from + PIECE)
    yield family.kind === 'values'
      ? valueLines(family, series, { format, from, to })
      : histogramLines(family, series, { format, from, to })
  }
}

interface Piece {
  readonly format: Format
  readonly from: number
  readonly to: number
}

function header(metric: Metric, format: Format): string {
  const name = familyName(metric, format)
  return `# HELP ${name} ${escapeHelp(metric.help, format)}\n# TYPE ${name} ${metric.type}\n`
}

function valueLines(family: CapturedValues, series: readonly Series[], { format, from, to }: Piece): string {
  const counter = format === 'openmetrics' && family.metric.type === 'counter'
  let text = ''
  for (let i = from; i < to; i++) {
    const one = series[i] as Series
    text += one.head + family.values[i]
    if (counter) text += exemplarText(family.exemplars[i]) + createdText(family, one, i)
    else text += '\n'
  }
  return text
}

function histogramLines(family: CapturedHistogram, series: readonly Series[], { format, from, to }: Piece): string {
  let text = ''
  for (let i = from; i < to; i++) {
    const one = series[i] as Series
    text += stateLines(histogramHeads(family.metric, one, format), family.states[i] as HistogramState, format)
    if (format === 'openmetrics') text += createdText(family, one, i).slice(1)
  }
  return text
}

function stateLines(heads: readonly string[], { counts, sum, exemplars }: HistogramState, format: Format): string {
  let text = ''
  let count = 0
  for (let i = 0; i < counts.length; i++) {
    count += counts[i] as number
    text += heads[i] as string
    text += count
    if (format === 'openmetrics') text += exemplarText(exemplars[i])
    text += '\n'
  }
  return `${text}${heads[counts.length]}${sum}\n${heads[counts.length + 1]}${count}\n`
}

/** The line's end and the `_created` line after it, where the series' beginning is known. */
function createdText(family: Captured, series: Series, i: number): string {
  const at = family.samples[i]?.created
  return at === undefined ? '\n' : `\n${createdLine(family.metric, series, at)}`
}

/** An example that a parser would refuse costs itself, not the scrape. */
function exemplarText(exemplar: Exemplar | undefined): string {
  if (exemplar === undefined || !looksDecimal(exemplar.value) || !TRACE.test(exemplar.trace)) return ''
  return ` # {trace_id="${escapeLabel(exemplar.trace)}"} ${exemplar.value} ${timestampText(exemplar.at)}`
}
