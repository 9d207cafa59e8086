import { afterEach, beforeEach } from 'vitest'
import { createCalendar } from '../../../src/calendar.ts'
import type { Ledger } from '../../../src/ledger/ledger.ts'
import type { Recorded, Row, SqlValue } from '../../../src/ledger/ledger.ts'
import type { Entry } from '../../../src/usage.ts'
import { DAY, T0 } from '../../support/entries.ts'
import { scratch } from '../../support/ledger.ts'

/** Opens the engine's ledger in a folder, empty or with what was left there. `now` is its clock; the zone is UTC without one. */
export type OpenLedger = (folder: string, now: () => number, zone?: string) => Promise<Ledger>

/** A fresh ledger for each test. */
export interface Held {
  ledger: Ledger
  readonly path: string
  /** Closes it and opens it again, in another zone if one is named. */
  reopen(zone?: string): Promise<void>
  append(...entries: Entry[]): Promise<void>
  ask(name: string, params?: Readonly<Record<string, SqlValue>>): Promise<Row[]>
  /** What was recorded of a kind, admissions aside of all. */
  kept(kind?: Entry['kind']): Promise<readonly Recorded[]>
}

/** Local day number of T0 in UTC. */
export const DAY0 = createCalendar('UTC').day(T0)

export function holdLedger(openEngine: OpenLedger): Held {
  let folder: Awaited<ReturnType<typeof scratch>>
  const now = () => T0 + DAY
  const held: Held = {
    ledger: undefined as unknown as Ledger,
    get path() {
      return folder.path
    },
    async reopen(zone) {
      await held.ledger.close()
      held.ledger = await openEngine(folder.path, now, zone)
    },
    async append(...entries) {
      const { refused, duplicates } = await held.ledger.append(entries)
      if (refused.length + duplicates > 0)
        throw new Error(`not all were new: ${JSON.stringify(refused)}, ${duplicates}`)
    },
    ask: (name, params) => held.ledger.query(name, params),
    kept: async (kind) =>
      (await held.ledger.read(0, 1_000, kind)).filter(
        ({ entry }) => entry.kind !== 'admission' || kind === 'admission',
      ),
  }
  beforeEach(async () => {
    folder = await scratch()
    held.ledger = await openEngine(folder.path, now)
  })
  afterEach(async () => {
    await held.ledger.close()
    await folder.remove()
  })
  return held
}
