// Opens a ledger as a second process would, from the built program.
import { createCalendar } from '../../dist/calendar.js'
import { LABEL_BOUNDS } from '../../dist/catalogue.js'
import { openDuckdbLedger } from '../../dist/ledger/duckdb/open.js'

try {
  await openDuckdbLedger({
    file: process.argv[2],
    calendar: createCalendar('UTC'),
    bounds: LABEL_BOUNDS,
    customerIdleMs: 1,
    dedupeWindowMs: 1,
    histograms: [],
    now: Date.now,
  })
} catch (cause) {
  process.stderr.write(`${cause.message}\n`)
  process.exit(1)
}
