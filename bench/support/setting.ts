import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import type { BenchRow } from '../row.ts'

/** What every bench is told. */
export interface Setting {
  /** Fewer events and fewer runs: shows that a bench works, not how fast the program is. */
  readonly quick: boolean
  /** Also what takes many minutes and gigabytes. */
  readonly large: boolean
  /** A folder that is removed after the run; ledgers that several benches read lie in it. */
  readonly scratch: string
}

/** A bench measures one subject, alone on the machine as far as it can be, and leaves nothing running. */
export type Bench = (setting: Setting) => Promise<BenchRow[]>

/** A new folder inside of the scratch folder. */
export function folder(setting: Setting, name: string): Promise<string> {
  return mkdtemp(join(setting.scratch, `${name}-`))
}
