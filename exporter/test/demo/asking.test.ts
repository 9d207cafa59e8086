import { setTimeout as delay } from 'node:timers/promises'
import { CAST } from '@marginwatch/sandbox'
import pino from 'pino'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Scripted, startScripted } from '../../../sandbox/test/scripted.ts'
import { keepPrices } from '../../src/app/prices.ts'
import { type Demo, startDemo, THROUGH } from '../../src/demo.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { readPolicy } from '../../src/policy/read.ts'
import { eventually } from '../support/eventually.ts'
import { openLedger, scratch } from '../support/ledger.ts'

const log = pino({ level: 'silent' })
const begun = Date.now()
/** A Wednesday afternoon, when all of the cast are at work, going on from there. */
const now = () => Date.parse('2026-11-18T16:00:00Z') + Date.now() - begun
let folder: Awaited<ReturnType<typeof scratch>>
let ledger: Ledger
/** In the place of the exporter. */
let scripted: Scripted
let demo: Demo | null = null

beforeAll(async () => {
  folder = await scratch()
  ledger = await openLedger(folder.path, now)
  scripted = await startScripted()
})
afterAll(async () => {
  await demo?.close()
  await scripted.close()
  await ledger.close()
  await folder.remove()
})

function policyAt(port: number): Policy {
  const { policy, problems } = readPolicy(`server: { port: ${port} }`, { file: 'policy.yaml', env: {} })
  if (!policy) throw new Error(JSON.stringify(problems))
  return policy
}

it('sets the limits of its cast once there is history, says so, and then asks before each of their calls', async () => {
  const told: Policy[] = []
  const started = await startDemo({
    policy: policyAt(Number(new URL(scripted.url).port)),
    speed: 1,
    now,
    // Nobody waits long: what takes a minute is over in two seconds.
    sleep: (ms, signal) => delay(ms / 30, undefined, { signal }).catch(() => undefined),
    progress: { start: () => undefined, to: () => undefined, stop: () => undefined },
    onPolicy: () => void (demo && told.push(demo.current())),
  })
  demo = started
  const before = started.current()
  await ledger.remember(THROUGH, String(now() - 6 * 3_600_000))
  const prices = keepPrices({ policy: started.current, log, now })
  await started.prepare({ ledger, policy: started.current, prices }, new AbortController().signal)
  const after = started.current()
  expect(told).toEqual([after])
  expect(after.budgets.customers[CAST.warned.customer]).toBeGreaterThan(
    before.budgets.customers[CAST.warned.customer] ?? 0n,
  )

  started.live()
  await eventually('a question for each of the cast', () => {
    const asked = new Set(scripted.questions.map(({ record }) => record.end_user))
    return Object.values(CAST).every(({ customer }) => asked.has(customer)) ? true : null
  })
  const key = `Bearer ${after.server.keys.gateway}`
  expect(scripted.headers.filter(({ authorization }) => authorization !== key)).toEqual([])
  const agents = scripted.questions.map(({ record }) => agentOf(record))
  expect(agents).toEqual(expect.arrayContaining([CAST.paused.agent, CAST.runaway.agent]))
  // Of what was brought in as history nothing was asked: the ledger has it already.
  const history = await ledger.query('customers', { from: 0, to: 1_000_000, limit: 1_000 })
  expect(history.reduce((sum, { calls }) => sum + Number(calls), 0)).toBeGreaterThan(scripted.questions.length)
})

function agentOf(record: Readonly<Record<string, unknown>>): unknown {
  const { requester_metadata } = record.metadata as { requester_metadata?: { agent_id?: string } }
  return requester_metadata?.agent_id
}
