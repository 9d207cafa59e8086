import { readFileSync } from 'node:fs'

/** CPU time in milliseconds. */
export interface Cpu {
  /** All threads, user and kernel. */
  readonly process: number
  /** The thread that runs JavaScript, where the system tells (Linux). */
  readonly main: number | null
}

/** CPU time that this process has used so far. */
export function cpuNow(): Cpu {
  const { user, system } = process.cpuUsage()
  return { process: (user + system) / 1_000, main: mainThread() }
}

/** CPU time since an earlier reading. */
export function cpuSince(before: Cpu): Cpu {
  const now = cpuNow()
  const main = now.main === null || before.main === null ? null : now.main - before.main
  return { process: now.process - before.process, main }
}

/** The first thread of a process carries its number; the first field of its schedstat is nanoseconds on a CPU. */
function mainThread(): number | null {
  try {
    const [ran] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')
    return Number(ran) / 1e6
  } catch {
    return null
  }
}
