/**
 * The program with a source of its own inside: appends so many events a second to its ledger, because no gateway is needed
 * to see whether the program stays responsive. Started by `startProgram` as `fed.js DIRECTORY POLICY RATE CUSTOMERS`.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { startApp } from '@marginwatch/exporter/app'
import type { Ledger } from '@marginwatch/exporter/ledger/ledger'
import { readPolicy } from '@marginwatch/exporter/policy/read'
import type { Usage } from '@marginwatch/exporter/usage'
import { pino } from 'pino'
import { createEvents } from './events.ts'

const TICK = 10
/** Events of one turn at most: a program that is late must not be asked for more and more. */
const MOST = 2_000
const POOL = 50_000
const DAY = 86_400_000

const [directory = '', file = '', rate = '0', customers = '1000'] = process.argv.slice(2)
const stop = new AbortController()
process.once('SIGTERM', () => stop.abort())

const { policy, problems } = readPolicy(readFileSync(file, 'utf8'), { file, env: {} })
if (policy === undefined) throw new Error(problems.map(({ message }) => message).join('\n'))
const app = await startApp({
  policy: { current: () => policy, lastReload: () => ({ ok: true, problems: [] }), onChange: () => undefined },
  directory,
  demo: false,
  log: pino({ level: 'warn' }, { write: (line: string) => void process.stderr.write(line) }),
  now: Date.now,
  random: Math.random,
  sleep: (ms, signal) => delay(ms, undefined, { signal }).catch(() => undefined),
})
process.stdout.write(`listens at ${app.url}\n`)
await feed(app.ledger)
await app.close()

/** What is due since the last turn, up to a bound; what the program or the ledger is too late for is dropped. */
async function feed(ledger: Ledger): Promise<void> {
  const next = createFeed(Date.now())
  const begun = performance.now()
  let seen = 0
  while (!stop.signal.aborted) {
    const due = Math.floor(((performance.now() - begun) * Number(rate)) / 1000)
    const count = Math.min(due - seen, MOST)
    if (count > 0) ledger.append(Array.from({ length: count }, next)).catch(() => undefined)
    seen = due
    await delay(TICK, undefined, { signal: stop.signal }).catch(() => undefined)
  }
}

/** New events at hardly any cost, so that it is the program that is watched: old ones with new keys. */
function createFeed(from: number): () => Usage {
  const made = createEvents({ seed: from, from: from - DAY, to: from, count: POOL, customers: Number(customers) })
  const pool = Array.from({ length: POOL }, made.next)
  let given = 0
  return () => {
    const event = pool[given % POOL] as Usage
    return { ...event, key: `fed:${from}:${given++}`, start: Date.now() }
  }
}
