import { copyFile, mkdir, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createCalendar } from '@marginwatch/exporter/calendar'
import { LABEL_BOUNDS } from '@marginwatch/exporter/catalogue'
import { type LedgerOptions, openDuckdbLedger } from '@marginwatch/exporter/ledger/duckdb/open'
import type { Ledger } from '@marginwatch/exporter/ledger/ledger'
import type { Usage } from '@marginwatch/exporter/usage'
import { HISTOGRAM_SPECS } from '@marginwatch/exporter/views/metrics/distributions'
import { createEvents } from './events.ts'
import { folder, type Setting } from './setting.ts'

export const DAY = 86_400_000
export const WINDOW = 35 * DAY
/** What a source hands over in one go at most. */
export const BATCH = 5_000
const FILE = 'ledger.duckdb'

/** Opens a ledger in a folder with the settings that the program has. */
export function openLedger(path: string, over: Partial<LedgerOptions> = {}): Promise<Ledger> {
  return openDuckdbLedger({
    file: join(path, FILE),
    calendar: createCalendar('UTC'),
    bounds: LABEL_BOUNDS,
    customerIdleMs: WINDOW,
    dedupeWindowMs: WINDOW,
    histograms: HISTOGRAM_SPECS,
    now: Date.now,
    ...over,
  })
}

/** Appends with at most two batches under way, so that the ledger never waits for the sender. */
export async function appendAll(ledger: Ledger, batches: Iterable<readonly Usage[]>): Promise<void> {
  let before: Promise<unknown> = Promise.resolve()
  for (const batch of batches) {
    const append = ledger.append(batch)
    append.catch(() => undefined)
    await before
    before = append
  }
  await before
}

/**
 * A folder with a closed ledger of `count` events of the last 35 days. It is made by the first bench that asks and read by
 * all; who writes takes a copy.
 */
export async function filledLedger(setting: Setting, count: number): Promise<string> {
  const path = join(setting.scratch, `filled-${count}`)
  if (await exists(path)) return path
  const making = await folder(setting, 'making')
  const ledger = await openLedger(making)
  await appendAll(ledger, batchesOf(count))
  await ledger.close()
  await rename(making, path)
  return path
}

/** A copy of a closed ledger in a folder of its own. */
export async function copyLedger(setting: Setting, from: string): Promise<string> {
  const path = await folder(setting, 'copy')
  await mkdir(path, { recursive: true })
  await copyFile(join(from, FILE), join(path, FILE))
  return path
}

/** Bytes of a closed ledger, all of its files. */
export async function ledgerBytes(path: string): Promise<number> {
  const sizes = await Promise.all(
    [FILE, `${FILE}.wal`].map(async (file) => (await statOf(join(path, file)))?.size ?? 0),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}

/** Fills the ledger of a new folder with events of the last day, of customers that all have series of their own. */
export async function fillDay(path: string, { count, customers, models }: DayOptions): Promise<void> {
  const ledger = await openLedger(path, { bounds: { ...LABEL_BOUNDS, customer: customers } })
  const to = Date.now()
  const events = createEvents({ seed: 1, from: to - DAY, to, count, customers, ...(models ? { models } : {}) })
  const batches = Array.from({ length: count / BATCH }, () => Array.from({ length: BATCH }, events.next))
  await appendAll(ledger, batches)
  await ledger.close()
}

export interface DayOptions {
  /** A multiple of BATCH. */
  readonly count: number
  readonly customers: number
  readonly models?: number
}

function* batchesOf(count: number): Generator<Usage[]> {
  const to = Date.now()
  const events = createEvents({ seed: 1, from: to - WINDOW + DAY / 24, to, count })
  for (let made = 0; made < count; made += BATCH) {
    yield Array.from({ length: Math.min(BATCH, count - made) }, events.next)
  }
}

async function exists(path: string): Promise<boolean> {
  return (await statOf(path)) !== null
}

function statOf(path: string) {
  return stat(path).catch(() => null)
}
