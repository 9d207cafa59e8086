import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { createCalendar } from '../../src/calendar.ts'
import { type Ledger, LedgerUnavailable } from '../../src/ledger/ledger.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { readPolicy } from '../../src/policy/read.ts'
import { openRoster, type Roster } from '../../src/roster/open.ts'
import type { Entry } from '../../src/usage.ts'
import { errorHandler } from '../../src/http/errors.ts'
import type { Listening } from '../../src/http/server.ts'
import { serve } from '../support/http.ts'
import { openLedger, scratch } from '../support/ledger.ts'

/** Noon of 22 November 2026, UTC. */
export const NOW = Date.UTC(2026, 10, 22, 12)
export const NOVEMBER = Date.UTC(2026, 10, 1)
export const OCTOBER = Date.UTC(2026, 9, 15)
export const TODAY = Date.UTC(2026, 10, 22)

/** A roster on a ledger of its own, with a policy, a file and a LiteLLM that the test sets. */
export interface Stage {
  now: number
  /** The tiers that LiteLLM names; null while it is not read. */
  litellm: ReadonlyMap<string, string> | null
  /** The roster cannot write into the ledger. */
  refuse: boolean
  readonly roster: Roster
  readonly ledger: Ledger
  readonly logged: readonly { readonly level: number; readonly msg: string }[]
  /** Puts a policy into force and waits until the ledger says the same. `text` follows the tiers. */
  policy(text: string): Promise<void>
  /** Writes the file of customers, without waiting for it to be seen. */
  file(text: string): Promise<void>
  /** Ends the roster and the ledger, and opens both again, perhaps under another policy. */
  restart(policy?: string): Promise<void>
  /** Another one that follows the same ledger, perhaps with other files. */
  another(policy?: string): Promise<Roster>
  append(...entries: Entry[]): Promise<void>
  /** The address of the endpoints. */
  serve(): Promise<string>
  close(): Promise<void>
}

export const TIERS = 'tiers: { tier_1: { price_usd: 49 }, tier_2: { price_usd: 99 } }\n'

export async function openStage(
  text = '',
  options: { zone?: string; most?: number; keys?: string } = {},
): Promise<Stage> {
  const folder = await scratch()
  const zone = options.zone ?? 'UTC'
  const calendar = createCalendar(zone)
  const logged: { level: number; msg: string }[] = []
  const log = pino({ base: null }, { write: (line: string) => void logged.push(JSON.parse(line)) })
  let policy = policyOf(text)
  let roster: Roster
  let ledger: Ledger
  let served: Listening | null = null
  const others: Roster[] = []
  const errors: unknown[] = []
  function policyOf(blocks: string): Policy {
    const env = { R: 'reader', A: 'admin', I: 'ingest', G: 'gateway' }
    const whole = `timezone: ${zone}\n${blocks.includes('tiers:') ? '' : TIERS}${blocks}`
    const { policy: read, problems } = readPolicy(whole, { file: join(folder.path, 'policy.yaml'), env })
    if (!read) throw new Error(JSON.stringify(problems))
    return read
  }
  const start = (own?: Policy) =>
    openRoster({
      ledger: { ...ledger, append },
      calendar,
      policy: () => own ?? policy,
      litellm: () => stage.litellm,
      nameOf: (id) => (id.includes('@') ? `hash:${id.length}` : id),
      keys: () => policy.server.keys,
      loopback: true,
      log,
      now: () => stage.now,
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          const wake = () => {
            clearTimeout(timer)
            signal.removeEventListener('abort', wake)
            resolve()
          }
          const timer = setTimeout(wake, Math.min(ms, 20))
          signal.addEventListener('abort', wake)
        }),
      ...(options.most === undefined ? {} : { most: options.most }),
    })
  const append: Ledger['append'] = (entries) =>
    stage.refuse ? Promise.reject(new LedgerUnavailable('the test says so')) : ledger.append(entries)
  const open = async () => {
    ledger = await openLedger(folder.path, () => stage.now, { calendar })
    roster = await start()
  }
  const shut = async () => {
    for (const other of others.splice(0)) await other.close()
    await roster.close()
    await ledger.close()
  }
  const stage: Stage = {
    now: NOW,
    litellm: null,
    refuse: false,
    get roster() {
      return roster
    },
    get ledger() {
      return ledger
    },
    logged,
    async policy(blocks) {
      policy = policyOf(blocks)
      await roster.renew()
    },
    file: (content) => writeFile(join(folder.path, 'customers.csv'), content),
    async restart(blocks) {
      await shut()
      if (blocks !== undefined) policy = policyOf(blocks)
      await open()
    },
    async another(blocks) {
      const other = await start(blocks === undefined ? undefined : policyOf(blocks))
      others.push(other)
      return other
    },
    async append(...entries) {
      await ledger.append(entries)
      await roster.sweep()
    },
    async serve() {
      served ??= await serve((app) =>
        app.use((...args) => roster.routes(...args)).use(errorHandler({ log: (error) => errors.push(error) })),
      )
      return served.url
    },
    async close() {
      await served?.close()
      if (errors.length > 0) throw errors[0]
      await shut()
      await folder.remove()
    },
  }
  await open()
  return stage
}
