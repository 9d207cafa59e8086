import { fileURLToPath } from 'node:url'
import { startUpstream, type Upstream } from '@marginwatch/sandbox'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Row, RowReader } from '../../src/ledger/ledger.ts'
import { TOKEN_CLASSES } from '../../src/usage.ts'
import { eventually } from '../support/eventually.ts'
import { type Exporter, startExporter } from '../support/exporter.ts'
import { describeWithFixture } from '../support/fixture.ts'
import { gatewayConfig } from '../support/gateway-config.ts'
import { type PushRecorder, startPushRecorder } from '../support/push-recorder.ts'
import { type RealGateway, startRealGateway } from '../support/real-gateway.ts'
import { readLedger } from '../support/sql-truth.ts'
import { customerOf, type Expected, expectedOf, KINDS, SOME } from './calls.ts'

const HOOKS = [
  fileURLToPath(new URL('../../../gateway/marginwatch.py', import.meta.url)),
  fileURLToPath(new URL('./hooks/degrade.py', import.meta.url)),
]
const EVENTS = KINDS.flatMap((kind) => kind.events).length
const ATTEMPTS = KINDS.reduce((sum, kind) => sum + (kind.attempts ?? 0), 0)

describeWithFixture('Each kind of call through the real LiteLLM', () => {
  let upstream: Upstream
  let recorder: PushRecorder
  let gateway: RealGateway
  const exporters: Exporter[] = []
  const start = async (...options: Parameters<typeof startExporter>) => {
    const exporter = await startExporter(...options)
    exporters.push(exporter)
    return exporter
  }
  beforeAll(async () => {
    upstream = await startUpstream()
    recorder = await startPushRecorder()
    gateway = await startRealGateway({
      config: gatewayConfig({
        upstream: upstream.url,
        litellm: { callbacks: ['marginwatch.gateway', 'degrade.hook'] },
      }),
      hooks: HOOKS,
      env: { MARGINWATCH_URL: recorder.url },
    })
    for (const kind of KINDS) await kind.make(gateway, kind.name)
    await recorder.until(EVENTS + ATTEMPTS)
    await eventually('all rows of the spend log', async () =>
      (await gateway.spendLog()).length >= EVENTS ? true : null,
    )
  })
  afterAll(async () => {
    for (const exporter of exporters) await exporter.close()
    await gateway?.close()
    await recorder?.close()
    await upstream?.close()
  })

  const ways: Readonly<Record<string, () => Promise<Exporter>>> = {
    push: async () => {
      const exporter = await start()
      await recorder.repost(exporter.program.url)
      return exporter
    },
    poll: async () => {
      const exporter = await start({ poll: gateway })
      await polled(exporter)
      return exporter
    },
    'push, and then poll': async () => {
      const before = await start()
      await recorder.repost(before.program.url)
      await before.program.stop()
      const exporter = await start({ poll: gateway, data: before.data })
      await polled(exporter)
      return exporter
    },
    'poll, and then push': async () => {
      const exporter = await start({ poll: gateway })
      await polled(exporter)
      await recorder.repost(exporter.program.url)
      return exporter
    },
  }
  /** What the first way found; the others must find the same. */
  const first = new Map<string, readonly Record<string, unknown>[]>()
  describe.for(Object.entries(ways))('by %s', ([way, take]) => {
    let events: ReadonlyMap<string, readonly Row[]>
    let beside: { attempts: bigint; fallbacks: readonly string[] }
    beforeAll(async () => {
      const exporter = await take()
      await exporter.program.stop()
      events = byCustomer(await readLedger(exporter.data, readEvents))
      beside = await readLedger(exporter.data, readBeside)
    })

    it.for(KINDS)('$name is in the ledger once, as it was', (kind) => {
      const found = (events.get(customerOf(kind)) ?? []).map(withoutNothing)
      expect(found).toEqual(expectedOf(kind).map((event, i) => known(event, found[i])))
      expect(found).toEqual(first.get(kind.name) ?? found)
      first.set(kind.name, found)
    })

    it('nothing else is in it', () => {
      expect([...events.keys()].sort()).toEqual(KINDS.map(customerOf).sort())
      expect(beside.fallbacks).toEqual(KINDS.flatMap(({ fallbacks = [] }) => fallbacks))
      expect(Number(beside.attempts)).toBe(way === 'poll' ? 0 : ATTEMPTS)
    })
  })
})

/** Resolves when the poll has brought in what there is. */
async function polled(exporter: Exporter): Promise<void> {
  await eventually('the poll to be through', async () => {
    const answer = await fetch(`${exporter.program.url}/metrics`)
    const text = await answer.text()
    const told = [
      ...text.matchAll(/^marginwatch_events_total\{source="litellm_poll",result="(?:accepted|duplicate)"\} (\d+)/gm),
    ]
    return told.reduce((sum, [, count]) => sum + Number(count), 0) >= EVENTS ? true : null
  })
}

function readEvents(rows: RowReader): Promise<readonly Row[]> {
  return rows(`SELECT customer, session, tier, model_asked, model, provider, call_type, status, basis, ${TOKEN_CLASSES.join(', ')}, cost
    FROM usage_event ORDER BY start, seq`)
}

function byCustomer(rows: readonly Row[]): Map<string, Row[]> {
  const found = new Map<string, Row[]>()
  for (const row of rows) found.set(String(row.customer), [...(found.get(String(row.customer)) ?? []), row])
  return found
}

async function readBeside(rows: RowReader) {
  const [row] = await rows(`SELECT count(*) FILTER (WHERE kind = 'attempt') AS attempts,
    list((body->>'from') || ' → ' || (body->>'to')) FILTER (WHERE kind = 'fallback') AS fallbacks FROM entry`)
  return { attempts: row?.attempts as bigint, fallbacks: (row?.fallbacks as { items: string[] } | null)?.items ?? [] }
}

/** What is expected, with what was found where nothing can be known before. */
function known(event: Expected, found: Record<string, unknown> = {}): Record<string, unknown> {
  const names = Object.entries(event).map(([name, value]) => [name, value === SOME ? found[name] : value])
  return Object.fromEntries(names)
}

function withoutNothing(row: Row): Record<string, unknown> {
  const tokens: Record<string, number> = {}
  const rest: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(row)) {
    if (!(TOKEN_CLASSES as readonly string[]).includes(name)) rest[name] = value
    else if (value !== 0) tokens[name] = Number(value)
  }
  return { ...rest, tokens }
}
