import { describe, expect, it } from 'vitest'
import { expose } from '../../../test/support/expose.ts'
import { parseExposition, valuesOf } from '../../../test/support/exposition-parser.ts'
import { gatewayCollector, type GatewayReadings } from './gateway.ts'

const NOW = 1_795_305_661_007
const SILENT: GatewayReadings = {
  spool: null,
  dropped: { full: 0, disk: 0, refused: 2, torn: 0 },
  since: NOW - 60_757,
}
const LOST = {
  'marginwatch_gateway_dropped_total{reason="full"}': '0',
  'marginwatch_gateway_dropped_total{reason="disk"}': '0',
  'marginwatch_gateway_dropped_total{reason="refused"}': '2',
  'marginwatch_gateway_dropped_total{reason="torn"}': '0',
}

async function valuesFor(readings: GatewayReadings | null): Promise<Record<string, string>> {
  const page = await expose(
    gatewayCollector(
      () => readings,
      () => NOW,
    ).collect(),
    'text',
  )
  return Object.fromEntries(valuesOf(parseExposition(page, 'text')))
}

describe('the gateway collector', () => {
  it('shows what waits in the spools, how old it is now, and the clock that is furthest off', async () => {
    const spool = { processes: 3, events: 41, oldest: NOW - 90_500, skewMs: -1250 }
    expect(await valuesFor({ ...SILENT, spool })).toEqual({
      ...LOST,
      marginwatch_gateway_processes: '3',
      marginwatch_gateway_spool_events: '41',
      marginwatch_gateway_spool_oldest_seconds: '90.5',
      marginwatch_clock_skew_seconds: '-1.25',
    })
  })

  it('shows an age of zero while nothing waits, and none below it', async () => {
    const age = async (oldest: number | null) =>
      (await valuesFor({ ...SILENT, spool: { processes: 1, events: 0, oldest, skewMs: 0 } }))
        .marginwatch_gateway_spool_oldest_seconds
    expect([await age(null), await age(NOW + 5000)]).toEqual(['0', '0'])
  })

  it('leaves out what nobody knows while no process is heard of, and keeps what was lost', async () => {
    expect(await valuesFor(SILENT)).toEqual(LOST)
  })

  it('says nothing where no gateway can report', async () => {
    expect(await valuesFor(null)).toEqual({})
  })
})
