/**
 * The demonstration's start: a month of an invented company's calls through the same reading and pricing as real ones, into a
 * ledger, until the program shows its page. The count is the ledger's own.
 */
import { join } from 'node:path'
import { type BenchRow, figureRow } from './row.ts'
import { startProgram } from './support/program.ts'
import { folder, type Setting } from './support/setting.ts'
import { openLedger } from './support/store.ts'

export async function run(setting: Setting): Promise<BenchRow[]> {
  const seconds: number[] = []
  const paces: number[] = []
  for (let i = 0; i < (setting.quick ? 1 : 3); i++) {
    const directory = await folder(setting, 'demo')
    const program = await startProgram({ directory, demo: true })
    await program.stop()
    const calls = await callsIn(join(directory, 'demo'))
    seconds.push(program.startedMs / 1_000)
    paces.push((calls * 1_000) / program.startedMs)
  }
  return [
    figureRow({ name: 'a month of history, process start until it is shown', unit: 's', decimals: 1 }, seconds),
    figureRow({ name: 'the same', unit: 'calls/s', decimals: 0 }, paces),
  ]
}

async function callsIn(directory: string): Promise<number> {
  const ledger = await openLedger(directory)
  try {
    const [sum] = await ledger.query('sum')
    return Number(sum?.calls)
  } finally {
    await ledger.close()
  }
}
