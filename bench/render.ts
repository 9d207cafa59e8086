/**
 * What a scrape costs: CPU time of rendering the same series by our writer and by prom-client, asked in turn in one run, every
 * value changed before each. The ratio holds on a loaded machine; the milliseconds do not.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type Asked, CONTENDERS, type ContenderName, type Measured, serve } from './contenders.ts'
import { type BenchRow, median, print, spread } from './row.ts'

const RUNS = 9
const WARM_UPS = 4
const SIZES = [
  { size: 1_000, repeats: 40 },
  { size: 10_000, repeats: 6 },
  { size: 100_000, repeats: 1 },
]

/** Measures all sizes; half a minute. */
export async function run(): Promise<BenchRow[]> {
  const rows: BenchRow[] = []
  for (const { size, repeats } of SIZES) rows.push(...rowsOf(size, await measure(size, repeats)))
  return rows
}

type Results = Readonly<Record<ContenderName, Measured[]>>

async function measure(size: number, repeats: number): Promise<Results> {
  const results: Results = { ours: [], 'ours with money → text': [], 'prom-client': [] }
  const children = CONTENDERS.map((name) => start(name, size))
  try {
    for (let turn = 0; turn < WARM_UPS + RUNS; turn++) {
      for (const { name, ask } of children) {
        const measured = await ask({ turn, repeats })
        if (turn >= WARM_UPS) results[name].push(measured)
      }
    }
  } finally {
    for (const { child } of children) child.disconnect()
  }
  return results
}

interface Child {
  readonly name: ContenderName
  readonly child: ChildProcess
  ask(asked: Asked): Promise<Measured>
}

function start(name: ContenderName, size: number): Child {
  const child = fork(fileURLToPath(import.meta.url), [CONTENDER, name, String(size)], { execArgv: ['--expose-gc'] })
  const ended = new Promise<never>((_, reject) => {
    child.once('exit', (code) => reject(new Error(`contender ${name} ended with ${code} before it answered`)))
  })
  ended.catch(() => {})
  return {
    name,
    child,
    ask: (asked) => {
      const answer = new Promise<Measured>((resolve) =>
        child.once('message', (message) => resolve(message as Measured)),
      )
      child.send(asked)
      return Promise.race([answer, ended])
    },
  }
}

function rowsOf(size: number, results: Results): BenchRow[] {
  const label = `${size.toLocaleString('en')} series`
  const theirs = results['prom-client']
  const stalls = results.ours.map(({ stall }) => stall)
  return [
    ratioRow(`${label}: prom-client CPU / ours`, theirs, results.ours),
    ratioRow(`${label}: the same, money → text of every series counted`, theirs, results['ours with money → text']),
    ...CONTENDERS.map((name) => cpuRow(`${label}: ${name}, CPU`, results[name])),
    {
      name: `${label}: longest turn of the event loop, ours`,
      value: `${median(stalls).toFixed(1)} ms`,
      spread: spread(stalls, 1),
      goal: '≤ 15 ms',
      aim: '≤ 5 ms',
      ok: median(stalls) <= 15,
    },
  ]
}

function ratioRow(name: string, theirs: readonly Measured[], ours: readonly Measured[]): BenchRow {
  const ratios = theirs.map(({ cpu }, i) => cpu / (ours[i]?.cpu ?? Number.NaN))
  const value = median(ratios)
  return {
    name,
    value: `${value.toFixed(1)} ×`,
    spread: spread(ratios, 1),
    goal: '≥ 1 ×',
    aim: '≥ 10 ×',
    ok: value >= 1,
  }
}

function cpuRow(name: string, measured: readonly Measured[]): BenchRow {
  const values = measured.map(({ cpu }) => cpu)
  return { name, value: `${median(values).toFixed(2)} ms`, spread: spread(values, 2), goal: '', aim: '', ok: true }
}

const CONTENDER = '--contender'
const [program, mode, name, size] = process.argv.slice(1)
if (program === fileURLToPath(import.meta.url)) {
  if (mode === CONTENDER) serve(name as ContenderName, Number(size))
  else print(await run())
}
