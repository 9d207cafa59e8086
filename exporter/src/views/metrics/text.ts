/** The small texts that Prometheus text 0.0.4 and OpenMetrics 1.0 are made of. Pure. */

export type Format = 'text' | 'openmetrics'

/** Half a surrogate pair has no UTF-8 form and would make two label values one on the wire. */
const IN_LABEL = /[\\"\n\p{Surrogate}]/gu
/** The same and more, without the dear `u` flag. */
const MAYBE_IN_LABEL = /[\\"\n\ud800-\udfff]/
const IN_HELP_TEXT = /[\\\n\p{Surrogate}]/gu

const ESCAPED: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n' }

/** What stands between the quotes of a label value; the same in both formats. Half a surrogate pair becomes U+FFFD. */
export function escapeLabel(value: string): string {
  if (!MAYBE_IN_LABEL.test(value)) return value
  return value.replace(IN_LABEL, (found) => ESCAPED[found] ?? '\ufffd')
}

/** What follows `# HELP name `. Only OpenMetrics escapes quotes here. */
export function escapeHelp(help: string, format: Format): string {
  return help.replace(format === 'openmetrics' ? IN_LABEL : IN_HELP_TEXT, (found) => ESCAPED[found] ?? '\ufffd')
}

/** Epoch milliseconds as seconds with three decimals. */
export function timestampText(ms: number): string {
  const whole = Math.floor(ms / 1000)
  return `${whole}.${String(Math.floor(ms) - whole * 1000).padStart(3, '0')}`
}

/** A bucket's upper bound: OpenMetrics writes whole numbers with a decimal point. */
export function boundText(bound: string, format: Format): string {
  return format === 'openmetrics' && /^-?\d+$/.test(bound) ? `${bound}.0` : bound
}

/** The family's name in HELP and TYPE: OpenMetrics leaves a counter's `_total` to its samples. */
export function familyName(metric: { readonly name: string; readonly type: string }, format: Format): string {
  return format === 'openmetrics' && metric.type === 'counter' ? metric.name.slice(0, -'_total'.length) : metric.name
}

/**
 * Whether this can be the text of a decimal number. It looks at both ends only, which is enough to catch what a mistake in a
 * collector leaves behind (`undefined`, `NaN`, an empty text) and costs nothing at 100,000 values a scrape.
 */
export function looksDecimal(text: unknown): boolean {
  if (typeof text !== 'string' || text === '') return false
  const first = text.charCodeAt(0)
  return (isDigit(first) || first === MINUS || first === PLUS) && isDigit(text.charCodeAt(text.length - 1))
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

const MINUS = 45
const PLUS = 43
