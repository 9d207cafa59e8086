import { describe, expect, test } from 'vitest'
import config from '../../../vitest.config.ts'
import { exists, read, tableRows } from './pages.ts'

const PAGE = read('docs/coverage.md')
const [, LATER = ''] = PAGE.split('## Later')

const DELIVERED = [
  ...['SRC-1', 'SRC-2', 'SRC-3', 'SRC-4', 'SRC-5', 'SRC-8', 'SRC-9', 'SRC-10', 'SRC-11', 'SRC-12'],
  ...['PRC-1', 'PRC-2', 'PRC-3', 'PRC-4', 'PRC-5', 'PRC-6', 'PRC-7', 'PRC-8'],
  ...Array.from({ length: 16 }, (_, i) => `BUD-${i + 1}`),
  ...[
    'MET-1',
    'MET-2',
    'MET-3',
    'MET-4',
    'MET-5',
    'MET-6',
    'MET-7',
    'MET-9',
    'INF-1',
    'INF-5',
    'API-2',
    'API-6',
    'RUN-1',
    'FIG-1',
    'FIG-2',
    'FIG-4',
    'FIG-5',
    'FIG-6',
    'FIG-7',
    'FIG-8',
  ],
]

interface Row {
  readonly id: string
  readonly code: string[]
  readonly proofs: { file: string; titles: string[] }[]
}

const ROWS = tableRows(PAGE).flatMap(([id = '', , code = '', proof = '']): Row[] => {
  if (!/^[A-Z]{3}-\d+$/.test(id)) return []
  const proofs = proof.split('<br>').map((line) => ({
    file: /^`([^`]+)`/.exec(line)?.[1] ?? line,
    titles: [...line.matchAll(/“([^”]+)”/g)].map(([, title = '']) => title),
  }))
  return [{ id, code: [...code.matchAll(/`([^`]+)`/g)].map(([, file = '']) => file), proofs }]
})

/** Whether a test file has a test of this title, written as a text right behind an opening bracket. */
function hasTest(file: string, title: string): boolean {
  const source = read(file)
  return ["'", '"', '`'].some((quote) => {
    const written = `${quote}${title.replaceAll(quote, `\\${quote}`)}${quote}`
    return source.split(written).some((before, i, parts) => i < parts.length - 1 && /\(\s*$/.test(before))
  })
}

describe('docs/coverage.md', () => {
  test('has each delivered requirement once, and no other', () => {
    expect(ROWS.map(({ id }) => id).sort()).toEqual([...DELIVERED].sort())
  })

  test('has no requirement both delivered and later', () => {
    const later = [...LATER.matchAll(/\b[A-Z]{3}-\d+\b/g)].map(([id]) => id)
    expect(new Set(later).size).toBe(later.length)
    expect(later.filter((id) => DELIVERED.includes(id))).toEqual([])
  })

  test.each(ROWS)('names for $id files that exist', ({ code, proofs }) => {
    expect(code.length).toBeGreaterThan(0)
    expect([...code, ...proofs.map(({ file }) => file)].filter((file) => !exists(file))).toEqual([])
  })

  test.each(ROWS)('names for $id tests that exist', ({ proofs }) => {
    const missing = proofs.flatMap(({ file, titles }) =>
      titles.length === 0 ? [`${file}: no title`] : titles.filter((title) => !hasTest(file, title)),
    )
    expect(missing).toEqual([])
  })
})

test('measures pricing, the ledger and the budgets, and fails below 90 % of lines', () => {
  const { include, thresholds } = config.test?.coverage ?? {}
  expect(include).toEqual(
    expect.arrayContaining(['pricing/src/**', 'exporter/src/ledger/**', 'exporter/src/budgets/**']),
  )
  expect(thresholds?.lines).toBeGreaterThanOrEqual(90)
  expect(read('scripts/test.mjs')).toContain("'--coverage'")
})
