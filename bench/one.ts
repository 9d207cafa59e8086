/** Runs one bench in this process, for `run.ts`: its name and setting come as arguments, its rows go back over the channel. */
import { BENCHES } from './benches.ts'
import type { BenchRow } from './row.ts'
import { LeftOut } from './support/left-out.ts'
import type { Setting } from './support/setting.ts'

/** What a bench's process says at its end. */
export type Outcome =
  | { readonly rows: readonly BenchRow[] }
  /** It cannot run on this machine: what it needs, in words. */
  | { readonly leftOut: string }
  | { readonly failure: string }

const [name, setting = '{}'] = process.argv.slice(2)
const outcome = await measure(JSON.parse(setting) as Setting)
process.send?.(outcome)
process.disconnect()

async function measure(setting: Setting): Promise<Outcome> {
  try {
    const entry = BENCHES.find((bench) => bench.name === name)
    if (entry === undefined) throw new RangeError(`no bench is called ${name}`)
    const { run } = await entry.load()
    return { rows: await run(setting) }
  } catch (cause) {
    if (cause instanceof LeftOut) return { leftOut: cause.message }
    return { failure: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause) }
  }
}
