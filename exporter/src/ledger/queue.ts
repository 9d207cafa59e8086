import type { Entry } from '../usage.ts'
import { LedgerBusy, LedgerUnavailable, type Receipt } from './ledger.ts'

export interface QueueOptions {
  /** How long the first append of a commit waits for company. */
  readonly delayMs: number
  /** A commit starts at once when this many entries wait. */
  readonly commitEntries: number
  /** Beyond either, appends are refused with LedgerBusy. */
  readonly limitEntries: number
  readonly limitBytes: number
  /** Makes several appends durable together; one receipt each. */
  readonly commit: (appends: readonly (readonly Entry[])[]) => Promise<Receipt[]>
}

/** Group commit: appends that arrive close together become durable together, in the order in which they came. */
export interface Queue {
  append(entries: readonly Entry[]): Promise<Receipt>
  /** Runs something between two commits. */
  exclusive<T>(job: () => Promise<T>): Promise<T>
  waiting(): { entries: number; bytes: number }
  /** Commits what waits; later appends are refused. */
  close(): Promise<void>
}

interface Waiting {
  readonly entries: readonly Entry[]
  readonly bytes: number
  readonly resolve: (receipt: Receipt) => void
  readonly reject: (cause: unknown) => void
}

export function createQueue(options: QueueOptions): Queue {
  let waiting: Waiting[] = []
  let jobs: (() => Promise<void>)[] = []
  let entries = 0
  let bytes = 0
  let closed = false
  let running: Promise<void> | null = null
  let hurry: (() => void) | null = null

  const commitNext = async () => {
    const batch: Waiting[] = []
    let taken = 0
    for (const append of waiting) {
      if (batch.length > 0 && taken + append.entries.length > options.commitEntries) break
      batch.push(append)
      taken += append.entries.length
    }
    waiting = waiting.slice(batch.length)
    try {
      const receipts = await options.commit(batch.map((append) => append.entries))
      for (const [index, append] of batch.entries()) append.resolve(receipts[index] as Receipt)
    } catch (cause) {
      for (const append of batch) append.reject(cause)
    } finally {
      entries -= taken
      for (const append of batch) bytes -= append.bytes
    }
  }
  const company = () =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, options.delayMs)
      hurry = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  const run = async () => {
    while (waiting.length > 0 || jobs.length > 0) {
      const due = jobs
      jobs = []
      for (const job of due) await job()
      if (waiting.length === 0) continue
      if (entries < options.commitEntries && !closed) await company()
      hurry = null
      await commitNext()
    }
    running = null
  }
  const wake = () => {
    running ??= run()
    if (closed || entries >= options.commitEntries || jobs.length > 0) hurry?.()
  }
  return {
    append(list) {
      if (closed) return Promise.reject(new LedgerUnavailable('the ledger is closed'))
      const size = estimateBytes(list)
      const full = entries + list.length > options.limitEntries || bytes + size > options.limitBytes
      if (full && entries > 0) {
        const text = `${entries} entries (${Math.ceil(bytes / 1e6)} MB) are waiting to be written, the limit is ${options.limitEntries} (${Math.ceil(options.limitBytes / 1e6)} MB); try again later`
        return Promise.reject(new LedgerBusy(text, 1000))
      }
      return new Promise((resolve, reject) => {
        waiting.push({ entries: list, bytes: size, resolve, reject })
        entries += list.length
        bytes += size
        wake()
      })
    },
    exclusive(job) {
      return new Promise((resolve, reject) => {
        jobs.push(() => job().then(resolve, reject))
        wake()
      })
    },
    waiting: () => ({ entries, bytes }),
    async close() {
      closed = true
      while (running) {
        hurry?.()
        await running
      }
    },
  }
}

/** Rough size in memory: what a plain event weighs, and its long texts. */
function estimateBytes(entries: readonly Entry[]): number {
  let sum = 0
  for (const entry of entries) {
    sum += 600 + entry.key.length
    if (entry.kind !== 'usage') continue
    sum += entry.errorMessage?.length ?? 0
    for (const name in entry.metadata) sum += name.length + (entry.metadata[name]?.length ?? 0)
  }
  return sum
}
