/**
 * How far a limit can be passed: callers of many customers behind a stand-in for a gateway ask the running program before each
 * call, until every customer's limit is used up, with records that arrive late and with faults. What is spent is what the
 * virtual provider charged, whoever heard of it.
 *
 * The formula behind the bound: overspend ≤ Σ (true cost − held) over the calls that are let through while a limit is reached, as
 * a share of the limit. A hold is the worst that the call as sent on can cost, so each summand is at most what the input was
 * counted short; calls that leave undecided hold nothing and are summed whole.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { CALL_KINDS, type CallersFaults, type CallersSummary, MODELS, runCallers } from '@marginwatch/sandbox'
import { type BenchRow, figureRow, fixed, valueRow } from './row.ts'
import { type Program, startProgram } from './support/program.ts'
import { folder, type Setting } from './support/setting.ts'

/** Dollars; each third of the customers has one of them, and has spent a part of it before. */
const LIMITS = [0.5, 8, 35]
const SPENT_BEFORE = [0, 2, 28]
const SECOND = 1_000
const MINUTE = 60 * SECOND

/** One way of running the callers. Times are milliseconds of the callers' own. */
export interface Plan {
  readonly name: string
  readonly customers: number
  readonly callers: number
  readonly unreachable: 'allow' | 'block'
  readonly faults: CallersFaults
  /** When the program is killed, and started again at once. */
  readonly programKills: readonly number[]
}

/** The program as the callers see it. */
export interface Target {
  readonly url: string
  /** Kills it and starts it again on the same data and port. */
  restart(): Promise<void>
}

/** Gateway and program killed, and the way between them cut, while the limits are being reached. */
const FAULTS = {
  faults: { gatewayKills: [40 * SECOND, 150 * SECOND], cuts: [{ fromMs: 100 * SECOND, forMs: 30 * SECOND }] },
  programKills: [70 * SECOND, 180 * SECOND],
} as const
const NO_FAULTS = { faults: {}, programKills: [] } as const

function plansOf(quick: boolean): Plan[] {
  const customers = quick ? 12 : 250
  const plan = (callers: number, unreachable: Plan['unreachable'], faults: typeof FAULTS | typeof NO_FAULTS): Plan => {
    const how = `${callers} ${callers === 1 ? 'caller' : 'callers'} a customer, fail-${unreachable === 'allow' ? 'open' : 'closed'}`
    const name = faults === FAULTS ? `${how}, with faults` : how
    return { name, customers, callers, unreachable, ...faults }
  }
  return [
    plan(1, 'block', NO_FAULTS),
    plan(8, 'block', NO_FAULTS),
    plan(20, 'block', NO_FAULTS),
    plan(20, 'block', FAULTS),
    plan(20, 'allow', FAULTS),
  ]
}

export async function run(setting: Setting): Promise<BenchRow[]> {
  const rows: BenchRow[] = []
  for (const plan of plansOf(setting.quick)) {
    const target = await startTarget(plan, setting)
    try {
      const found = rowsOf(plan, await measure(plan, target))
      rows.push(...found)
      // Each takes minutes: what it found is told when it is known.
      console.info(['', ...found.map((row) => `  ${row.name}: ${row.value} (${row.spread})`)].join('\n'))
    } finally {
      await target.stop()
    }
  }
  return rows
}

async function startTarget(plan: Plan, setting: Setting): Promise<Target & { stop(): Promise<void> }> {
  const directory = await folder(setting, 'overspend')
  const policy = policyOf(plan)
  let program: Program = await startProgram({ directory, policy })
  const { url } = program
  return {
    url,
    async restart() {
      await program.kill()
      program = await startProgram({ directory, policy, port: Number(new URL(url).port) })
    },
    stop: () => program.stop(),
  }
}

const nameOf = (customer: number) => `customer-${String(customer).padStart(4, '0')}`
const tierOf = (customer: number) => `limit_${customer % LIMITS.length}`
const nanoOf = (dollars: readonly number[]) => (customer: number) =>
  BigInt(Math.round((dollars[customer % dollars.length] ?? 0) * 1e9))

/** Limits and nothing else: no cheaper model, so that each call costs what it was to cost. */
function policyOf({ customers, unreachable }: Plan): string {
  const models = MODELS.map(({ group, name, kind }) => `    ${group}: { model: ${name}, mode: ${kind} }\n`)
  return [
    'tiers:\n',
    ...LIMITS.map((limit, index) => `  ${tierOf(index)}: { price_usd: 100, budget_usd: ${limit} }\n`),
    'customers:\n',
    ...Array.from({ length: customers }, (_, i) => `  - { id: ${nameOf(i)}, tier: ${tierOf(i)} }\n`),
    'budgets:\n  customer: { thresholds: [{ at: 100%, do: block }] }\n  agent: none\n  session: none\n  spend: []\n',
    `  on_unreachable: ${unreachable}\n`,
    'gateway:\n  models:\n',
    ...models,
  ].join('')
}

/** Questions a second that leave the machine room for the program. */
const PACE = 600
/** What a caller takes for one round, milliseconds: a pause and a call. */
const ROUND_MS = 10 * SECOND

/** Lets the callers of a plan use up the limits of their customers. */
export async function measure(plan: Plan, target: Target): Promise<CallersSummary> {
  const speed = Math.min(100, (PACE * ROUND_MS) / SECOND / (plan.customers * plan.callers))
  const stop = new AbortController()
  const restarts = restartAll(plan, target, speed, stop.signal)
  try {
    return await runCallers({
      url: `${target.url}/v1/decisions`,
      ingestUrl: `${target.url}/v1/sources/litellm`,
      key: null,
      customers: plan.customers,
      nameOf,
      limitOf: nanoOf(LIMITS),
      spentBefore: nanoOf(SPENT_BEFORE),
      callersPerCustomer: plan.callers,
      kinds: CALL_KINDS,
      settle: { minMs: 0, maxMs: MINUTE },
      pause: { minMs: 0, maxMs: 10 * SECOND },
      pauseRefused: { minMs: 5 * SECOND, maxMs: 30 * SECOND },
      patience: 5,
      faults: plan.faults,
      forMs: 8 * 60 * MINUTE,
      speed,
      deadlineMs: 250,
      unreachable: plan.unreachable,
      seed: 1,
      signal: AbortSignal.timeout(LONGEST_MS),
    })
  } finally {
    stop.abort()
    await restarts
  }
}

/** By the clock: a run that does not come to its end says what it saw by then. */
const LONGEST_MS = 8 * MINUTE

async function restartAll({ programKills }: Plan, target: Target, speed: number, signal: AbortSignal): Promise<void> {
  const begun = performance.now()
  for (const time of programKills) {
    await delay(Math.max(0, time / speed - (performance.now() - begun)), undefined, { signal }).catch(() => undefined)
    if (!signal.aborted) await target.restart()
  }
}

/** The goal of the worst customer, fail-closed; what else is printed has none. */
const MOST_PERCENT = 1

export function rowsOf(plan: Plan, summary: CallersSummary): BenchRow[] {
  const clean = plan.programKills.length === 0
  const count = (name: string, value: number, around: string): BenchRow =>
    figureless({ name: `${plan.name}: ${name}`, value: fixed(value, 0), spread: around })
  const { clamped, refused, worstFreeAtRefusal: free } = summary
  const freest = free ? `at most ${percent(free.freeRatio)} free` : 'no refusal'
  const which = summary.falseBlocksOf.map(({ kind, limit, count }) => `${count} ${kind} of $${limit / 1e9}`)
  return [
    ...LIMITS.map((limit, index) => overspendRow({ plan, summary, limit, tier: tierOf(index) })),
    withGoal(
      count(
        `false blocks of ${fixed(refused, 0)} refusals`,
        summary.falseBlocksUnsettled,
        [freest, ...which].join(', '),
      ),
      clean ? '0' : '',
    ),
    count('the same, calls without a record not seen as under way', summary.falseBlocks, ''),
    count('answers cut shorter', clamped, `${percent(summary.clampedShare)} of ${fixed(summary.answered, 0)}`),
    count(
      'calls without a decision',
      summary.undecided,
      `${fixed(summary.refusedUnreachable, 0)} refused for want of one`,
    ),
    count('calls paid for and never heard of', summary.lost, ''),
    ...askRows(plan, summary),
  ]
}

interface OverspendOf {
  readonly plan: Plan
  readonly summary: CallersSummary
  readonly limit: number
  readonly tier: string
}

function overspendRow({ plan, summary, limit, tier }: OverspendOf): BenchRow {
  const own = summary.customers.filter((_, index) => tierOf(index) === tier)
  const over = own.map((one) => (Number(one.spent - one.limit) / Number(one.limit)) * 100)
  const worst = Math.max(...over)
  const name = `${plan.name}: worst customer of $${limit}`
  const around = `${own[over.indexOf(worst)]?.customer}; least ${fixed(Math.min(...over), 2)} %`
  const goal = plan.unreachable === 'block' ? { goal: { most: MOST_PERCENT } } : {}
  return valueRow({ name, unit: '%', decimals: 2, ...goal }, worst, around)
}

function askRows({ name }: Plan, { askP50Ms, askP99Ms, asked }: CallersSummary): BenchRow[] {
  if (askP50Ms === null || askP99Ms === null) return []
  const figure = { name: `${name}: from question to answer, p99`, unit: 'ms', decimals: 1 }
  return [{ ...figureRow(figure, [askP99Ms]), spread: `p50 ${fixed(askP50Ms, 1)}, ${fixed(asked, 0)} asked` }]
}

function figureless(row: Pick<BenchRow, 'name' | 'value' | 'spread'>): BenchRow {
  return { ...row, goal: '', aim: '', ok: true }
}

function withGoal(row: BenchRow, goal: string): BenchRow {
  return goal === '' ? row : { ...row, goal, ok: row.value === goal }
}

function percent(share: number): string {
  return `${fixed(share * 100, 1)} %`
}
