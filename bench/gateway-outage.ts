/**
 * Callers of a real LiteLLM while the program is away for a minute, is killed, and LiteLLM itself is stopped and started again.
 * LiteLLM's own callback runs in the same proxy and posts to a program of its own, which is away at the same times. Each try
 * of a caller is another customer, so the ledgers say which calls they hold.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { startUpstream } from '@marginwatch/sandbox'
import { type BenchRow, fixed } from './row.ts'
import type { Later } from './support/cleanup.ts'
import { createClient } from './support/client.ts'
import { counted } from './support/counted.ts'
import { type Gateway, question, startFiled, withGateways } from './support/gateway.ts'
import { startProgram } from './support/program.ts'
import { folder, type Setting } from './support/setting.ts'
import { openLedger } from './support/store.ts'

const CALLERS = 16
/** As long as a short answer of a provider: the callers load the machine, but do not fill it. */
const FIRST_MS = 300

/** Milliseconds: how long the program is away, how long all is well before and after each fault, when it is over. */
interface Times {
  readonly away: number
  readonly well: number
  /** Nothing more will come: longer than the longest pause of both senders. */
  readonly silence: number
}

const FULL: Times = { away: 60_000, well: 20_000, silence: 45_000 }
const QUICK: Times = { away: 5_000, well: 5_000, silence: 15_000 }

export function run(setting: Setting): Promise<BenchRow[]> {
  const times = setting.quick ? QUICK : FULL
  return withGateways(async (support, later) => {
    const upstream = await startUpstream()
    later(upstream.close)
    const ours = await startReceiver(setting, later)
    const theirs = await startReceiver(setting, later)
    const directory = await folder(setting, 'gateway-outage')
    const beside = { beside: genericApi(theirs.url) }
    const proxy = await startFiled(support, { upstream: upstream.url, exporter: ours.url, directory, beside })
    later(proxy.close)
    const calls = startCalls(proxy)
    later(calls.stop)
    await outage({ receivers: [ours, theirs], proxy, times })
    await calls.stop()
    await untilSilent([ours, theirs], times.silence)
    await proxy.stop()
    return rowsOf(calls, await ours.customers(), await theirs.customers())
  })
}

/** LiteLLM's own callback with the retries that our documentation asks for. */
function genericApi(url: string): object {
  return {
    callback_type: 'generic_api',
    endpoint: `${url}/v1/sources/litellm`,
    headers: { 'X-Sent-By': 'litellm' },
    max_retries: 5,
    retry_delay: 1,
  }
}

/** The program behind an address that stays when it is started again. */
interface Receiver {
  readonly url: string
  start(): Promise<void>
  stop(): Promise<void>
  kill(): Promise<void>
  /** Calls that it counts. */
  counted(): Promise<number>
  /** The customer of each call in the ledger; stops it for good. */
  customers(): Promise<string[]>
}

async function startReceiver(setting: Setting, later: Later): Promise<Receiver> {
  const directory = await folder(setting, 'gateway-outage')
  let program = await startProgram({ directory })
  const { url } = program
  const client = createClient(url)
  later(() => program.stop())
  later(async () => client.close())
  return {
    url,
    async start() {
      program = await startProgram({ directory, port: Number(new URL(url).port) })
    },
    stop: () => program.stop(),
    kill: () => program.kill(),
    counted: () => counted(client),
    async customers() {
      await program.stop()
      return customersIn(directory)
    },
  }
}

async function customersIn(directory: string): Promise<string[]> {
  const ledger = await openLedger(directory)
  try {
    const { state } = await ledger.snapshot((rows) =>
      rows("SELECT customer FROM usage_event WHERE status = 'success' ORDER BY seq"),
    )
    return state.map(({ customer }) => String(customer))
  } finally {
    await ledger.close()
  }
}

interface Calls {
  /** The customers that got an answer. */
  readonly answered: readonly string[]
  /** How many got none. */
  unanswered(): number
  /** Lets those under way end. */
  stop(): Promise<unknown>
}

function startCalls(proxy: Gateway): Calls {
  const answered: string[] = []
  let stopped = false
  let tries = 0
  const caller = async () => {
    while (!stopped) {
      const user = `customer-${tries++}`
      if (await isAnswered(proxy, question(FIRST_MS, { user }))) answered.push(user)
      // It is away: as often as this a client would try again.
      else await delay(200)
    }
  }
  const over = Promise.all(Array.from({ length: CALLERS }, caller))
  return {
    answered,
    unanswered: () => tries - answered.length,
    stop() {
      stopped = true
      return over
    },
  }
}

function isAnswered(proxy: Gateway, body: object): Promise<boolean> {
  return proxy.call('/v1/chat/completions', body).then(
    () => true,
    () => false,
  )
}

interface Outage {
  readonly receivers: readonly Receiver[]
  readonly proxy: Gateway
  readonly times: Times
}

async function outage({ receivers, proxy, times }: Outage): Promise<void> {
  const all = (what: (receiver: Receiver) => Promise<void>) => Promise.all(receivers.map(what))
  await delay(times.well)
  await all((one) => one.stop())
  await delay(times.away)
  await all((one) => one.start())
  await delay(times.well)
  await all((one) => one.kill())
  await all((one) => one.start())
  await delay(times.well)
  await proxy.restart()
  await delay(times.well)
}

/** Resolves when none of the programs has counted a further call for so many milliseconds. */
async function untilSilent(receivers: readonly Receiver[], silence: number): Promise<void> {
  let before = ''
  for (let since = performance.now(); performance.now() - since < silence; ) {
    await delay(1_000)
    const now = (await Promise.all(receivers.map((one) => one.counted()))).join()
    if (now !== before) since = performance.now()
    before = now
  }
}

function rowsOf(calls: Calls, ours: readonly string[], theirs: readonly string[]): BenchRow[] {
  const { answered } = calls
  const unanswered = `${fixed(calls.unanswered(), 0)} got no answer`
  const row = (name: string, value: number, around: string) => ({
    ...{ name, value: fixed(value, 0), spread: around, goal: '', aim: '', ok: true },
  })
  const none = (one: BenchRow): BenchRow => ({ ...one, goal: '0', ok: one.value === '0' })
  const file = compare(answered, ours)
  const generic = compare(answered, theirs)
  const beyond = (count: number) => `${fixed(count, 0)} more whose caller got no answer`
  return [
    row(`calls that ${CALLERS} callers got an answer to`, answered.length, unanswered),
    row('by the file: in the ledger', file.held, beyond(file.beyond)),
    none(row('by the file: lost', file.lost, shareOf(file.lost, answered.length))),
    none(row('by the file: twice', file.twice, '')),
    row('by generic_api: in the ledger', generic.held, beyond(generic.beyond)),
    row('by generic_api: lost', generic.lost, shareOf(generic.lost, answered.length)),
    row('by generic_api: twice', generic.twice, ''),
  ]
}

function shareOf(part: number, whole: number): string {
  return `${fixed((part / whole) * 100, 1)} %`
}

/** Calls that were answered and are held or lost, customers with more than one call, and calls beyond those answered. */
function compare(answered: readonly string[], ledger: readonly string[]) {
  const held = new Set(ledger)
  const lost = answered.filter((one) => !held.has(one)).length
  return {
    held: answered.length - lost,
    lost,
    twice: ledger.length - held.size,
    beyond: held.size - (answered.length - lost),
  }
}
