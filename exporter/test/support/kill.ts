import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { cp, rm, writeFile } from 'node:fs/promises'
import { Rng } from '@marginwatch/sandbox'
import { hashKey, storedKey } from '../../src/ledger/key.ts'
import type { RowReader } from '../../src/ledger/ledger.ts'
import { type Batch, post, startLoad } from './clients.ts'
import { scratch } from './ledger.ts'
import { launchProgram, type Program, startProgram } from './program.ts'
import { fallen, type Page, scrape } from './scrape.ts'
import { countersBySql, differences, readLedger } from './sql-truth.ts'
import { type Varied, varied } from './varied.ts'

export interface KillOptions {
  readonly rounds: number
  /** What is sent, and when it is killed, follows from it. */
  readonly seed?: number
  readonly clients?: number
  readonly onRound?: (round: KillRound) => void
}

/** What happened in a round. */
export interface KillRound {
  readonly round: number
  /** Milliseconds from the first acknowledgement to the kill. */
  readonly killedAfterMs: number
  /** Where else it was killed. */
  readonly also: 'starting' | 'stopping' | null
  readonly acknowledgedEvents: number
  /** All events in the ledger at its end. */
  readonly events: number
}

/**
 * Kills the built program with SIGKILL at random moments under load, again and again on the same data. After each kill it is
 * started again and must hold, else this rejects with what it found: every acknowledged event once, with its cost and
 * customer; nothing that was not sent; nothing twice; `/metrics` equal to SQL on the file; no counter lower than it was last
 * seen before the kill.
 */
export async function killRounds({ rounds, seed = 1, clients = 4, onRound }: KillOptions): Promise<void> {
  const { path, remove } = await scratch()
  const policy = join(path, 'policy.yaml')
  await writeFile(policy, 'version: 1\nserver: { port: 0 }\n')
  const data = join(path, 'data')
  const args = ['serve', '--no-demo', '--config', policy, '--data', data, '--log-level', 'warn']
  let running = await startProgram({ args })
  const start = async (): Promise<Program> => {
    running = await startProgram({ args })
    return running
  }
  const trial: Trial = {
    args,
    start,
    running: () => running,
    path,
    data,
    calls: varied(seed, Date.now()),
    clients,
    rng: new Rng(seed, 77),
    seed,
    next: 0,
    sure: new Set(),
    again: [],
  }
  try {
    for (let round = 1; round <= rounds; round++) onRound?.(await oneRound(trial, round))
    await everythingAgain(trial)
  } finally {
    await running.kill()
    await remove()
  }
}

interface Trial {
  readonly args: readonly string[]
  /** Starts the program on the same data. */
  readonly start: () => Promise<Program>
  /** The program that was started last. */
  readonly running: () => Program
  readonly path: string
  /** Where the program has its ledger. */
  readonly data: string
  readonly calls: Varied
  readonly clients: number
  readonly rng: Rng
  readonly seed: number
  /** Number of the first call that was never sent. */
  next: number
  /** Numbers of the calls that were acknowledged. */
  readonly sure: Set<number>
  /** Batches without an answer, to be sent again. */
  again: readonly Batch[]
}

async function oneRound(trial: Trial, round: number): Promise<KillRound> {
  const where = `seed ${trial.seed}, round ${round}`
  const also = round % 4 === 2 ? 'starting' : round % 4 === 0 ? 'stopping' : null
  const { before, acknowledged, killedAfterMs } = await loadAndKill(trial, round)
  // As the kill left it: opening a ledger mends it, and that is for the program to do.
  const copy = join(trial.path, 'as-killed')
  await copyFiles(trial.data, copy)
  if (also === 'starting') await killWhileStarting(trial)

  const program = await trial.start()
  const page = await scrape(program.url)
  assert.deepEqual(fallen(before, page), [], `${where}: counters fell`)
  const events = await readLedger(copy, (rows) => check(rows, { trial, page, where }))
  await sendAgain(program, trial.calls, acknowledged, where)
  const last = await scrape(program.url)
  assert.deepEqual(fallen(page, last), [], `${where}: counters fell without a restart`)
  if (also === 'stopping') await stopAndKill(program, { trial, page: last, where })
  return { round, killedAfterMs, also, acknowledgedEvents: new Set(acknowledged.flat()).size, events }
}

/** Kills it in the middle of a stop, and then lets it stop; what the file says must be what was shown before. */
async function stopAndKill(program: Program, { trial, page, where }: Expected): Promise<void> {
  program.signal('SIGTERM')
  await pause(trial.rng.between(0, 60))
  await program.kill()
  const next = await trial.start()
  assert.equal(await next.stop(), 0, `${where}: no clean stop:\n${next.output()}`)
  await readLedger(trial.data, (rows) => check(rows, { trial, page, where }))
  await trial.start()
}

interface Expected {
  readonly trial: Trial
  readonly page: Page
  readonly where: string
}

/** Loads a program until it is killed; returns the last whole page that was seen before. */
async function loadAndKill(trial: Trial, round: number) {
  const program = trial.running()
  const { calls, clients, next, again, rng } = trial
  const load = startLoad({ url: program.url, calls, clients, seed: trial.seed * 1000 + round, from: next, again })
  let before = await scrape(program.url)
  const watching = (async () => {
    for (;;) before = await scrape(program.url)
  })().catch((error: unknown) => {
    if (!(error instanceof TypeError)) throw error
  })
  const killedAfterMs = Math.round(rng.between(100, 1500))
  await Promise.race([load.begun, load.over])
  // Neither ends before the kill, unless something is wrong.
  await Promise.race([pause(killedAfterMs), load.over, watching])
  await program.kill()
  await Promise.all([load.over, watching])
  trial.next = load.next()
  trial.again = load.unanswered
  for (const batch of load.acknowledged) for (const n of batch) trial.sure.add(n)
  return { before, acknowledged: load.acknowledged, killedAfterMs }
}

async function killWhileStarting({ args, rng }: Trial): Promise<void> {
  const program = launchProgram({ args })
  await pause(rng.between(50, 900))
  await program.kill()
}

/** Nothing that was acknowledged may be new. */
async function sendAgain({ url }: Program, calls: Varied, batches: readonly Batch[], where: string): Promise<void> {
  for (const batch of batches) {
    const { accepted, duplicates, conflicts, refusedCount } = await post(url, calls, batch)
    const expected = { accepted: 0, duplicates: batch.length, conflicts: 0, refusedCount: 0 }
    assert.deepEqual({ accepted, duplicates, conflicts, refusedCount }, expected, `${where}: sent again`)
  }
}

/** In the end, all that was ever acknowledged, and all that never had an answer, is sent once more. */
async function everythingAgain(trial: Trial): Promise<void> {
  const program = trial.running()
  const where = `seed ${trial.seed}, at the end`
  await sendAgain(program, trial.calls, pieces([...trial.sure], 500), where)
  for (const batch of trial.again) {
    await post(program.url, trial.calls, batch)
    for (const n of batch) trial.sure.add(n)
  }
  const page = await scrape(program.url)
  assert.equal(await program.stop(), 0, program.output())
  const events = await readLedger(trial.data, (rows) => check(rows, { trial, page, where }))
  assert.equal(events, trial.next, `${where}: every call that was ever sent is one event`)
}

/** Compares the file with what was sent, and the page with the file; returns how many events the file holds. */
async function check(rows: RowReader, { trial, page, where }: Expected): Promise<number> {
  assert.deepEqual(differences(page, await countersBySql(rows)), [], `${where}: the page differs from SQL`)
  const kept = await rows('SELECT k, k2, customer, cost FROM event')
  const byKey = new Map(kept.map((row) => [storedKey(row.k as bigint, row.k2 as bigint), row]))
  assert.equal(byKey.size, kept.length, `${where}: an event is there twice`)
  for (let n = 0; n < trial.next; n++) {
    const { high, low } = hashKey(trial.calls.key(n))
    const row = byKey.get(storedKey(high, low))
    if (!row) {
      assert.ok(!trial.sure.has(n), `${where}: call ${n} was acknowledged and is lost`)
      continue
    }
    byKey.delete(storedKey(high, low))
    const { customer, cost } = trial.calls.call(n)
    assert.equal(row.customer, customer ?? 'unattributed', `${where}: customer of call ${n}`)
    assert.equal(row.cost, cost ?? 0n, `${where}: cost of call ${n}`)
  }
  assert.deepEqual([...byKey.keys()], [], `${where}: events that nobody sent`)
  return kept.length
}

function pieces<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size))
}

async function copyFiles(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true })
  await cp(from, to, { recursive: true })
}
