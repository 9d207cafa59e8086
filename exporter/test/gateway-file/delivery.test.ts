import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import type { RowReader } from '../../src/ledger/ledger.ts'
import { describeUnless, describeWith, installed } from '../support/installed.ts'
import { scratch } from '../support/ledger.ts'
import { type Program, startProgram } from '../support/program.ts'
import { type Relay, startRelay } from '../support/relay.ts'
import { readLedger } from '../support/sql-truth.ts'
import { volume, whyNoVolume } from '../support/volume.ts'

const DRIVE = fileURLToPath(new URL('../../../gateway/drive.py', import.meta.url))
const FILE = fileURLToPath(new URL('../../../gateway/marginwatch.py', import.meta.url))
const CALLERS = 16

describeWith(['python3'], 'The file in the gateway', ([python]) => {
  it('brings each of 10,000 calls into the ledger once, with a slow, an absent and a killed exporter and stops of its own', async () => {
    const world = await startWorld(python)
    const seen = await world.drive({
      first: 0,
      count: 10_000,
      steps: [
        [1_000, async () => world.relay.set({ afterMs: 3_000 })],
        [2_500, async () => world.relay.set('through')],
        [
          4_000,
          async () => {
            await world.program().stop()
            await pause(5_000)
            await world.start()
          },
        ],
        [
          6_000,
          async () => {
            await world.program().kill()
            await world.start()
          },
        ],
      ],
      stops: [
        [3_000, 'SIGTERM'],
        [7_500, 'SIGKILL'],
        [9_000, 'SIGTERM'],
      ],
    })
    expect(await world.everythingSent()).toEqual([])
    await world.program().stop()
    const expected = [...seen].reduce((sum, number) => sum + 1_000n + BigInt(number), 0n)
    expect(await world.ledger()).toEqual({ calls: 10_000n, keys: 10_000n, failed: 0n, cost: expected })
  })
})

describeUnless(whyNoVolume(), 'The spool of the file in the gateway', () => {
  const python = installed('python3')
  it.skipIf(python === null).for(['full', 'read-only'] as const)(
    'on a %s disk keeps calls in memory, and delivers each of them once when there is a way',
    async (how) => {
      const disk = await volume(8)
      onTestFinished(disk.remove)
      const world = await startWorld(python ?? '', join(disk.path, 'spool'))
      world.relay.set('nothing')
      // What is open for writing keeps a disk from being made read-only later.
      if (how === 'read-only') disk.remount('ro')
      const steps: Driving['steps'] = [
        [1_000, async () => how === 'full' && disk.fill()],
        [2_000, async () => (how === 'full' ? disk.clear() : disk.remount('rw'))],
        [3_000, async () => world.relay.set('through')],
      ]
      await world.drive({ first: 0, count: 4_000, steps, stops: [] })
      await world.program().stop()
      expect(await world.ledger()).toMatchObject({ calls: 4_000n, keys: 4_000n })
      expect(world.said()).toContain('records wait in memory')
    },
  )
})

interface Driving {
  readonly first: number
  readonly count: number
  /** What is done when so many calls were told. */
  readonly steps: readonly (readonly [number, () => Promise<unknown>])[]
  /** How the process that tells of calls is ended when so many were told; another one goes on. */
  readonly stops: readonly (readonly [number, 'SIGTERM' | 'SIGKILL'])[]
}

interface World {
  readonly data: string
  readonly relay: Relay
  program(): Program
  start(): Promise<void>
  /** Tells of calls, once each; returns their numbers. */
  drive(driving: Driving): Promise<ReadonlySet<number>>
  /** What the ledger of the stopped program holds. */
  ledger(): Promise<{ calls: bigint; keys: bigint; failed: bigint; cost: bigint }>
  /** What the processes that told of calls wrote to their log. */
  said(): string
  /** Sends by hand what the ended processes left; resolves with the files that still hold something. */
  everythingSent(): Promise<string[]>
}

async function startWorld(python: string, folder?: string): Promise<World> {
  const { path, remove } = await scratch()
  onTestFinished(remove)
  const policy = join(path, 'policy.yaml')
  await writeFile(policy, 'version: 1\nserver: { port: 0 }\n')
  const data = join(path, 'data')
  const spool = folder ?? join(path, 'spool')
  await mkdir(spool)
  let program: Program
  const start = async () => {
    program = await startProgram({ args: ['serve', '--no-demo', '--config', policy, '--data', data] })
  }
  await start()
  onTestFinished(() => program.kill())
  const relay = await startRelay(() => program.port)
  onTestFinished(() => relay.close())
  const env = { ...process.env, MARGINWATCH_URL: relay.url, MARGINWATCH_SPOOL: spool, PYTHONDONTWRITEBYTECODE: '1' }
  const told = new Set<number>()
  let said = ''
  return {
    data,
    relay,
    program: () => program,
    start,
    async drive({ first, count, steps, stops }) {
      const due = [...steps]
      const ends = [...stops]
      let under: Promise<unknown> = Promise.resolve()
      while (told.size < count) {
        const from = first + told.size
        const child = spawn(python, [DRIVE, `${from}`, `${first + count - from}`, `${CALLERS}`, '0.01'], {
          env,
          stdio: ['ignore', 'pipe', 'pipe'],
        })
        child.stderr.on('data', (text) => {
          said += text
        })
        await follow(
          child,
          () => {
            while (due[0] && told.size >= due[0][0]) under = under.then((due.shift() as (typeof due)[0])[1])
            if (ends[0] && told.size >= ends[0][0]) child.kill((ends.shift() as (typeof ends)[0])[1])
          },
          told,
        )
      }
      await under
      return told
    },
    ledger: () => readLedger(data, sums),
    said: () => said,
    async everythingSent() {
      const sender = spawn(python, [FILE, spool], { env, stdio: ['ignore', 'ignore', 'inherit'] })
      const [code] = await once(sender, 'exit')
      expect(code).toBe(0)
      return (await readdir(spool, { recursive: true })).filter((name) => name.endsWith('.ndjson'))
    },
  }
}

async function sums(rows: RowReader) {
  const [row] = await rows(`SELECT count(*) AS calls, count(DISTINCT (k, k2)) AS keys, sum(e.cost)::BIGINT AS cost,
    count(*) FILTER (WHERE n.status <> 'success') AS failed FROM event e JOIN name_set n ON n.id = e.names WHERE e.kind = 0`)
  return row as Awaited<ReturnType<World['ledger']>>
}

/** Reads which calls a process was told of, until it ends. */
async function follow(child: ChildProcess, onTold: () => void, told: Set<number>): Promise<void> {
  if (!child.stdout) throw new Error('the process has no output')
  const ended = once(child, 'exit')
  for await (const line of createInterface(child.stdout)) {
    told.add(Number(line))
    onTold()
  }
  await ended
}
