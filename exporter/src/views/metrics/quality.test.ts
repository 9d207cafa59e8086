import { describe, expect, it } from 'vitest'
import { expose } from '../../../test/support/expose.ts'
import { LABEL_BOUNDS, MOST_SCORES } from '../../catalogue.ts'
import { qualityCollector, type ScoreReading, type ToolReading } from './quality.ts'

const RUN: ToolReading = { tool: 'search', status: 'success', runs: 1n, up: 0n, down: 0n, since: 1 }
const SCORE: ScoreReading = { score: 'helpful', model: 'm', queryType: null, prompt: null, count: 1, average: 1 }

async function shown(tools: readonly ToolReading[] | null, scores: readonly ScoreReading[] | null = null) {
  const page = await expose(qualityCollector({ tools: () => tools, scores: () => scores }).collect())
  return page.split('\n').filter((line) => /^[a-z]/.test(line))
}

describe('Runs of tools', () => {
  it('are shown by outcome as first recorded, and what was changed since in both directions', async () => {
    const failed = { ...RUN, status: 'failed', runs: 2n, up: 1n }
    expect(await shown([{ ...RUN, runs: 7n, down: 1n }, failed, { ...RUN, tool: null }])).toEqual([
      'llm_tool_calls_total{tool="search",status="success"} 7',
      'llm_tool_calls_total{tool="search",status="failed"} 2',
      'llm_tool_calls_total{tool="unknown",status="success"} 1',
      'llm_tool_calls_correction_total{tool="search",status="success",direction="down"} 1',
      'llm_tool_calls_correction_total{tool="search",status="failed",direction="up"} 1',
    ])
  })

  it('of more tools than there is room for are counted as other, and a tool of that name with them', async () => {
    const flood = Array.from({ length: 1000 }, (_, i) => ({ ...RUN, tool: `t${i}` }))
    const lines = await shown([{ ...RUN, tool: 'other' }, ...flood])
    expect(lines).toHaveLength(LABEL_BOUNDS.tool + 1)
    expect(lines).toContain(`llm_tool_calls_total{tool="other",status="success"} ${1001 - LABEL_BOUNDS.tool}`)
    expect(lines).toContain('llm_tool_calls_total{tool="t0",status="success"} 1')
  })

  it('never fall from scrape to scrape, and keep their birth', async () => {
    let readings: readonly ToolReading[] = [{ ...RUN, since: 5 }]
    const collector = qualityCollector({ tools: () => readings, scores: () => null })
    const first = await expose(collector.collect(), 'openmetrics')
    readings = [{ ...RUN, runs: 3n, since: 5 }]
    const second = await expose(collector.collect(), 'openmetrics')
    const births = (page: string) => page.split('\n').filter((line) => line.includes('_created'))
    expect(births(first)).toHaveLength(1)
    expect(births(second)).toEqual(births(first))
    expect(second).toContain('llm_tool_calls_total{tool="search",status="success"} 3\n')
  })
})

describe('Scores', () => {
  it('are averaged by the number of scores where they share their labels', async () => {
    const prompt = { name: 'greet', version: '3' }
    const scores = [
      { ...SCORE, prompt, queryType: 'action', count: 3, average: 0.5 },
      { ...SCORE, model: null, prompt: { name: 'greet', version: null } },
      { ...SCORE, model: 'unknown', prompt: { name: 'greet', version: null }, count: 3, average: 0 },
    ]
    expect(await shown(null, scores)).toEqual([
      'llm_score_average{score="helpful",model="m",query_type="action",prompt="greet:3"} 0.5',
      'llm_score_average{score="helpful",model="unknown",query_type="unknown",prompt="greet"} 0.25',
      'llm_scores{score="helpful",model="m",query_type="action",prompt="greet:3"} 3',
      'llm_scores{score="helpful",model="unknown",query_type="unknown",prompt="greet"} 4',
    ])
  })

  it('have a bound for each label and for their combinations; beyond it the least given are together', async () => {
    const flood = Array.from({ length: 2000 }, (_, i) => ({
      ...SCORE,
      model: `m${i % 100}`,
      queryType: `q${i % 40}`,
      prompt: { name: `p${i}`, version: null },
      count: 2000 - i,
    }))
    const lines = (await shown(null, flood)).filter((line) => line.startsWith('llm_scores{'))
    expect(lines.length).toBeLessThanOrEqual(MOST_SCORES + 1)
    const sum = lines.reduce((all, line) => all + Number(line.split(' ').at(-1)), 0)
    expect(sum).toBe(flood.reduce((all, { count }) => all + count, 0))
    expect(new Set(lines.map((line) => /prompt="([^"]*)"/.exec(line)?.[1])).size).toBeLessThanOrEqual(
      LABEL_BOUNDS.prompt + 1,
    )
    const names = Array.from({ length: 1000 }, (_, i) => ({ ...SCORE, score: `s${i}` }))
    expect((await shown(null, names)).length / 2).toBe(LABEL_BOUNDS.score + 1)
  })
})
