/** What a million events take on the disk once the ledger was closed, which writes a checkpoint. */
import { type BenchRow, valueRow } from './row.ts'
import type { Setting } from './support/setting.ts'
import { filledLedger, ledgerBytes } from './support/store.ts'

export async function run(setting: Setting): Promise<BenchRow[]> {
  const count = setting.quick ? 200_000 : 1_000_000
  const bytes = await ledgerBytes(await filledLedger(setting, count))
  const name = `a million events, of ${count.toLocaleString('en')} that were recorded`
  const figure = { name, unit: 'MB', decimals: 1, goal: { most: 100, aim: 70 } }
  return [valueRow(figure, bytes / count, `${(bytes / 1e6).toFixed(1)} MB in all`)]
}
