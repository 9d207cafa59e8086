import type { Logger } from 'pino'
import type { Calendar } from '../calendar.ts'
import { type Every, every } from '../every.ts'
import { createSessionCloser } from '../ledger/closing.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Policy } from '../policy/policy.ts'
import { takeBackDoubles } from './doubles.ts'
import type { PriceKeeper } from './prices.ts'
import { reprice } from './repricing.ts'

export interface UpkeepDeps {
  readonly ledger: Ledger
  /** Reads what was recorded lately, before retention may fold it away. */
  readonly beforeRetiring: () => Promise<void>
  readonly calendar: Calendar
  readonly policy: () => Policy
  readonly prices: PriceKeeper
  readonly log: Logger
  readonly now: () => number
  /** Readers of the ledger whose memory is made anew, and how often. */
  readonly refresh: readonly { readonly name: string; readonly ms: number; readonly run: () => Promise<void> }[]
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** What is done again and again while the program runs. */
export function startUpkeep(deps: UpkeepDeps): Every {
  const { ledger, policy, prices, log, now } = deps
  const stop = new AbortController()
  const closeSessions = createSessionCloser(ledger, policy().sessions.idleMs)
  const turns = [
    ...deps.refresh,
    { name: 'closing idle sessions', ms: MINUTE / 2, run: () => closeSessions(now()) },
    { name: 'retention', ms: HOUR, run: () => retireOld(deps) },
    { name: 'pricing calls that had no price', ms: MINUTE, run: () => priceLate(deps, stop.signal) },
    { name: 'taking back what was counted twice', ms: MINUTE / 2, run: () => singleOut(deps, stop.signal) },
    { name: "reading LiteLLM's prices", ms: 6 * HOUR, run: () => prices.refresh(stop.signal) },
  ].map(({ name, ms, run }) => every(ms, run, complain(log, name)))
  return {
    async close() {
      stop.abort()
      await Promise.all(turns.map((turn) => turn.close()))
    },
  }
}

async function retireOld({ ledger, calendar, policy, now, beforeRetiring }: UpkeepDeps): Promise<void> {
  const { retentionMs } = policy().ledger
  if (retentionMs === null) return
  await beforeRetiring()
  await ledger.retire(calendar.day(now() - retentionMs))
}

async function priceLate({ ledger, prices, log }: UpkeepDeps, signal: AbortSignal): Promise<void> {
  const calls = await reprice(ledger, prices.current(), signal)
  if (calls > 0) log.info({ calls }, 'calls that had no price were priced')
}

async function singleOut({ ledger, policy, log }: UpkeepDeps, signal: AbortSignal): Promise<void> {
  if (policy().sources.langfuse.length === 0) return
  const calls = await takeBackDoubles(ledger, signal)
  if (calls > 0)
    log.info({ calls }, 'calls that Langfuse told of were taken back: the gateway has told of them by itself')
}

/** A failure is said once until it changes: most come from the ledger, which says itself how it is. */
function complain(log: Logger, name: string): (cause: unknown) => void {
  let said = ''
  return (cause) => {
    const text = cause instanceof Error ? cause.message : String(cause)
    if (text === said) return
    said = text
    log.warn({ reason: text }, `${name} failed; it is tried again`)
  }
}
