import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, test } from 'vitest'
import { REASONS } from '../../src/budgets/ask.ts'
import {
  CUSTOMER_STATES,
  DECISION_ACTIONS,
  DECISION_REASONS,
  DIFFERENCES,
  DROP_REASONS,
  LABEL_BOUNDS,
  METRICS,
  type Metric,
  MOST_BUDGETS,
  MOST_SCORES,
  WORST_CUSTOMERS,
  MOST_CONTAINERS,
  MOST_INTERFACES,
  QUEUE_STATES,
  TRACE_EVENT_RESULTS,
} from '../../src/catalogue.ts'
import { EVENT_RESULTS } from '../../src/sources/source.ts'
import { sources } from '../../src/sources/index.ts'
import { createContainers } from '../../src/sources/docker/containers.ts'
import { createDirectory } from '../../src/sources/litellm/directory.ts'
import { BASES, METERS, SCOPES, STATUSES, TOKEN_CLASSES } from '../../src/usage.ts'
import { describeWith } from '../support/installed.ts'
import { run } from '../support/run.ts'
import { langfuseProject, policyWith } from '../support/world.ts'
import { blocks, read, tableRows } from './pages.ts'

const PAGE = read('docs/metrics.md')
const CATALOGUE = Object.values<Metric>(METRICS)

/** The page's sections by metric: type and labels as the line below the heading has them, then the text. */
const SECTIONS = new Map(
  [...PAGE.matchAll(/^### `(\w+)`\n\n(.+?)\n\n(.+?)(?=^##|$(?!.))/gms)].map(([, name = '', kind = '', text = '']) => [
    name,
    { kind, text },
  ]),
)
const BOUNDS = new Map(
  tableRows(PAGE)
    .filter((row) => row.length === 3 && row[0]?.startsWith('`'))
    .map(([label = '', own = '']) => [label.replaceAll('`', ''), own]),
)

const words = (cell: string | undefined) => [...(cell ?? '').matchAll(/`([^`]+)`/g)].map(([, word]) => word)
/** Line breaks are of no account. */
const flowing = (text: string) => text.replace(/\s+/g, ' ')

describe('docs/metrics.md', () => {
  test('has a section for each metric of the catalogue, and for no other', () => {
    expect([...SECTIONS.keys()].sort()).toEqual(CATALOGUE.map(({ name }) => name).sort())
  })

  test.each(CATALOGUE)('says of $name its type, its labels and what its help says', ({ name, type, labels, help }) => {
    const { kind, text } = SECTIONS.get(name) ?? { kind: '', text: '' }
    const shown = labels.length === 0 ? 'no labels' : labels.map((label) => `\`${label}\``).join(' ')
    expect(kind).toBe(`${type} · ${shown}`)
    // A help sentence may be led further on the page.
    expect(flowing(text)).toContain(help.replace(/\.$/, ''))
  })

  test.each(CATALOGUE)('asks for $name in its example', ({ name }) => {
    const [query, ...more] = blocks(SECTIONS.get(name)?.text ?? '', 'promql')
    expect(query).toMatch(new RegExp(`\\b${name}(_bucket|_sum|_count)?\\b`))
    expect(more).toEqual([])
  })

  test('has the bound of each label, and of no other', () => {
    const labels = new Set(CATALOGUE.flatMap((metric) => metric.labels))
    expect([...BOUNDS.keys()].sort()).toEqual([...labels].sort())
  })

  test('has the numbers of the catalogue for what comes from outside', () => {
    const { series, fallback, error_class, ...own } = LABEL_BOUNDS
    for (const [label, bound] of Object.entries({ ...own, class: error_class })) {
      expect(BOUNDS.get(label), label).toMatch(new RegExp(`^${bound}\\b`))
    }
    expect(PAGE).toContain(`may make ${series} combinations`)
    expect(PAGE).toContain(`\`from\` and \`to\` may make ${fallback}`)
    expect(flowing(PAGE)).toContain(`of the margin: the ${WORST_CUSTOMERS} with the least`)
    expect(METRICS.customerMargin.help).toContain(`the ${WORST_CUSTOMERS} customers`)
    expect(flowing(PAGE)).toContain(`there are at most ${MOST_BUDGETS} of them`)
    expect(flowing(PAGE)).toContain(`may make ${MOST_SCORES}, and beyond them`)
    expect(BOUNDS.get('id')).toMatch(new RegExp(`^those of ${MOST_CONTAINERS} containers`))
    expect(BOUNDS.get('interface')).toMatch(new RegExp(`^${MOST_INTERFACES} of each`))
  })

  test('has the words of the house for what comes from inside', () => {
    expect(words(BOUNDS.get('status'))).toEqual(STATUSES)
    expect(words(BOUNDS.get('basis'))).toEqual(BASES)
    expect(words(BOUNDS.get('token_type'))).toEqual(TOKEN_CLASSES)
    expect(words(BOUNDS.get('result'))).toEqual([...EVENT_RESULTS, ...TRACE_EVENT_RESULTS])
    expect(words(BOUNDS.get('reason'))).toEqual([...DROP_REASONS, ...DECISION_REASONS, ...DIFFERENCES])
    expect(DECISION_REASONS).toEqual(REASONS)
    expect(words(BOUNDS.get('action'))).toEqual(DECISION_ACTIONS)
    expect(words(BOUNDS.get('state'))).toEqual([...CUSTOMER_STATES, ...QUEUE_STATES])
    expect(words(BOUNDS.get('kind'))).toEqual(METERS)
    expect(words(BOUNDS.get('scope'))).toEqual(SCOPES)
    const policy = policyWith({ sources: { langfuse: [langfuseProject()] } })
    const neighbours = { litellm: createDirectory(), containers: createContainers() }
    expect(words(BOUNDS.get('source'))).toEqual(sources(neighbours, policy).map(({ name }) => name))
  })
})

describeWith(['promtool'], 'the queries of docs/metrics.md', ([promtool]) => {
  it('are PromQL', async () => {
    const queries = blocks(PAGE, 'promql').flatMap((block) => block.trim().split('\n'))
    const rules = queries.map((expr, i) => ({ record: `q:${i}`, expr }))
    const directory = await mkdtemp(join(tmpdir(), 'marginwatch-queries-'))
    try {
      const file = join(directory, 'rules.json')
      await writeFile(file, JSON.stringify({ groups: [{ name: 'queries', rules }] }))
      const { code, stdout, stderr } = await run(promtool, ['check', 'rules', file])
      expect({ code, said: `${stdout}${stderr}` }).toEqual({
        code: 0,
        said: expect.stringContaining(`${queries.length} rules found`),
      })
    } finally {
      await rm(directory, { recursive: true })
    }
  })
})
