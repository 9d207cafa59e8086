import { type Langfuse, startLangfuse } from '@marginwatch/sandbox'
import { afterEach, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { type Exporter, startExporter } from '../support/exporter.ts'
import { scrape } from '../support/scrape.ts'

let exporter: Exporter | null = null
let langfuse: Langfuse | null = null
afterEach(async () => {
  await exporter?.close()
  await langfuse?.close()
  exporter = langfuse = null
})

it('what Langfuse saw of tools, and how it judges, is on /metrics and on the page, edited or not, and the same after a restart', async () => {
  langfuse = await startLangfuse()
  const start = Date.now() - 60_000
  const tool = { type: 'TOOL', start, end: start + 100 } as const
  langfuse.put([
    { ...tool, id: 't1', name: 'search' },
    { ...tool, id: 't2', name: 'search', level: 'ERROR' },
    { ...tool, id: 't3', name: 'mail' },
    {
      id: 'c1',
      type: 'GENERATION',
      start,
      model: 'gpt-4o',
      usage: { input: 10, total: 10 },
      promptName: 'greet',
      promptVersion: 3,
    },
    { id: 'e1', type: 'EVENT', start, name: 'search' },
  ])
  langfuse.score([
    { id: 's1', name: 'helpful', value: 1, at: start, observationId: 'c1' },
    { id: 's2', name: 'helpful', value: 0.5, at: start, observationId: 'c1' },
  ])
  const { publicKey: LF_PUBLIC, secretKey: LF_SECRET } = langfuse.keys
  exporter = await startExporter({
    sources: `langfuse: [{ url: "${langfuse.url}", public_key: "\${LF_PUBLIC}", secret_key: "\${LF_SECRET}", every: 1s, settle: 0s, role: spend, backfill: 1h }]`,
    env: { LF_PUBLIC, LF_SECRET },
  })
  const lines = async (): Promise<string[]> => {
    const { text } = await scrape(exporter?.program.url ?? '')
    return text.split('\n').filter((line) => /^llm_(tool|score)/.test(line))
  }
  const search = { success: 'llm_tool_calls_total{tool="search",status="success"} 1' }
  const first = [
    search.success,
    'llm_tool_calls_total{tool="search",status="failed"} 1',
    'llm_tool_calls_total{tool="mail",status="success"} 1',
  ]
  const hasAll = async (wanted: readonly string[]) => {
    const found = await lines()
    return wanted.every((line) => found.includes(line)) ? found : null
  }
  await eventually('the tools', () => hasAll(first))
  langfuse.edit('t1', { level: 'ERROR' })
  const corrected = [
    ...first,
    'llm_tool_calls_correction_total{tool="search",status="success",direction="down"} 1',
    'llm_tool_calls_correction_total{tool="search",status="failed",direction="up"} 1',
  ]
  await eventually('the correction', () => hasAll(corrected))
  await exporter.restart()
  const scores = [
    'llm_score_average{score="helpful",model="gpt-4o",query_type="unknown",prompt="greet:3"} 0.75',
    'llm_scores{score="helpful",model="gpt-4o",query_type="unknown",prompt="greet:3"} 2',
  ]
  await eventually('the same and the scores', () => hasAll([...corrected, ...scores]))
  expect((await lines()).length).toBe(corrected.length + scores.length)
  await eventually('the section of the page', async () => {
    const page = await (await fetch(exporter?.program.url ?? '')).text()
    return page.includes('Tools and quality') && page.includes('Quality scores') ? true : null
  })
})
