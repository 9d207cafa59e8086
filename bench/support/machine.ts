import { createHash } from 'node:crypto'
import { cpus, loadavg, totalmem, release, type } from 'node:os'

/** What a figure depends on beside the program. */
export function machine(): string {
  const list = cpus()
  const model = list[0]?.model.trim() || 'CPU of unknown model'
  const memory = `${Math.round(totalmem() / 2 ** 30)} GB`
  return `${list.length} × ${model}, ${memory} of memory, ${type()} ${release()}, Node ${process.version}`
}

/** Processes that ran or wanted to run in the last minute, on average; 0 where the system does not count. */
export function load(): number {
  return loadavg()[0] ?? 0
}

/** True when others kept the machine as busy as it can be: times are then pessimistic, CPU times less so. */
export function isBusy(average: number): boolean {
  return average > cpus().length / 2
}

const HASHES = 200_000

/**
 * CPU milliseconds that this thread needs just now for a fixed piece of work: 200,000 SHA-256 hashes of a uuid's length. Two
 * processors of one core, and virtual ones, slow each other down; the figure says by how much at that moment.
 */
export function yardstick(): number {
  const before = process.cpuUsage()
  for (let i = 0; i < HASHES; i++) createHash('sha256').update('00000000-0000-4000-8000-000000000000').digest()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}
