/**
 * A start with a million events: from the start of the process until `/readyz` answers 200, as a user starts it; and inside of
 * that, opening the ledger and reading the snapshot that the metrics start from.
 */
import { createCalendar } from '@marginwatch/exporter/calendar'
import { openLedgerView } from '@marginwatch/exporter/views/metrics/ledger-view'
import { type BenchRow, figureRow, fixed } from './row.ts'
import { createClient } from './support/client.ts'
import { settled, startProgram } from './support/program.ts'
import { folder, type Setting } from './support/setting.ts'
import { copyLedger, filledLedger, openLedger } from './support/store.ts'

const GOAL = { most: 2, aim: 1 }

export async function run(setting: Setting): Promise<BenchRow[]> {
  const events = setting.quick ? 200_000 : 1_000_000
  const times = setting.quick ? 2 : 7
  const directory = await copyLedger(setting, await filledLedger(setting, events))
  // The first start closes all idle sessions, which later ones find done.
  await startOnce(directory)
  const empty = await folder(setting, 'empty')
  await startOnce(empty)
  const starts: number[] = []
  const bare: number[] = []
  for (let i = 0; i < times; i++) {
    starts.push(await startOnce(directory))
    bare.push(await startOnce(empty))
  }
  const opened: number[] = []
  const read: number[] = []
  for (let i = 0; i < times; i++) {
    const { open, view } = await openOnce(directory)
    opened.push(open)
    read.push(view)
  }
  const name = `${fixed(events, 0)} events`
  return [
    figureRow({ name: `${name}: process start until ready`, unit: 's', decimals: 2, goal: GOAL }, starts),
    figureRow({ name: `${name}: of that, opening the ledger`, unit: 's', decimals: 2 }, opened),
    figureRow({ name: `${name}: of that, the snapshot of the metrics`, unit: 's', decimals: 2 }, read),
    figureRow({ name: 'no events: process start until ready', unit: 's', decimals: 2 }, bare),
  ]
}

/** Seconds until the program was ready. It is stopped once its first round of upkeep is done. */
async function startOnce(directory: string): Promise<number> {
  const began = performance.now()
  const program = await startProgram({ directory })
  const client = createClient(program.url)
  try {
    while ((await client.ask('/readyz')).status !== 200);
    const seconds = (performance.now() - began) / 1_000
    await settled(program)
    return seconds
  } finally {
    client.close()
    await program.stop()
  }
}

/** Seconds in this process. */
async function openOnce(directory: string): Promise<{ open: number; view: number }> {
  const began = performance.now()
  const ledger = await openLedger(directory)
  const opened = performance.now()
  try {
    const view = await openLedgerView(ledger, createCalendar('UTC'), Date.now, () => false)
    const done = performance.now()
    await view.close()
    return { open: (opened - began) / 1_000, view: (done - opened) / 1_000 }
  } finally {
    await ledger.close()
  }
}
