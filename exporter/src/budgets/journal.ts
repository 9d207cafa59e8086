import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { Hold } from './holds.ts'

/** What a journal says was open when it was last written. */
export interface Journaled {
  readonly holds: readonly Hold[]
  /** Those of calls that were charged for without having been heard of, by call id. */
  readonly unsettled: ReadonlyMap<string, Hold>
}

/**
 * The holds on disk, so that the end of the process forgets none: one line for each that is made and each that ends. A line is
 * handed to the operating system before the call is let go, which outlives the process, not the machine.
 */
export interface Journal {
  readonly found: Journaled
  held(hold: Hold): void
  ended(callId: string): void
  unsettled(hold: Hold, at: number): void
  /** The call was heard of after all. */
  settledLate(callId: string): void
  close(): void
}

export interface JournalOptions {
  readonly file: string
  readonly now: () => number
  /** Told once when the file cannot be read or written, in a sentence: holds then live in memory alone. */
  readonly onFailure: (reason: string) => void
}

type Line =
  | { readonly h: HoldLine }
  | { readonly e: string }
  | { readonly u: HoldLine; readonly at: number }
  | { readonly l: string }

/** A hold without what is only for the moment in which it is made; money as text. */
type HoldLine = Omit<Hold, 'charges' | 'call'> & {
  readonly charges: readonly (readonly [key: string, amount: string])[]
  readonly call: Omit<Hold['call'], 'amount'> & { readonly amount: string }
}

/** The file is written anew when it is so large and half of it is of the past. */
const REWRITE_BYTES = 8 * 1024 * 1024
/** A call that was not heard of for so long will not be. */
export const REMEMBERED_MS = 35 * 86_400_000

export function openJournal({ file, now, onFailure }: JournalOptions): Journal {
  let failed = false
  let handle: number | null = null
  let size = 0
  let most = REWRITE_BYTES
  const guarded = (job: () => void) => {
    try {
      job()
      failed = false
    } catch (cause) {
      if (!failed)
        onFailure(`${file} cannot be read or written (${cause instanceof Error ? cause.message : String(cause)})`)
      failed = true
    }
  }
  const rewrite = () => {
    const next = `${file}.new`
    const fresh = openSync(next, 'a')
    ftruncateSync(fresh)
    let text = ''
    for (const hold of open.values()) text += lineOf({ h: packed(hold) })
    for (const hold of unsettled.values()) text += lineOf({ u: packed(hold), at: hold.at })
    try {
      size = append(fresh, text)
      renameSync(next, file)
    } catch (cause) {
      closeSync(fresh)
      throw cause
    }
    if (handle !== null) closeSync(handle)
    handle = fresh
    most = Math.max(REWRITE_BYTES, 2 * size)
  }
  const write = (line: Line) =>
    guarded(() => {
      // After a failure the last line may be torn, and lines may be missing.
      if (handle === null || failed || size > most) rewrite()
      else size += append(handle, lineOf(line))
    })
  let found: Journaled = { holds: [], unsettled: new Map() }
  guarded(() => {
    found = read(file, now())
  })
  const open = new Map(found.holds.map((hold) => [hold.callId, hold]))
  const unsettled = new Map(found.unsettled)
  if (!failed) guarded(rewrite)
  return {
    found,
    held(hold) {
      unsettled.delete(hold.callId)
      open.set(hold.callId, hold)
      write({ h: packed(hold) })
    },
    ended(callId) {
      if (open.delete(callId)) write({ e: callId })
    },
    unsettled(hold, at) {
      open.delete(hold.callId)
      unsettled.set(hold.callId, hold)
      write({ u: packed(hold), at })
    },
    settledLate(callId) {
      if (unsettled.delete(callId)) write({ l: callId })
    },
    close() {
      if (handle !== null) closeSync(handle)
      handle = null
    },
  }
}

/** A torn last line is a hold whose call was never let go; a line that is none is left out. */
function read(file: string, now: number): Journaled {
  const holds = new Map<string, Hold>()
  const unsettled = new Map<string, Hold>()
  const take = (line: Line) => {
    if ('h' in line) {
      unsettled.delete(line.h.callId)
      holds.set(line.h.callId, unpacked(line.h))
    } else if ('e' in line) holds.delete(line.e)
    else if ('u' in line) {
      holds.delete(line.u.callId)
      if (now - line.at < REMEMBERED_MS) unsettled.set(line.u.callId, unpacked(line.u))
    } else unsettled.delete(line.l)
  }
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  for (const line of text.split('\n')) {
    try {
      if (line !== '') take(JSON.parse(line) as Line)
    } catch {}
  }
  return { holds: [...holds.values()], unsettled }
}

/** Writes all of it, or throws; returns how many bytes it was. */
function append(handle: number, text: string): number {
  const bytes = Buffer.from(text)
  writeFileSync(handle, bytes)
  return bytes.length
}

function lineOf(line: Line): string {
  return `${JSON.stringify(line)}\n`
}

function packed(hold: Hold): HoldLine {
  const charges = hold.charges.map(({ key, amount }) => [key, String(amount)] as const)
  return { ...hold, charges, call: { ...hold.call, amount: String(hold.call.amount) } }
}

/** It was within its lines when it was made, and is not asked about them again. */
function unpacked({ charges, call, ...hold }: HoldLine): Hold {
  return {
    ...hold,
    charges: charges.map(([key, amount]) => ({ key, amount: BigInt(amount), line: null, spent: 0n })),
    call: { ...call, amount: BigInt(call.amount) },
  }
}
