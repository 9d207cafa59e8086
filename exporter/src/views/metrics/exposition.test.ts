import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { expose } from '../../../test/support/expose.ts'
import { parseExposition, valuesOf } from '../../../test/support/exposition-parser.ts'
import { goldenFamilies } from '../../../test/support/golden.ts'
import type { Metric } from '../../catalogue.ts'
import { type Captured, capture } from './capture.ts'
import { createWriter } from './exposition.ts'
import type { Family, Sample } from './sample.ts'
import type { ExpositionError } from './series.ts'

const GAUGE = { name: 'g_usd', type: 'gauge', help: 'A gauge.', labels: ['a', 'b'] } as const
const COUNTER = { name: 'c_total', type: 'counter', help: 'A counter.', labels: ['a'] } as const
const HISTOGRAM = { name: 'h_seconds', type: 'histogram', help: 'A.', labels: [], buckets: ['1', '2.5'] } as const

const gauge = (...rows: [string[], string][]): Family => ({
  metric: GAUGE,
  samples: rows.map(([labels, value]) => ({ labels, value })),
})

/** What is rendered beside the faults that were told. */
async function renderWithFaults(families: readonly Family[]): Promise<{ page: string; faults: string[] }> {
  const faults: string[] = []
  const onFault = (_: Captured, error: ExpositionError) => faults.push(error.message)
  let page = ''
  for await (const slice of createWriter().render(families.map(capture), { format: 'text', onFault })) page += slice
  return { page, faults }
}

describe.each(['text', 'openmetrics'] as const)('the exposition as %s', (format) => {
  it('is the golden page, byte for byte', async () => {
    const golden = await readFile(new URL(`fixtures/${format}.txt`, import.meta.url), 'utf8')
    expect(await expose(goldenFamilies(), format)).toBe(golden)
  })

  it('is the same page at the second scrape, when names and labels come from what was kept', async () => {
    const writer = createWriter()
    const families = goldenFamilies()
    expect(await expose(families, format, writer)).toBe(await expose(families, format, writer))
  })

  it('gives back any label value and passes any decimal text through untouched', async () => {
    const rows = fc.uniqueArray(
      fc.tuple(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.bigInt(), fc.nat(999_999_999)),
      { selector: ([a, b]) => JSON.stringify([a, b]), maxLength: 20 },
    )
    await fc.assert(
      fc.asyncProperty(rows, async (rows) => {
        const samples = rows.map(([a, b, whole, nano]) => ({ labels: [a, b], value: `${whole}.${nano}` }))
        const [family] = parseExposition(await expose([{ metric: GAUGE, samples }], format), format)
        expect((family?.samples ?? []).map(({ labels, value }) => ({ labels: [labels.a, labels.b], value }))).toEqual(
          samples,
        )
      }),
    )
  })

  it('keeps a help text with quotes, backslashes and newlines', async () => {
    const help = 'A "gauge" of C:\\n\nand more, é.'
    const [family] = parseExposition(
      await expose([{ metric: { ...GAUGE, help }, samples: [{ labels: ['', ''], value: '1' }] }], format),
      format,
    )
    expect(family?.help).toBe(help)
  })

  it('has no line for a family without samples', async () => {
    expect(await expose([gauge()], format)).toBe(format === 'text' ? '' : '# EOF\n')
  })
})

describe('the writer', () => {
  it('puts U+FFFD for half a surrogate pair, which has no UTF-8 form', async () => {
    expect(await expose([gauge([['x\ud800y', '🙂'], '1'])])).toContain('g_usd{a="x\ufffdy",b="🙂"} 1\n')
  })

  it('leaves out an exemplar that a parser would refuse, and keeps its sample', async () => {
    const refused = [
      { trace: 'x'.repeat(121), value: '1', at: 0 },
      { trace: 'trace', value: 'NaN', at: 0 },
      { trace: '', value: '1', at: 0 },
      { trace: 'é', value: '1', at: 0 },
    ]
    const samples = refused.map((exemplar, i): Sample => ({ labels: [String(i)], value: '1', exemplar }))
    const page = await expose([{ metric: COUNTER, samples }], 'openmetrics')
    expect(page.match(/^c_total\{a="\d"\} 1$/gm)).toHaveLength(refused.length)
  })

  it('shows the values of the moment of capture, whatever changes while it renders', async () => {
    const sample: Sample = { labels: ['x'], value: '1' }
    const counts = [1, 0, 0]
    const captured = [
      capture({ metric: COUNTER, samples: [sample] }),
      capture({ metric: HISTOGRAM, samples: [{ labels: [], counts, sum: '0.5' }] }),
    ]
    sample.value = '2'
    counts[0] = 7
    let page = ''
    for await (const slice of createWriter().render(captured, { format: 'text', onFault: () => {} })) page += slice
    const values = valuesOf(parseExposition(page, 'text'))
    expect([values.get('c_total{a="x"}'), values.get('h_seconds_count')]).toEqual(['1', '1'])
  })

  it('works in slices of bounded size and lets others have their turn after each', async () => {
    const samples = Array.from({ length: 20_000 }, (_, i): Sample => ({ labels: [`team-${i}`, 'é'], value: String(i) }))
    const sizes: number[] = []
    let turns = 0
    const breathe = async () => turns++
    const captured = [capture({ metric: GAUGE, samples })]
    for await (const slice of createWriter().render(captured, { format: 'text', onFault: () => {}, breathe })) {
      sizes.push(slice.length)
    }
    expect(Math.max(...sizes)).toBeLessThan(80_000)
    // 19 rests while looking up 20,000 new samples a thousand at a time, one after each slice but the last.
    expect(turns).toBe(19 + sizes.length - 1)
  })

  it('renders scrapes at once without taking one for a duplicate of the other', async () => {
    const writer = createWriter()
    const samples = Array.from({ length: 5_000 }, (_, i): Sample => ({ labels: [`team-${i}`, ''], value: String(i) }))
    const pages = await Promise.all([1, 2, 3].map(() => expose([{ metric: GAUGE, samples }], 'text', writer)))
    expect(new Set(pages).size).toBe(1)
    expect(pages[0]?.split('\n')).toHaveLength(5_000 + 3)
  })

  it('is free for the next scrape after one that was given up half-way', async () => {
    const writer = createWriter()
    const samples = Array.from({ length: 5_000 }, (_, i): Sample => ({ labels: [`team-${i}`, ''], value: String(i) }))
    const given = writer.render([capture({ metric: GAUGE, samples })], { format: 'text', onFault: () => {} })
    await given.next()
    await given.return()
    expect((await given.next()).done).toBe(true)
    expect(await expose([{ metric: GAUGE, samples }], 'text', writer)).toContain('g_usd{a="team-4999",b=""} 4999\n')
  })

  it('takes new Sample objects for the same series, and another beginning of it', async () => {
    const writer = createWriter()
    const page = (created: number) =>
      expose([{ metric: COUNTER, samples: [{ labels: ['x'], value: '1', created }] }], 'openmetrics', writer)
    expect(await page(1_000)).toContain('c_created{a="x"} 1.000\n')
    expect(await page(2_005)).toContain('c_created{a="x"} 2.005\n')
  })
})

describe('a family that cannot be written', () => {
  const good = gauge([['x', 'y'], '1'])
  const goodPage = '# HELP g_usd A gauge.\n# TYPE g_usd gauge\ng_usd{a="x",b="y"} 1\n'
  const counters = (...samples: Sample[]): Family => ({ metric: COUNTER, samples })
  const named = (metric: Partial<Metric>): Family =>
    ({ metric: { ...COUNTER, ...metric }, samples: [{ labels: ['x'], value: '1' }] }) as Family
  const sample: Sample = { labels: ['x'], value: '1' }
  const notText = (value: unknown) => value as string

  it.each<[string, Family, string]>([
    [
      'two samples with the same labels',
      counters(sample, { ...sample }),
      'two samples of the same series: c_total{a="x"}',
    ],
    ['the same sample twice', counters(sample, sample), 'two samples of the same series: c_total{a="x"}'],
    [
      'too many labels',
      counters({ labels: ['x', 'y'], value: '1' }),
      'c_total: a sample has 2 label values (x, y), expected 1: a',
    ],
    ['too few labels', counters({ labels: [], value: '1' }), 'c_total: a sample has 0 label values (), expected 1: a'],
    [
      'a label that is no text',
      counters({ labels: [notText(undefined)], value: '1' }),
      'c_total: label a is undefined, expected a text',
    ],
    ['no value', counters({ labels: ['x'], value: '' }), 'c_total: a value is "", expected a decimal number as text'],
    ['NaN', counters({ labels: ['x'], value: 'NaN' }), 'c_total: a value is "NaN", expected a decimal number as text'],
    [
      'a number',
      counters({ labels: ['x'], value: notText(1) }),
      'c_total: a value is 1, expected a decimal number as text',
    ],
    ['a bad name', named({ name: 'c-total' }), 'c-total: "c-total" is no valid name'],
    ['a bad label name', named({ labels: ['0a'] }), 'c_total: "0a" is no valid name'],
    ['a counter without _total', named({ name: 'c' }), "c: a counter's name must end in _total"],
    [
      'a family that was there',
      gauge([['p', 'q'], '2']),
      'g_usd: two families have this name; a collector must hand it in once',
    ],
    [
      'a histogram with a label le',
      named({ type: 'histogram', labels: ['le'], buckets: ['1'] }),
      'c_total: a histogram cannot have a label le',
    ],
    [
      'bounds that do not rise',
      named({ type: 'histogram', buckets: ['1', '1'] }),
      'c_total: bounds of buckets must rise, found 1, 1',
    ],
    [
      'a histogram with too few buckets',
      { metric: HISTOGRAM, samples: [{ labels: [], counts: [1, 2], sum: '1' }] },
      'h_seconds: a sample counts 2 buckets, expected 3',
    ],
    [
      'a name that is a line of another family',
      named({ name: 'g_usd_total' }),
      'g_usd_total: the name g_usd is taken by g_usd',
    ],
  ])('costs only itself and says why: %s', async (_, bad, sentence) => {
    const families =
      sentence.includes('histogram cannot') || sentence.includes('bounds') ? [good, withCounts(bad)] : [good, bad]
    expect(await renderWithFaults(families)).toEqual({ page: goodPage, faults: [sentence] })
  })

  it('leaves no trace: the same family is whole again once it is right', async () => {
    const writer = createWriter()
    await expect(expose([counters(sample, sample)], 'text', writer)).rejects.toThrow('two samples')
    expect(await expose([counters(sample)], 'text', writer)).toContain('c_total{a="x"} 1\n')
  })
})

function withCounts(family: Family): Family {
  return { metric: family.metric, samples: [{ labels: ['x'], counts: [0, 0], sum: '0' }] } as Family
}
