import type { Format } from './text.ts'

export const CONTENT_TYPE: Readonly<Record<Format, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

const OFFERS: readonly { format: Format; type: string; version: string }[] = [
  { format: 'text', type: 'text/plain', version: '0.0.4' },
  { format: 'openmetrics', type: 'application/openmetrics-text', version: '1.0.0' },
]

/**
 * The format that an Accept header prefers by its q-values (RFC 9110, 12.5.1): the most specific range that fits decides for
 * a format. Text wins a tie and stands in when neither fits, as an answer in a known format helps more than a refusal.
 */
export function negotiateFormat(accept: string | undefined): Format {
  const ranges = parseRanges(accept ?? '*/*')
  let best: Format = 'text'
  let bestQ = 0
  for (const offer of OFFERS) {
    const q = qualityOf(offer, ranges)
    if (q > bestQ) [best, bestQ] = [offer.format, q]
  }
  return best
}

/** Whether an Accept-Encoding header takes gzip (RFC 9110, 12.5.3). */
export function takesGzip(acceptEncoding: string | undefined): boolean {
  const ranges = parseRanges(acceptEncoding ?? '')
  const range = ranges.find(({ name }) => name === 'gzip') ?? ranges.find(({ name }) => name === '*')
  return range !== undefined && range.q > 0
}

interface Range {
  readonly name: string
  readonly version: string | undefined
  readonly q: number
}

function parseRanges(header: string): Range[] {
  return header.split(',').map((part) => {
    const [name = '', ...rest] = part.split(';').map((text) => text.trim().toLowerCase())
    const parameters = new Map(rest.map((text) => text.split('=', 2).map((side) => side.trim()) as [string, string]))
    const q = Number(parameters.get('q') ?? 1)
    return { name, version: parameters.get('version')?.replaceAll('"', ''), q: q >= 0 && q <= 1 ? q : 0 }
  })
}

function qualityOf(offer: { type: string; version: string }, ranges: readonly Range[]): number {
  const main = offer.type.slice(0, offer.type.indexOf('/'))
  const fits = [
    (range: Range) => range.name === offer.type && range.version === offer.version,
    (range: Range) => range.name === offer.type && range.version === undefined,
    (range: Range) => range.name === `${main}/*`,
    (range: Range) => range.name === '*/*',
  ]
  for (const fit of fits) {
    const range = ranges.find(fit)
    if (range !== undefined) return range.q
  }
  return 0
}
