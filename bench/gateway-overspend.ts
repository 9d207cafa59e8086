/**
 * How far a limit can be passed through the real LiteLLM, and who is refused for nothing: callers of some customers ask until
 * they were refused three times in a row. By our file, by LiteLLM's own budgets as they come, and by those without its
 * reservation. What is spent is what the answers say that they used.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type Upstream, Rng, startUpstream } from '@marginwatch/sandbox'
import { type BenchRow, fixed, quantile, valueRow } from './row.ts'
import { type Gateway, type GatewaySupport, startFiled, withGateways } from './support/gateway.ts'
import type { Later } from './support/cleanup.ts'
import { startProgram } from './support/program.ts'
import { folder, type Setting } from './support/setting.ts'
import { startTap } from './support/tap.ts'

const CALLERS = 20
/** Dollars: some sixty calls. */
const LIMIT = 0.12
/** Dollars a million tokens of `gpt-4o`. */
const [READ, WRITTEN] = [2.5, 10]
const USUAL_OUTPUT = 150
/** One answer in fifty is ten times as long as it usually is. */
const LONG = 0.02
const REFUSALS = 3
/** Longer than it takes LiteLLM to know what was spent, so that the last calls are refused for good. */
const PAUSE_MS = 500

interface Call {
  readonly begun: number
  ended: number
  /** Of its answer. */
  id: string
  /** Dollars; 0 for a call that was refused. */
  cost: number
  /** `undecided`: sent back because its decision did not come in time, and then tried again. */
  refused: 'budget' | 'undecided' | null
}

const OURS = 'by marginwatch.py'
const nameOf = (customer: number) => `customer-${customer}`

export function run(setting: Setting): Promise<BenchRow[]> {
  const customers = setting.quick ? 2 : 10
  return withGateways(async (support, later) => {
    const upstream = await startUpstream()
    later(upstream.close)
    const rows: BenchRow[] = []
    const ways = [
      [OURS, () => startOurs(support, { setting, upstream, customers, later })],
      ['by LiteLLM, as it comes', () => startNative(support, upstream, customers, {})],
      [
        'by LiteLLM, without reservation',
        () => startNative(support, upstream, customers, { disable_budget_reservation: true }),
      ],
    ] as const
    for (const [name, start] of ways) {
      const { gateway, heard } = await start()
      try {
        await warm(gateway, heard)
        rows.push(...rowsOf(name, await ask(gateway, customers), heard))
      } finally {
        await gateway.close()
      }
    }
    return rows
  })
}

interface Ours {
  readonly setting: Setting
  readonly upstream: Upstream
  readonly customers: number
  readonly later: Later
}

/** A gateway, and when what decides had heard of a call's end, by the answer's id; null when that is not known. */
interface Started {
  readonly gateway: Gateway
  readonly heard: ReadonlyMap<string, number> | null
}

async function startOurs(support: GatewaySupport, { setting, upstream, customers, later }: Ours): Promise<Started> {
  const directory = await folder(setting, 'gateway-overspend')
  const limits = Array.from({ length: customers }, (_, i) => `${nameOf(i)}: { limit_usd: ${LIMIT} }`).join(', ')
  const program = await startProgram({
    directory,
    policy: [
      `budgets: { customers: { ${limits} }, customer: { thresholds: [{ at: 100%, do: block }] }, on_unreachable: block, spend: [] }`,
      'gateway: { models: { gpt-4o: { model: openai/gpt-4o } }, retries: 0 }\n',
    ].join('\n'),
  })
  later(program.stop)
  const tap = await startTap(program.url)
  later(tap.close)
  const gateway = await startFiled(support, { upstream: upstream.url, exporter: tap.url, directory })
  return { gateway, heard: tap.heard }
}

async function startNative(
  support: GatewaySupport,
  upstream: Upstream,
  customers: number,
  over: object,
): Promise<Started> {
  const gateway = await support.startRealGateway({
    config: support.gatewayConfig({ upstream: upstream.url, general: { disable_budget_reservation: false, ...over } }),
  })
  await gateway.call('/budget/new', { budget_id: 'plan', max_budget: LIMIT, budget_duration: '1mo' })
  for (let i = 0; i < customers; i++) await gateway.call('/customer/new', { user_id: nameOf(i), budget_id: 'plan' })
  return { gateway, heard: null }
}

/** The first calls of a LiteLLM that has just started load what later ones have; their records come seconds late. */
async function warm(gateway: Gateway, heard: Started['heard']): Promise<void> {
  for (let n = 0; n < 20; n++) {
    const messages = [{ role: 'user', content: `Hello. upstream(input=20 output=${USUAL_OUTPUT} first=10)` }]
    const { id } = (await gateway.call('/v1/chat/completions', { model: 'gpt-4o', user: 'early', messages })) as Answer
    while (heard !== null && !heard.has(id)) await delay(20)
  }
}

/** The calls of each customer, in the order in which they began. */
async function ask(gateway: Gateway, customers: number): Promise<Call[][]> {
  const rng = new Rng(7)
  const all = Array.from({ length: customers }, (): Call[] => [])
  const caller = async (customer: number) => {
    for (let refusals = 0; refusals < REFUSALS; ) {
      const call: Call = { begun: performance.now(), ended: Number.POSITIVE_INFINITY, id: '', cost: 0, refused: null }
      all[customer]?.push(call)
      const output = Math.round(USUAL_OUTPUT * (0.5 + rng.unit()) * (rng.chance(LONG) ? 10 : 1))
      const bounded = rng.chance(0.5) ? { max_tokens: USUAL_OUTPUT * 20 } : {}
      const content = `Hello. upstream(input=20 output=${output} first=100)`
      const question = { model: 'gpt-4o', user: nameOf(customer), messages: [{ role: 'user', content }], ...bounded }
      try {
        const { id, usage } = (await gateway.call('/v1/chat/completions', question)) as Answer
        call.id = id
        call.cost = (usage.prompt_tokens * READ + usage.completion_tokens * WRITTEN) / 1e6
        refusals = 0
      } catch (error) {
        if (String(error).includes('decision_unavailable')) call.refused = 'undecided'
        else if (/40[02]|422|429|budget/i.test(String(error))) call.refused = 'budget'
        else throw error
        if (call.refused === 'budget') refusals++
        await delay(PAUSE_MS * (0.5 + rng.unit()))
      }
      call.ended = performance.now()
    }
  }
  const crowd = Array.from({ length: customers * CALLERS }, (_, i) => caller(i % customers))
  await Promise.all(crowd)
  return all
}

interface Answer {
  readonly id: string
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number }
}

function rowsOf(name: string, all: readonly Call[][], heard: Started['heard']): BenchRow[] {
  const calls = all.flat()
  const answered = calls.filter(({ refused }) => refused === null)
  const usual = quantile(
    answered.map(({ cost }) => cost),
    0.99,
  )
  const spent = all.map((own) => own.reduce((sum, { cost }) => sum + cost, 0) / LIMIT)
  const freesBy = (over: (call: Call) => number) =>
    all.flatMap((own) => own.filter(({ refused }) => refused === 'budget').map((call) => freeAt(own, call, over)))
  const early = (frees: ReturnType<typeof freesBy>) =>
    frees.filter(({ free, inFlight }) => free > Math.max(0.01, ((inFlight + 1) * usual) / LIMIT)).length
  const frees = freesBy(({ ended }) => ended)
  const percent = { unit: '%', decimals: 2 }
  const goal = name === OURS ? { goal: { most: 101, aim: 100.1 } } : {}
  const around = `${fixed(100 * Math.min(...spent), 2)} – ${fixed(100 * Math.max(...spent), 2)} over ${all.length} customers`
  const zero = name === OURS ? { goal: { most: 1 } } : {}
  const worst = frees.reduce((most, { free }) => Math.max(most, free), 0)
  return [
    valueRow(
      { name: `${name}: spent of a limit, the worst customer`, ...percent, ...goal },
      100 * Math.max(...spent),
      around,
    ),
    valueRow(
      {
        name: `${name}: refused while more than 1 % or a usual call a call on its way was free`,
        unit: 'calls',
        decimals: 0,
        ...zero,
      },
      heard === null ? early(frees) : early(freesBy(({ id }) => heard.get(id) ?? Number.POSITIVE_INFINITY)),
      `of ${fixed(frees.length, 0)} refused and ${fixed(answered.length, 0)} answered`,
    ),
    ...(heard === null
      ? []
      : [
          valueRow(
            { name: `${name}: the same, calls without a record not seen as under way`, unit: 'calls', decimals: 0 },
            early(frees),
            `from answer to record: ${lagOf(answered, heard)}`,
          ),
        ]),
    valueRow(
      { name: `${name}: sent back because a decision did not come in time`, unit: 'calls', decimals: 0 },
      calls.filter(({ refused }) => refused === 'undecided').length,
      '',
    ),
    valueRow({ name: `${name}: free at a refusal, the most`, ...percent }, 100 * worst, ''),
  ]
}

function lagOf(answered: readonly Call[], heard: ReadonlyMap<string, number>): string {
  const lags = answered.map(({ id, ended }) => (heard.get(id) ?? Number.NaN) - ended).filter(Number.isFinite)
  return `p50 ${fixed(quantile(lags, 0.5), 0)} ms, p99 ${fixed(quantile(lags, 0.99), 0)} ms`
}

/**
 * What was really free when a call was refused: the limit without all that calls before it cost in the end; and how many of them
 * were under way, which `over` says the end of.
 */
function freeAt(own: readonly Call[], refused: Call, over: (call: Call) => number): { free: number; inFlight: number } {
  const before = own.filter((call) => call.begun < refused.ended && call !== refused && call.refused === null)
  const cost = before.reduce((sum, call) => sum + call.cost, 0)
  return { free: (LIMIT - cost) / LIMIT, inFlight: before.filter((call) => over(call) > refused.ended).length }
}
