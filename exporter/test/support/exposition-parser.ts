/**
 * A strict reader of both exposition formats, for tests: it refuses what some parser out there might. Written from the
 * OpenMetrics 1.0 text and the Prometheus text format 0.0.4, not from our writer.
 */
export interface ParsedExemplar {
  readonly labels: Readonly<Record<string, string>>
  readonly value: string
  readonly at: string | null
}

export interface ParsedSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: string
  readonly exemplar: ParsedExemplar | null
}

export interface ParsedFamily {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly samples: readonly ParsedSample[]
}

type Format = 'text' | 'openmetrics'

const NUMBER = /^(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[+-]Inf|NaN)$/

/** The families of a page. Throws at the first line that is not allowed, with its number. */
export function parseExposition(text: string, format: Format): ParsedFamily[] {
  const lines = linesOf(text, format)
  const families: { name: string; type: string; help: string; samples: ParsedSample[] }[] = []
  const seen = new Set<string>()
  lines.forEach((line, i) => {
    try {
      const family = families.at(-1)
      if (line.startsWith('# HELP ')) families.push(openFamily(line, format, families))
      else if (line.startsWith('# TYPE ')) typeFamily(line, family)
      else addSample(parseSample(line, format), { family, seen, format })
    } catch (error) {
      throw new Error(`line ${i + 1}: ${line}\n${(error as Error).message}`, { cause: error })
    }
  })
  for (const family of families) checkFamily(family, format)
  return families
}

/** Value by the sample's name with its labels in the order of the alphabet: `name{a="1"}`. */
export function valuesOf(families: readonly ParsedFamily[]): Map<string, string> {
  return new Map(families.flatMap(({ samples }) => samples.map((sample) => [identity(sample), sample.value] as const)))
}

function linesOf(text: string, format: Format): string[] {
  if (text === '' && format === 'text') return []
  if (!text.endsWith('\n')) throw new Error('the page does not end with a newline')
  const lines = text.slice(0, -1).split('\n')
  const ends = lines.filter((line) => line === '# EOF').length
  if (format === 'text') {
    if (ends > 0) throw new Error('# EOF does not belong into text 0.0.4')
    return lines
  }
  if (ends !== 1 || lines.at(-1) !== '# EOF') throw new Error(`# EOF must be there once, at the end; found ${ends}`)
  return lines.slice(0, -1)
}

function openFamily(line: string, format: Format, families: readonly { name: string; type: string }[]) {
  const [, name = '', help = ''] = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/.exec(line) ?? []
  if (name === '') throw new Error('no valid HELP')
  if (families.some((family) => family.name === name)) throw new Error('this family was opened before')
  if (families.at(-1)?.type === '') throw new Error('the family before has no TYPE')
  return { name, help: unescaped(help, format === 'openmetrics' ? '\\"n' : '\\n'), type: '', samples: [] }
}

function typeFamily(line: string, family: { name: string; type: string } | undefined): void {
  const [, name, type = ''] = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line) ?? []
  if (name !== family?.name || family === undefined) throw new Error('TYPE of another family than HELP')
  if (family.type !== '') throw new Error('a second TYPE')
  family.type = type
}

function addSample(
  sample: ParsedSample,
  at: {
    family: { name: string; type: string; samples: ParsedSample[] } | undefined
    seen: Set<string>
    format: Format
  },
): void {
  const { family, seen, format } = at
  if (family === undefined || family.type === '') throw new Error('a sample before HELP and TYPE')
  const ending = sample.name.slice(family.name.length)
  if (!sample.name.startsWith(family.name) || !ENDINGS[format][family.type]?.includes(ending)) {
    throw new Error(`does not belong to the ${family.type} ${family.name}`)
  }
  if (sample.exemplar !== null && ending !== '_bucket' && ending !== '_total')
    throw new Error('no place for an exemplar')
  const id = identity(sample)
  if (seen.has(id)) throw new Error('this series was there before')
  seen.add(id)
  family.samples.push(sample)
}

const ENDINGS: Readonly<Record<Format, Readonly<Record<string, readonly string[]>>>> = {
  text: { counter: [''], gauge: [''], histogram: ['_bucket', '_sum', '_count'] },
  openmetrics: {
    counter: ['_total', '_created'],
    gauge: [''],
    histogram: ['_bucket', '_sum', '_count', '_created'],
  },
}

function identity({ name, labels }: ParsedSample): string {
  const pairs = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))
  return pairs.length === 0
    ? name
    : `${name}{${pairs.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(',')}}`
}

function parseSample(line: string, format: Format): ParsedSample {
  const [name] = /^[a-zA-Z_:][a-zA-Z0-9_:]*/.exec(line) ?? []
  if (name === undefined) throw new Error('no metric name')
  const { labels, rest } = parseLabels(line.slice(name.length))
  const [, value = '', tail = ''] = /^ (\S+)(.*)$/.exec(rest) ?? []
  checkNumber(value)
  if (tail === '') return { name, labels, value, exemplar: null }
  if (format === 'text' || !tail.startsWith(' # {')) throw new Error(`unexpected after the value: ${tail}`)
  return { name, labels, value, exemplar: parseExemplar(tail.slice(3)) }
}

function parseExemplar(text: string): ParsedExemplar {
  const { labels, rest } = parseLabels(text)
  const [, value = '', at] = /^ (\S+)(?: (\d+(?:\.\d+)?))?$/.exec(rest) ?? []
  checkNumber(value)
  const length = Object.entries(labels).reduce((sum, [name, one]) => sum + [...name].length + [...one].length, 0)
  if (length > 128) throw new Error(`labels of an exemplar have ${length} characters, at most 128 are allowed`)
  return { labels, value, at: at ?? null }
}

function checkNumber(value: string): void {
  if (!NUMBER.test(value)) throw new Error(`not a number: ${JSON.stringify(value)}`)
}

function parseLabels(text: string): { labels: Record<string, string>; rest: string } {
  const labels: Record<string, string> = Object.create(null)
  if (!text.startsWith('{')) return { labels, rest: text }
  let rest = text.slice(1)
  for (;;) {
    const [all, name = '', value = '', end] = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"([,}])/su.exec(rest) ?? []
    if (all === undefined) throw new Error(`no valid label: ${rest}`)
    if (name in labels) throw new Error(`label ${name} is there twice`)
    labels[name] = unescaped(value, '\\"n')
    rest = rest.slice(all.length)
    if (end === '}') return { labels, rest }
  }
}

function unescaped(text: string, allowed: string): string {
  return text.replace(/\\(.?)/gsu, (_, escaped: string) => {
    if (escaped === '' || !allowed.includes(escaped)) throw new Error(`\\${escaped} is no escape`)
    return escaped === 'n' ? '\n' : escaped
  })
}

function checkFamily({ name, type, samples }: ParsedFamily, format: Format): void {
  if (type === '') throw new Error(`${name} has no TYPE`)
  const blocks: { key: string; samples: ParsedSample[] }[] = []
  for (const sample of samples) {
    const { le: _, ...labels } = sample.labels
    const key = identity({ ...sample, name: '', labels })
    if (blocks.at(-1)?.key !== key) blocks.push({ key, samples: [] })
    blocks.at(-1)?.samples.push(sample)
  }
  if (new Set(blocks.map(({ key }) => key)).size !== blocks.length)
    throw new Error(`${name}: lines of a series are apart`)
  if (type === 'histogram') for (const block of blocks) checkHistogram(name, block.samples, format)
}

function checkHistogram(name: string, samples: readonly ParsedSample[], format: Format): void {
  const buckets = samples.filter((sample) => sample.name === `${name}_bucket`)
  const bounds = buckets.map(({ labels }) => labels.le ?? '')
  if (bounds.at(-1) !== '+Inf') throw new Error(`${name}: the last bucket is ${bounds.at(-1)}, expected +Inf`)
  const odd = bounds.slice(0, -1).find((bound) => format === 'openmetrics' && !/[.e]/.test(bound))
  if (odd !== undefined) throw new Error(`${name}: le="${odd}" is no canonical number of OpenMetrics`)
  const numbers = bounds.map((bound) => Number(bound.replace('+Inf', 'Infinity')))
  const counts = buckets.map(({ value }) => Number(value))
  if (!rises(numbers, (a, b) => a < b) || !rises(counts, (a, b) => a <= b))
    throw new Error(`${name}: buckets do not rise`)
  const count = samples.find((sample) => sample.name === `${name}_count`)?.value
  if (count !== buckets.at(-1)?.value) throw new Error(`${name}: count is ${count}, +Inf is ${buckets.at(-1)?.value}`)
  if (!samples.some((sample) => sample.name === `${name}_sum`)) throw new Error(`${name}: no sum`)
}

function rises(values: readonly number[], inOrder: (a: number, b: number) => boolean): boolean {
  return values.every((value, i) => i === 0 || inOrder(values[i - 1] as number, value))
}
