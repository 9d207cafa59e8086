/**
 * The file that LiteLLM loads, alone: what it adds to a call, and how it sends a large spool to the running program, by hand,
 * as after an outage. The order is read in the ledger: the cost of each call in the spool follows from its number.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type BenchRow, figureRow, fixed, quantile, spread, valueRow } from './row.ts'
import { startProgram } from './support/program.ts'
import { measure, needPython, type Said } from './support/python.ts'
import { createRecords } from './support/records.ts'
import { folder, type Setting } from './support/setting.ts'
import { openLedger } from './support/store.ts'

/** Of one kind of work: CPU time in each run, wall time of each one; microseconds. */
interface Times {
  readonly cpu: readonly number[]
  readonly wall: readonly number[]
}

export async function run(setting: Setting): Promise<BenchRow[]> {
  needPython()
  const directory = await folder(setting, 'gateway-file')
  const payloads = join(directory, 'payloads.ndjson')
  const { next } = createRecords({ slim: false })
  const texts = Array.from({ length: 1_000 }, () => `${next()}\n`)
  await writeFile(payloads, texts.join(''))
  return [
    ...(await callRows(payloads, join(directory, 'calls'), setting)),
    ...(await spoolRows(payloads, directory, setting)),
  ]
}

async function callRows(payloads: string, spool: string, { quick }: Setting): Promise<BenchRow[]> {
  const runs = quick ? 2 : 10
  const { told } = await measure<{ stamp: Times; record: Times; bytes: number[] }>([
    'calls',
    payloads,
    spool,
    `${runs}`,
  ])
  return [
    ...timeRows('stamp', told.stamp),
    ...timeRows('record, until it is in a file', told.record),
    valueRow({ name: 'a record', unit: 'bytes', decimals: 0 }, quantile(told.bytes, 0.5), spread(told.bytes, 0)),
  ]
}

function timeRows(name: string, { cpu, wall }: Times): BenchRow[] {
  const wallRow = (share: number, label: string) =>
    valueRow({ name: `${name}: ${label}`, unit: 'µs', decimals: 1 }, quantile(wall, share), spread(wall, 1))
  return [
    figureRow({ name: `${name}: CPU`, unit: 'µs', decimals: 1 }, cpu),
    wallRow(0.5, 'p50'),
    wallRow(0.99, `p99 of ${fixed(wall.length, 0)}`),
  ]
}

async function spoolRows(payloads: string, directory: string, { quick }: Setting): Promise<BenchRow[]> {
  const spool = join(directory, 'spool')
  const data = join(directory, 'data')
  await mkdir(data)
  const filled = await measure<Filled>(['fill', payloads, spool, quick ? '50' : '1000'])
  const program = await startProgram({ directory: data })
  try {
    const env = { MARGINWATCH_URL: program.url, MARGINWATCH_INGEST_KEY: '' }
    const { told, said } = await measure<Sent>(['send', spool], env)
    await program.stop()
    return sentRows({ filled: filled.told, sent: told, said, order: await orderIn(data) })
  } finally {
    await program.stop()
  }
}

interface Filled {
  readonly records: number
  readonly bytes: number
}

interface Sent {
  readonly seconds: number
  /** Bytes of memory. */
  readonly before: number
  readonly peak: number
}

interface Order {
  readonly calls: number
  /** Calls that are not where their number says. */
  readonly misplaced: number
}

async function orderIn(data: string): Promise<Order> {
  const ledger = await openLedger(data)
  try {
    const { state } = await ledger.snapshot((rows) =>
      rows(`SELECT count(*)::INTEGER AS calls, (count(*) FILTER (cost <> 1000 + place))::INTEGER AS misplaced
        FROM (SELECT cost, row_number() OVER (ORDER BY seq) - 1 AS place FROM event WHERE kind = 0)`),
    )
    const [row] = state
    return { calls: Number(row?.calls), misplaced: Number(row?.misplaced) }
  } finally {
    await ledger.close()
  }
}

interface Delivery {
  readonly filled: Filled
  readonly sent: Sent
  readonly said: readonly Said[]
  readonly order: Order
}

function sentRows({ filled, sent, said, order }: Delivery): BenchRow[] {
  const name = `a spool of ${fixed(filled.bytes / 1e6, 0)} MB`
  const count = fixed(filled.records, 0)
  const progress = said.filter(({ text }) => text.endsWith(' records left'))
  const megabytes = { name: `${name}: memory of the sender at most`, unit: 'MB', decimals: 1, goal: { most: 64 } }
  return [
    valueRow(
      { name: `${name}: delivered`, unit: 'records/s', decimals: 0 },
      filled.records / sent.seconds,
      spread(rates(progress, sent, filled.records), 0),
    ),
    valueRow(megabytes, sent.peak / 1e6, `${fixed(sent.before / 1e6, 1)} before it began`),
    {
      name: `${name}: order in the ledger`,
      value: order.calls === filled.records && order.misplaced === 0 ? 'kept' : `${order.misplaced} misplaced`,
      spread: `${fixed(order.calls, 0)} of ${count} calls`,
      goal: 'all, as they were written',
      aim: '',
      ok: order.calls === filled.records && order.misplaced === 0,
    },
    {
      name: `${name}: progress that is said`,
      value: `${progress.length} times in ${fixed(sent.seconds, 0)} s`,
      spread: `last: ${progress.at(-1)?.text ?? 'nothing'}`,
      goal: 'until 0 are left',
      aim: '',
      ok: progress.at(-1)?.text === '0 records left',
    },
  ]
}

/** Records a second between two lines of progress, and in all; the last line may come at once after another one. */
function rates(progress: readonly Said[], sent: Sent, records: number): number[] {
  const left = progress.map(({ text, at }) => ({ at, left: Number(text.replace(/\D/g, '')) }))
  const between = left.slice(1, -1).map((now, i) => {
    const before = left[i] ?? now
    return ((before.left - now.left) / (now.at - before.at)) * 1_000
  })
  return [...between, records / sent.seconds]
}
