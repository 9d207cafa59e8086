import { type ParsedFamily, parseExposition } from './exposition-parser.ts'

/** One page of `/metrics`, read strictly; every value as exact decimal text. */
export interface Page {
  readonly text: string
  readonly families: readonly ParsedFamily[]
}

/** Reads `/metrics` as plain text. Rejects when it is cut short, or is not 200. */
export async function scrape(url: string, key?: string): Promise<Page> {
  const headers = { accept: 'text/plain', ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) }
  const response = await fetch(`${url}/metrics`, { headers })
  const text = await response.text()
  if (response.status !== 200) throw new Error(`/metrics answered ${response.status}: ${text}`)
  return { text, families: parseExposition(text, 'text') }
}

const DECIMAL = /^(-?)(\d+)(?:\.(\d{1,9}))?$/

/** Decimal text → thousand-millionths, exactly. Throws on more than nine decimals and on anything else. */
export function nanosOf(text: string): bigint {
  const [, sign, whole, fraction = ''] = DECIMAL.exec(text) ?? []
  if (whole === undefined) throw new Error(`found ${text}, expected a decimal with at most nine decimals`)
  const nanos = BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'))
  return sign === '-' ? -nanos : nanos
}

/** The exact sum of a family's samples; 0 when there are none. */
export function sumOf(
  page: Page,
  name: string,
  fits: (labels: Readonly<Record<string, string>>) => boolean = () => true,
) {
  const samples = page.families.find((family) => family.name === name)?.samples ?? []
  return samples.filter(({ labels }) => fits(labels)).reduce((sum, { value }) => sum + nanosOf(value), 0n)
}

/** Product numbers only: those of a process begin anew with it. */
// What a process counts of its own decisions begins anew with it, as `_created` says.
const PRODUCT = /^llm_(?!decisions_total|undecided_requests_total)/

/**
 * Every series of a counter, and every bucket, count and sum of a histogram, that is lower on the second page than on the
 * first, or is gone; of the families that must survive a restart.
 */
export function fallen(before: Page, after: Page): string[] {
  const later = counters(after)
  const found: string[] = []
  for (const [series, value] of counters(before)) {
    const now = later.get(series)
    if (now === undefined) found.push(`${series} was ${value} and is gone`)
    else if (now < value) found.push(`${series} fell from ${value} to ${now}`)
  }
  return found
}

/** Series → value in thousand-millionths. */
function counters({ families }: Page): Map<string, bigint> {
  const values = new Map<string, bigint>()
  for (const { name, type, samples } of families) {
    if (type === 'gauge' || !PRODUCT.test(name)) continue
    for (const sample of samples) values.set(seriesOf(sample.name, sample.labels), nanosOf(sample.value))
  }
  return values
}

/** `name{a="1"}` with the labels in the order of the alphabet. */
export function seriesOf(name: string, labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))
  return `${name}{${pairs.map(([label, value]) => `${label}=${JSON.stringify(value)}`).join(',')}}`
}

/** Series of some families with their values in thousand-millionths, without those that are zero. */
export function valuesOfFamilies({ families }: Page, names: ReadonlySet<string>): { series: string; value: bigint }[] {
  return families
    .filter(({ name }) => names.has(name))
    .flatMap(({ samples }) => samples)
    .map(({ name, labels, value }) => ({ series: seriesOf(name, labels), value: nanosOf(value) }))
    .filter(({ value }) => value !== 0n)
}
