import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatProblem } from './problem.ts'
import { readRoster } from './roster-file.ts'

const TIERS = ['tier_1', 'tier_2']
function read(text: string, file = 'c.csv', zone = 'UTC', named: readonly string[] = []) {
  const { problems, unclear, ...rest } = readRoster(text, { file, tiers: TIERS, named: new Set(named), zone })
  return { ...rest, said: problems.map(formatProblem), unclear: [...unclear], ids: rest.entries.map(({ id }) => id) }
}
const plain = { from: null, to: null, price: null, trialUntil: null }
const HEAD = 'id,tier,from,to,price_usd,trial_until\n'

describe('A file of customers', () => {
  const acme = {
    id: 'acme',
    tier: 'tier_2',
    from: Date.UTC(2026, 0, 1),
    to: Date.UTC(2026, 10, 20),
    price: 39_500_000_000n,
    trialUntil: Date.UTC(2026, 1, 1),
  }
  const beta = { ...plain, id: 'beta', tier: 'tier_1' }
  const row = 'acme,tier_2,2026-01-01,2026-11-20,39.50,2026-02-01\n'
  test.each([
    ['with commas', `${HEAD}${row}beta,tier_1,,,,\n`],
    ['with semicolons', `${HEAD}${row}beta,tier_1,,,,\n`.replaceAll(',', ';')],
    [
      'with tabs and Windows line ends',
      `${HEAD}${row}beta,tier_1,,,,\n`.replaceAll(',', '\t').replaceAll('\n', '\r\n'),
    ],
    [
      'with a byte order mark, spaces, quotes and empty lines',
      `\uFEFF\n${HEAD}\n "acme" , tier_2,2026-01-01,2026-11-20,39.50,2026-02-01\n,,,,,\nbeta,tier_1`,
    ],
    [
      'with a first line that says what divides the columns',
      `\uFEFFsep=;\r\n${HEAD}${row}beta,tier_1,,,,\n`.replaceAll(',', ';').replaceAll('\n', '\r\n'),
    ],
    [
      'with other columns in another order, some of them with lines',
      `Name,Tier,ID,From,To,Price USD,Trial-Until\n"Acme\nInc, ""the"" one",tier_2,acme,2026-01-01,2026-11-20,39.50,2026-02-01\nB,tier_1,beta`,
    ],
  ])('is read %s', (_, text) => {
    expect(read(text)).toMatchObject({ entries: [acme, beta], said: [], whole: true, unclear: [] })
  })
  test.each([
    [
      'a list',
      '- { id: acme, tier: tier_2, from: 2026-01-01, to: 2026-11-20, price_usd: 39.50, trial_until: 2026-02-01 }\n- { id: beta, tier: tier_1 }',
    ],
    [
      'under its key',
      'customers:\n  - id: acme\n    tier: tier_2\n    from: 2026-01-01\n    to: 2026-11-20\n    price_usd: 39.50\n    trial_until: 2026-02-01\n  - { id: beta, tier: tier_1 }',
    ],
  ])('is read as YAML, as %s', (_, text) => {
    for (const file of ['c.yaml', 'C.YML'])
      for (const written of [text, `\uFEFF${text.replaceAll('\n', '\r\n')}`])
        expect(read(written, file)).toMatchObject({ entries: [acme, beta], said: [], whole: true })
  })

  test('keeps a row out whose name was saved in another encoding, and takes nobody for having gone by it', () => {
    const text = Buffer.from(`${HEAD}a,tier_1\nM\u00fcller,tier_2\n`, 'latin1').toString('utf8')
    expect(read(text)).toMatchObject({
      ids: ['a'],
      whole: false,
      unclear: [],
      said: ['c.csv:3:1: id: found "M\uFFFDller", where a letter is not UTF-8, expected a file saved as UTF-8'],
    })
    expect(read(`${HEAD}M\u00fcller,tier_2`)).toMatchObject({ ids: ['M\u00fcller'], whole: true })
  })

  test('of which a line says a second time who the customer is keeps the other customers, and tells what to do', () => {
    const found = read('\uFEFFid;tier;from\r\nacme;tier_1;\r\nb;tier_1;\r\nacme;tier_2;\r\n')
    expect(found).toMatchObject({
      ids: ['acme', 'b'],
      unclear: ['acme'],
      said: ['c.csv:4:1: the same customer with the same from as line 2; remove one, or give it a from of its own'],
    })
  })

  test('says that it is the policy that names no tiers', () => {
    const { problems } = readRoster(`${HEAD}a,tier_1`, { file: 'c.csv', tiers: [], named: new Set(), zone: 'UTC' })
    expect(problems.map(formatProblem)).toEqual(['c.csv:2:1: tier: found "tier_1", but the policy names no tiers'])
  })

  test('has dates that begin at midnight in the zone of the policy', () => {
    const from = (zone: string) => read(`${HEAD}a,tier_1,2026-07-01`, 'c.csv', zone).entries[0]?.from
    expect(from('Europe/Berlin')).toBe(Date.parse('2026-06-30T22:00Z'))
    expect(from('America/New_York')).toBe(Date.parse('2026-07-01T04:00Z'))
  })

  test('with bad rows gives all the good ones, and names each bad one with its line and what was expected', () => {
    const text = [
      'id,tier,from,to,price_usd,trial_until',
      'good_1,tier_1',
      'a,gold',
      ',tier_1',
      'b,tier_1,soon,,cheap',
      'c,tier_1,2026-02-01,2026-01-01',
      'good_2,tier_2,2026-01-01',
      'good_2,tier_1,2026-02-01',
      'd,tier_1,2026-01-01',
      'd,tier_2,2026-01-01',
      'unattributed,tier_1',
      'e,tier_1,,,1,,"x, y",z',
      'named,tier_1',
      'good_3,tier_1',
    ]
    const found = read(text.join('\n'), 'c.csv', 'UTC', ['named'])
    expect(found.ids).toEqual(['good_1', 'good_2', 'good_2', 'd', 'good_3'])
    expect(found.said).toEqual([
      'c.csv:3:1: tier: found "gold", expected one of the tiers tier_1, tier_2',
      'c.csv:4:1: id: missing, expected the name that calls carry for the customer, at most 256 characters',
      'c.csv:5:1: from: found "soon", expected a date such as 2026-01-31',
      'c.csv:5:1: price_usd: found "cheap", expected dollars as a decimal number, e.g. 49 or 49.90',
      'c.csv:6:1: to: found "2026-01-01", expected a day after from (2026-02-01); to is the first day on which the entry no longer holds',
      'c.csv:10:1: the same customer with the same from as line 9; remove one, or give it a from of its own',
      'c.csv:11:1: id: found "unattributed", expected another name: this word stands for calls without one',
      'c.csv:12:1: found 8 fields, expected the 6 that the first line names; a value with a , in it stands in quotes',
      'c.csv:13:1: id: found "named", which stands under customers in the policy file too; that counts, expected it in one of the two',
    ])
    expect(found.unclear).toEqual(['a', 'b', 'c', 'd', 'unattributed', 'named'])
    expect(found.whole).toBe(false)
  })

  test('with quotes that do not fit loses the rows with them alone', () => {
    expect(read(`${HEAD}a,tier_1\n"b,tier_1\nc,tier_2\n`)).toMatchObject({
      ids: ['a', 'c'],
      whole: false,
      said: ['c.csv:3:1: found a quote that nothing closes, expected a value with quotes around all of it, or none'],
    })
    // Two stray ones would make one value of all between them.
    expect(read(`${HEAD}a,tier_1\n"b,tier_1\nc,tier_2\nd,tier_1\ne",tier_2\nf,tier_1\n`).ids).toEqual([
      'a',
      'c',
      'd',
      'f',
    ])
    expect(read(`${HEAD}a,tier_1\nb"c,tier_1\nd,tier_2\n`)).toMatchObject({
      ids: ['a', 'd'],
      said: [expect.stringMatching(/^c\.csv:3:1: found a quote in the middle/)],
    })
  })

  test('says of a column that looks like a known one, and passes over others', () => {
    expect(read('id,tier,form,notes\na,tier_1,2026-01-01,x').said).toEqual([
      'c.csv:1:1: unknown column "form"; did you mean from?',
    ])
  })

  test('as YAML with bad rows gives all the good ones, and names the others with line and column', () => {
    const text = [
      'customers:',
      '  - { id: good_1, tier: tier_1 }',
      '  - { id: a, teir: tier_1 }',
      '  - b',
      '  - { id: c, tier: tier_1, tier: tier_2 }',
      '  - { id: good_2, tier: tier_2 }',
      'version: 1',
    ]
    const found = read(text.join('\n'), 'c.yaml')
    expect(found.ids).toEqual(['good_1', 'good_2'])
    expect(found.said).toEqual([
      'c.yaml:3:5: customers[1].tier: missing, expected the name of a tier, at most 256 characters',
      'c.yaml:3:14: customers[1].teir: unknown key; did you mean tier? Allowed here: id, tier, from, to, price_usd, trial_until',
      'c.yaml:4:5: customers[2]: found "b", expected a block with the keys id, tier, from, to, price_usd, trial_until',
      'c.yaml:5:28: customers[3].tier: the key stands here a second time; first on line 5',
      'c.yaml:7:1: version: unknown key; allowed here: customers',
    ])
    expect([found.unclear, found.whole]).toEqual([['a'], false])
  })

  test.each([
    ['c.csv', '', /^c\.csv:1:1: found nothing, expected a first line that names the columns: id, tier, /],
    [
      'c.csv',
      'acme,tier_1\nbeta,tier_2',
      /^c\.csv:1:1: found the columns acme, tier_1, expected id and tier among them; /,
    ],
    ['c.csv', 'id,tier,id\na,tier_1,b', /^c\.csv:1:1: found the column id twice, expected it once$/],
    ['c.csv', '"id,tier\na,tier_1', /^c\.csv:1:1: found a first line with quotes that do not fit/],
    ['c.csv', `${HEAD}a\u0000,tier_1`, /^c\.csv:1:1: found a byte that no text has, expected text in UTF-8$/],
    ['c.yaml', '- { id: a', /^c\.yaml:\d:\d+: not valid YAML/],
    ['c.yaml', 'acme: tier_1', /^c\.yaml:1:1: found a block of keys, expected a list of customers/],
    ['c.yaml', 'a', /^c\.yaml:1:1: found "a", expected a list of customers/],
    ['c.csv', `${HEAD}${'a,tier_1,,,,\n'.repeat(100_001)}`, /^c\.csv:1:1: found 100001 rows, expected at most 100000$/],
    ['c.csv', ' '.repeat(32_000_001), /^c\.csv:1:1: found 32000001 characters, expected at most 32000000$/],
  ])('that cannot be read at all gives nothing, and says why: %s %#', (file, text, why) => {
    const found = read(text, file)
    expect(found).toMatchObject({ entries: [], whole: false })
    expect(found.said).toEqual([expect.stringMatching(why)])
  })

  test('never throws, and gives every good row that stands on a line of its own, whatever stands on the others', () => {
    const junk = fc
      .string({ unit: fc.constantFrom('"', ',', ';', 'a', ' ', '\r', '\t', 'tier_1', "'", '\\'), maxLength: 12 })
      .filter((text) => !/^g\d/.test(text))
    fc.assert(
      fc.property(fc.array(fc.option(junk), { maxLength: 12 }), (lines) => {
        const rows = lines.map((line, i) => line ?? `g${i},tier_1`)
        const { ids } = read(`id,tier\n${rows.join('\n')}`)
        expect(ids).toEqual(expect.arrayContaining(lines.flatMap((line, i) => (line === null ? [`g${i}`] : []))))
      }),
      { numRuns: 500 },
    )
  })
})
