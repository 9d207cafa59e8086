/**
 * npm run bench [-- NAME… --quick --large --write]: runs all benches, or those that are named, one after the other. All of them
 * write `bench/RESULTS.md`, some of them their parts of it, with --write. A goal that is not met is shown and is no failure; the
 * exit code is 1 when a bench could not be run.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { BENCHES, type BenchEntry } from './benches.ts'
import type { Outcome } from './one.ts'
import { type Ran, resultsPage, section, updatedPage } from './results.ts'
import { load, yardstick } from './support/machine.ts'
import type { Setting } from './support/setting.ts'

const ONE = fileURLToPath(new URL('./one.js', import.meta.url))
/** Beside the sources: this file runs from `dist`. */
const RESULTS = fileURLToPath(new URL('../RESULTS.md', import.meta.url))
/** A bench that takes longer is ended, unless it says that it may; on a quiet machine the others take a quarter of it at most. */
const LONGEST_MINUTES = 30

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      large: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  })
  const unknown = positionals.filter((name) => !BENCHES.some((bench) => bench.name === name))
  if (unknown.length > 0) {
    say(`No bench is called ${unknown.join(', ')}. There are: ${BENCHES.map(({ name }) => name).join(', ')}\n`)
    return 1
  }
  const scratch = await mkdtemp(join(tmpdir(), 'marginwatch-bench-'))
  try {
    const chosen = BENCHES.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
    const began = new Date()
    const ran = await runAll(chosen, { ...values, scratch })
    if (ran === null) {
      say('Stopped; nothing was written.\n')
      return 1
    }
    if (positionals.length === 0) {
      const command = ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' ')
      await writeFile(RESULTS, resultsPage({ command, quick: values.quick, began, ran }))
      say(`\nWritten to bench/RESULTS.md\n`)
    } else if (values.write) {
      const names = BENCHES.map(({ name }) => name)
      await writeFile(RESULTS, updatedPage(await readFile(RESULTS, 'utf8'), ran, names))
      say(`\nTheir parts of bench/RESULTS.md are written\n`)
    }
    return ran.some(({ outcome }) => 'failure' in outcome) ? 1 : 0
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** Null when it was told to stop. */
async function runAll(chosen: readonly BenchEntry[], setting: Setting): Promise<Ran[] | null> {
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort())
  const ran: Ran[] = []
  for (const [index, entry] of chosen.entries()) {
    say(`[${index + 1}/${chosen.length}] ${entry.name}: ${entry.title} … `)
    const before = { began: new Date(), load: load(), yardstick: yardstick() }
    const started = performance.now()
    const outcome = await runOne(entry, setting, stop.signal)
    if (stop.signal.aborted) return null
    const done = { entry, outcome, seconds: (performance.now() - started) / 1_000, ...before }
    ran.push(done)
    say(`${done.seconds.toFixed(0)} s\n${section(done).slice(4).join('\n')}\n\n`)
    if ('failure' in outcome) say(`${outcome.failure}\n\n`)
  }
  return ran
}

/** In a process group of its own, so that whatever it started ends with it. */
async function runOne(
  { name, longestMinutes = LONGEST_MINUTES }: BenchEntry,
  setting: Setting,
  stopped: AbortSignal,
): Promise<Outcome> {
  const child = fork(ONE, [name, JSON.stringify(setting)], { detached: process.platform !== 'win32' })
  const limit = AbortSignal.timeout(longestMinutes * 60_000)
  const signal = AbortSignal.any([stopped, limit])
  const end = () => endGroup(child)
  signal.addEventListener('abort', end, { once: true })
  try {
    return await outcomeOf(child, limit, longestMinutes)
  } finally {
    signal.removeEventListener('abort', end)
    endGroup(child)
  }
}

function outcomeOf(child: ChildProcess, limit: AbortSignal, minutes: number): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    let outcome: Outcome | null = null
    child.once('message', (message) => {
      outcome = message as Outcome
    })
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      const why = limit.aborted ? `it was ended after ${minutes} minutes` : `its process ended with ${code ?? signal}`
      resolve(outcome ?? { failure: why })
    })
  })
}

/** Ends what is left of a bench's processes; on Windows only the bench itself. */
function endGroup(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    if (process.platform === 'win32') child.kill('SIGKILL')
    else process.kill(-child.pid, 'SIGKILL')
  } catch (cause) {
    // Nobody is left in the group: that is how it should be.
    if ((cause as NodeJS.ErrnoException).code !== 'ESRCH') throw cause
  }
}

function say(text: string): void {
  process.stdout.write(text)
}
