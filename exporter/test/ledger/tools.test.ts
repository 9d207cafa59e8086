import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createQuality, type RunningQuality } from '../../src/app/quality.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { OBSERVED, type Observation } from '../../src/usage.ts'
import type { Sample } from '../../src/views/metrics/sample.ts'
import { DAY, observation, score, T0, usage } from '../support/entries.ts'
import { openLedger, scratch } from '../support/ledger.ts'

const NOW = T0 + DAY
const now = () => NOW

const opened = (ledger: Ledger): RunningQuality =>
  createQuality({ ledger, now, asked: () => true, catchingUp: () => false })

/** Series → value. */
function shown({ collector }: RunningQuality): Record<string, number> {
  const lines = [...collector.collect()].flatMap(({ metric, samples }) =>
    [...(samples as Iterable<Sample>)].map(({ labels, value }) => [[metric.name, ...labels].join(' '), Number(value)]),
  )
  return Object.fromEntries(lines)
}

/** What the counters say together, by name and outcome. */
function netOf(found: Readonly<Record<string, number>>): Record<string, number> {
  const net: Record<string, number> = {}
  for (const [series, value] of Object.entries(found)) {
    const [, tool = '', status = '', direction = ''] = series.split(' ')
    const name = `${tool} ${status}`
    net[name] = (net[name] ?? 0) + (direction === 'down' ? -value : value)
  }
  return Object.fromEntries(Object.entries(net).filter(([, n]) => n !== 0))
}

/** What the latest versions say. */
function truthOf(latest: Iterable<Observation>): Record<string, number> {
  const truth: Record<string, number> = {}
  for (const { what, name, status } of latest) {
    const key = `${name ?? 'unknown'} ${status}`
    if (what === 'tool') truth[key] = (truth[key] ?? 0) + 1
  }
  return truth
}

const anyVersion = fc.record({
  id: fc.nat(5),
  what: fc.constantFrom(...OBSERVED, 'tool' as const),
  name: fc.constantFrom('search', 'mail', null),
  status: fc.constantFrom('success' as const, 'failed' as const),
})
const anyStep = fc.oneof(
  { weight: 6, arbitrary: fc.array(anyVersion, { minLength: 1, maxLength: 8 }) },
  { weight: 1, arbitrary: fc.constant('count' as const) },
  { weight: 1, arbitrary: fc.constant('restart' as const) },
  { weight: 1, arbitrary: fc.constant('retire' as const) },
)

it('whatever is edited, in any order and across restarts, no count falls and all of them together are the latest versions', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 1, maxLength: 12 }), async (steps) => {
      const { path, remove } = await scratch()
      const ledger = await openLedger(path, now)
      let reader = opened(ledger)
      let before: Record<string, number> = {}
      const latest = new Map<number, Observation>()
      let versions = 0
      for (const step of [...steps, 'count' as const, 'restart' as const]) {
        if (step === 'restart') reader = opened(ledger)
        else if (step === 'retire') {
          // The odd ones began long ago; what retention has taken is not edited any more. It is seconds old at least, and was counted.
          await reader.count()
          await ledger.retire(T0 / DAY - 10)
        } else if (step !== 'count') {
          const entries = step.map(({ id, ...said }) =>
            observation(`t${id}`, {
              ...said,
              key: `version ${versions++}`,
              start: id % 2 === 1 ? T0 - 20 * DAY : T0,
            }),
          )
          const { refused } = await ledger.append(entries)
          const refusals = new Set(refused.map(({ index }) => index))
          entries.forEach((entry, i) => {
            if (!refusals.has(i)) latest.set(Number(entry.id.slice(1)), entry)
          })
          continue
        }
        await reader.count()
        const found = shown(reader)
        for (const [series, value] of Object.entries(before))
          expect(found[series], series).toBeGreaterThanOrEqual(value)
        before = found
        expect(netOf(found)).toEqual(truthOf(latest.values()))
      }
      await ledger.close()
      await remove()
    }),
    { numRuns: 25 },
  )
})

it('the page has the most used tools and the scores of the last 24 hours; neither is asked for without a trace store', async () => {
  const { path, remove } = await scratch()
  const ledger = await openLedger(path, now)
  const at = NOW - 1000
  const tool = (id: string, over: Partial<Observation> = {}) =>
    observation(id, { what: 'tool', name: 'search', start: at, ...over })
  await ledger.append([
    tool('t1'),
    tool('t2', { status: 'failed' }),
    tool('t3', { name: 'mail' }),
    tool('old', { start: NOW - DAY - 1 }),
    usage('a', { queryType: 'action', start: at }),
    observation('o1', { call: 'a', promptName: 'greet', promptVersion: '3', start: at }),
    score('s1', { observation: 'o1', value: 0.5, at }),
    score('s2', { observation: 'o1', value: 1, at }),
    score('s3', { value: 4, at, name: 'polite' }),
  ])
  let asked = true
  const quality = createQuality({ ledger, now, asked: () => asked, catchingUp: () => false })
  await quality.count()
  await quality.refresh()
  expect(quality.state()).toEqual({
    tools: [
      { tool: 'search', calls: 2, failed: 1 },
      { tool: 'mail', calls: 1, failed: 0 },
    ],
    scores: [
      { score: 'helpful', count: 2, average: 0.75 },
      { score: 'polite', count: 1, average: 4 },
    ],
  })
  expect(shown(quality)).toEqual({
    'llm_tool_calls_total search success': 2,
    'llm_tool_calls_total search failed': 1,
    'llm_tool_calls_total mail success': 1,
    'llm_score_average helpful openai/gpt-4o action greet:3': 0.75,
    'llm_scores helpful openai/gpt-4o action greet:3': 2,
    'llm_score_average polite unknown unknown unknown': 4,
    'llm_scores polite unknown unknown unknown': 1,
  })
  asked = false
  await quality.refresh()
  expect(quality.state()).toEqual({ tools: [], scores: [] })
  expect(Object.keys(shown(quality)).filter((series) => series.startsWith('llm_score'))).toEqual([])
  await ledger.close()
  await remove()
})

it('nothing is shown while old calls are brought in', async () => {
  const { path, remove } = await scratch()
  const ledger = await openLedger(path, now)
  await ledger.append([observation('t1', { what: 'tool', name: 'search' })])
  const quality = createQuality({ ledger, now, asked: () => true, catchingUp: () => true })
  await quality.count()
  await quality.refresh()
  expect(shown(quality)).toEqual({})
  await ledger.close()
  await remove()
})
