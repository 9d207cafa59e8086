import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCalendar } from '../../src/calendar.ts'
import { LABEL_BOUNDS } from '../../src/catalogue.ts'
import type { LabelBounds } from '../../src/ledger/admission.ts'
import { openDuckdbLedger } from '../../src/ledger/duckdb/open.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import type { LedgerOptions } from '../../src/ledger/duckdb/open.ts'
import { HISTOGRAM_SPECS } from '../../src/views/metrics/distributions.ts'
import { DAY } from './entries.ts'

/** A folder of its own for a test, and its removal. */
export async function scratch(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'marginwatch-test-'))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}

export const SMALL_BOUNDS: LabelBounds = {
  tier: 2,
  model: 3,
  provider: 2,
  environment: 2,
  operation: 2,
  query_type: 2,
  agent: 2,
  customer: 2,
  error_class: 2,
  series: 6,
  fallback: 3,
}

/** Opens a ledger in a folder with the shipped settings; override what matters to the test. */
export function openLedger(folder: string, now: () => number, over: Partial<LedgerOptions> = {}): Promise<Ledger> {
  return openDuckdbLedger({
    file: join(folder, 'ledger.duckdb'),
    calendar: createCalendar('UTC'),
    bounds: LABEL_BOUNDS,
    customerIdleMs: 35 * DAY,
    dedupeWindowMs: 35 * DAY,
    histograms: HISTOGRAM_SPECS,
    now,
    delayMs: 0,
    ...over,
  })
}
