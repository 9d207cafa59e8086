/**
 * How long a decision takes: inside of the process, journal and all, and over HTTP on the same machine, with the sums of 100,000
 * customers in memory. The callers over HTTP run in this process, the program in one of its own.
 */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { createEngine, type Engine } from '@marginwatch/exporter/budgets/engine'
import { createMemoryHolds } from '@marginwatch/exporter/budgets/holds'
import { openJournal } from '@marginwatch/exporter/budgets/journal'
import { budgetLedger } from '@marginwatch/exporter/budgets/load'
import { createCalendar } from '@marginwatch/exporter/calendar'
import { readPolicy } from '@marginwatch/exporter/policy/read'
import { openPriceBook } from '@marginwatch/pricing'
import { pino } from 'pino'
import { type BenchRow, fixed, quantile, spread, valueRow } from './row.ts'
import { createClient } from './support/client.ts'
import { startProgram } from './support/program.ts'
import { folder, type Setting } from './support/setting.ts'
import { fillDay, openLedger } from './support/store.ts'

const CUSTOMERS = 100_000
const EVENTS = 200_000
const CROWDS = [1, 10, 100] as const
/** Every customer of the events is on one of these; each has room for all that is asked. */
const POLICY = `
tiers:
  tier_1: { price_usd: 49, budget_usd: 800 }
  tier_2: { price_usd: 99, budget_usd: 1800 }
  tier_3: { price_usd: 199, budget_usd: 3500 }
degrade: { gpt-4o: gpt-4o-mini }
budgets: { session: { calls: none, tokens_per_minute: none } }
`

export async function run(setting: Setting): Promise<BenchRow[]> {
  const [events, asks] = setting.quick ? [20_000, 2_000] : [EVENTS, 20_000]
  const directory = await folder(setting, 'decisions')
  await fillDay(directory, { count: events, customers: CUSTOMERS })
  return [...(await inProcess(directory, asks)), ...(await overHttp(directory, asks / 4))]
}

async function inProcess(directory: string, asks: number): Promise<BenchRow[]> {
  const { policy } = readPolicy(`version: 1\n${POLICY}`, { file: 'policy.yaml', env: {} })
  if (policy === undefined) throw new Error('the policy of this bench is wrong')
  const calendar = createCalendar('UTC')
  const ledger = await openLedger(directory)
  const book = openPriceBook()
  const before = process.memoryUsage().heapUsed
  const engine = createEngine({
    ledger: budgetLedger(ledger, calendar),
    calendar,
    policy: () => policy,
    prices: () => book,
    holds: createMemoryHolds(),
    journal: openJournal({
      file: join(directory, 'holds.journal'),
      now: Date.now,
      onFailure: (why) => console.error(why),
    }),
    log: pino({ level: 'silent' }),
    now: Date.now,
    backlog: () => true,
    onChange: () => undefined,
  })
  const began = performance.now()
  await engine.open()
  const opened = performance.now() - began
  const kept = (process.memoryUsage().heapUsed - before) / 1_048_576
  await timesOf(engine, asks / 4)
  const times = await timesOf(engine, asks)
  await engine.close()
  await ledger.close()
  const p99 = quantile(times, 0.99)
  return [
    valueRow({ name: 'in process: p50', unit: 'ms', decimals: 3 }, quantile(times, 0.5), spread(times, 3)),
    valueRow(
      { name: `in process: p99 of ${fixed(asks, 0)}`, unit: 'ms', decimals: 3, goal: { most: 1, aim: 0.05 } },
      p99,
      spread(times, 3),
    ),
    valueRow({ name: `reading ${fixed(CUSTOMERS, 0)} customers at the start`, unit: 'ms', decimals: 0 }, opened, ''),
    valueRow({ name: 'memory of them, as the heap grew', unit: 'MB', decimals: 0 }, kept, ''),
  ]
}

async function timesOf(engine: Engine, asks: number): Promise<number[]> {
  const times: number[] = []
  for (let n = 0; n < asks; n++) {
    const ask = {
      callId: randomUUID(),
      model: 'gpt-4o',
      maxTokens: 500,
      answers: 1,
      // Counted, as a gateway does when it is asked to: what is not counted holds nothing yet.
      input: { bytes: 4_000, tokens: 1_000, images: 0, opaque: 0, cacheWrites: false },
      serviceTier: null,
      settles: true,
      needs: [],
      who: {
        customer: `customer-${n % CUSTOMERS}`,
        tier: 'tier_2',
        user: null,
        session: `session-${n % 1_000}`,
        agent: null,
        trace: null,
        queryType: null,
      },
    }
    const began = performance.now()
    const { decision } = await engine.decide(ask)
    times.push(performance.now() - began)
    if (decision.action !== 'allow')
      throw new Error(`${decision.action}, because ${decision.reason}: it should have been allowed`)
  }
  return times
}

async function overHttp(directory: string, asks: number): Promise<BenchRow[]> {
  const program = await startProgram({ directory, policy: POLICY })
  const rows: BenchRow[] = []
  try {
    for (const callers of CROWDS) {
      const client = createClient(program.url, callers)
      await ready(client)
      const times: number[] = []
      const caller = async (first: number) => {
        for (let n = first; n < asks; n += callers) {
          const body = question(n)
          const began = performance.now()
          await client.post('/v1/decisions', body)
          times.push(performance.now() - began)
        }
      }
      await Promise.all(Array.from({ length: callers }, (_, first) => caller(first)))
      client.close()
      const name = `over HTTP, ${callers} caller${callers === 1 ? '' : 's'}`
      rows.push(valueRow({ name: `${name}: p50`, unit: 'ms', decimals: 2 }, quantile(times, 0.5), spread(times, 2)))
      const goal = callers === 1 ? { goal: { most: 5, aim: 1.5 } } : {}
      const p99 = { name: `${name}: p99 of ${fixed(asks, 0)}`, unit: 'ms', decimals: 2, ...goal }
      rows.push(valueRow(p99, quantile(times, 0.99), spread(times, 2)))
    }
  } finally {
    await program.stop()
  }
  return rows
}

/** Until the ledger was read, questions are answered with 503. */
async function ready(client: ReturnType<typeof createClient>): Promise<void> {
  for (let status = 503; status === 503; ) {
    status = (await client.ask('/v1/decisions/explain?model=gpt-4o')).status
    if (status === 503) await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function question(n: number): string {
  return JSON.stringify({
    version: 1,
    call_id: randomUUID(),
    model: 'gpt-4o',
    call_type: 'acompletion',
    max_tokens: 500,
    input: { bytes: 4_000, tokens: 1_000, images: 0, opaque: 0 },
    record: {
      end_user: `customer-${n % CUSTOMERS}`,
      request_tags: ['plan_tier:tier_2', 'feature:chat'],
      metadata: {
        user_api_key_alias: 'backend',
        requester_metadata: {
          session_id: `http-${n % 1_000}`,
          user_id: `user-${n % 50}`,
          query_type: 'recommendation',
        },
      },
    },
  })
}
