import { fileURLToPath } from 'node:url'
import { FAILURES, fallbackSums, startUpstream, type Upstream } from '@marginwatch/sandbox'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { type Exporter, type ExporterOptions, startExporter } from '../support/exporter.ts'
import { describeWithFixture } from '../support/fixture.ts'
import { triesOf, type Tries } from '../support/gateway.ts'
import { gatewayConfig } from '../support/gateway-config.ts'
import { type RealGateway, startRealGateway } from '../support/real-gateway.ts'
import { scrape, sumOf } from '../support/scrape.ts'
import { readLedger } from '../support/sql-truth.ts'
import {
  attemptsOf,
  callsWithRow,
  expectedRows,
  GROUPINGS,
  type Line,
  ledgerLines,
  rowFallbacks,
  rowLines,
  sorted,
  sumsBy,
  truthLines,
} from './lines.ts'
import { choosesId, firstCalls, replayAll, replayModels } from './replayed.ts'

const HOOKS = ['../../../gateway/marginwatch.py', './hooks/block.py'].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
)
// Its deployment says that it is free, which no price list can know. Nothing is limited, and fallbacks come with the calls.
const POLICY = `
prices: { overrides: [{ model: qwen3-32b, input_usd_per_million: 0, output_usd_per_million: 0 }] }
budgets: { agent: none, session: none, client_fallbacks: keep }
`
const CALLERS = 16
const CALLS = firstCalls(2_000)
const WITH_ROW = callsWithRow(CALLS)

/** What was written down of the calls, and what it must be. */
interface Book {
  readonly lines: readonly Line[]
  readonly tries: Partial<Tries>
}

describeWithFixture('The first 2,000 calls of the replay through the real LiteLLM', () => {
  let upstream: Upstream
  let gateway: RealGateway
  const exporters: Exporter[] = []
  const books: Record<string, Book> = {}
  const start = async (options: ExporterOptions) => {
    const exporter = await startExporter({ policy: POLICY, ...options })
    exporters.push(exporter)
    return exporter
  }
  beforeAll(async () => {
    upstream = await startUpstream()
    const pushed = await start({})
    gateway = await startRealGateway({
      config: gatewayConfig({
        upstream: upstream.url,
        // LiteLLM's own: there is much to write.
        general: { proxy_batch_write_at: 10 },
        litellm: { callbacks: ['marginwatch.gateway', 'block.hook'] },
        models: replayModels(upstream.url),
      }),
      hooks: HOOKS,
      env: {
        MARGINWATCH_URL: pushed.program.url,
        // So that LiteLLM counts the answers of streams that are left in one piece.
        TIKTOKEN_ENCODE_CHUNK_SIZE_CHARS: '4096',
      },
    })
    await replayAll({ gateway, calls: CALLS, callers: CALLERS })
    books['ledger by push'] = await bookOf(pushed, CALLS.length)
    const rows = await eventually('all rows of the spend log', async () => {
      // While rows arrive, its pages move, and a row may be on two of them.
      const found = new Map((await gateway.spendLog()).map((row) => [row.request_id, row]))
      return found.size >= WITH_ROW.length ? [...found.values()] : null
    })
    books['spend log of LiteLLM'] = { lines: rowLines(rows), tries: { fallbacks: rowFallbacks(rows) } }
    books['ledger by poll'] = await bookOf(await start({ poll: gateway }), WITH_ROW.length)
  })
  afterAll(async () => {
    for (const exporter of exporters) await exporter.close()
    await gateway?.close()
    await upstream?.close()
  })

  it('are of every kind', () => {
    expect(new Set(CALLS.flatMap(({ failure }) => failure ?? []))).toEqual(new Set(FAILURES))
    for (const isOfKind of KINDS) expect(CALLS.some(isOfKind), String(isOfKind)).toBe(true)
  })

  const expected: Readonly<Record<string, Book>> = {
    'ledger by push': {
      lines: truthLines(CALLS),
      tries: { attempts: attemptsOf(CALLS), fallbacks: fallbackSums(CALLS) },
    },
    'ledger by poll': { lines: truthLines(WITH_ROW), tries: { attempts: {}, fallbacks: fallbackSums(CALLS) } },
    'spend log of LiteLLM': { lines: expectedRows(CALLS), tries: { fallbacks: fallbackSums(CALLS) } },
  }
  describe.for(Object.entries(expected))('are in the %s', ([name, { lines, tries }]) => {
    it.for(Object.entries(GROUPINGS))('with the sums of the written truth by %s', ([, by]) => {
      expect(sumsBy(books[name]?.lines ?? [], by)).toEqual(sumsBy(lines, by))
    })

    it('once each, as they were', () => {
      expect(sorted(books[name]?.lines ?? [])).toEqual(sorted(lines))
    })

    it('with what happened inside the gateway', () => {
      expect(books[name]?.tries).toEqual(tries)
    })
  })
})

/** What must occur among the calls beside each failure. */
const KINDS: readonly ((call: (typeof CALLS)[number]) => boolean)[] = [
  ({ stream }) => stream,
  ({ aborted }) => aborted,
  ({ cacheHit }) => cacheHit,
  ({ callType }) => callType === 'aembedding',
  ({ attempts, model, asked }) => attempts.length > 0 && model?.group === asked,
  ({ model, asked, stream }) => model !== null && model.group !== asked && stream,
  ({ session }) => session === null,
  ({ customer, failure }) => customer === null && failure === null,
  ({ cost, tokens }) => cost === null && tokens.input > 0,
  ({ cost, failure, cacheHit }) => cost === 0n && failure === null && !cacheHit,
  (call) => choosesId(call) && call.callType === 'aembedding',
]

/** Waits until the exporter has counted so many calls, stops it and reads its ledger. */
async function bookOf(exporter: Exporter, count: number): Promise<Book> {
  await eventually(`${count} calls on /metrics`, async () => {
    const page = await scrape(exporter.program.url)
    return sumOf(page, 'llm_requests_total') >= BigInt(count) * 1_000_000_000n ? true : null
  })
  await exporter.program.stop()
  return readLedger(exporter.data, async (rows) => ({ lines: await ledgerLines(rows), tries: await triesOf(rows) }))
}
