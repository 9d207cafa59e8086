import { describe, expect, it } from 'vitest'
import { expose } from '../../../test/support/expose.ts'
import { parseExposition, valuesOf } from '../../../test/support/exposition-parser.ts'
import { type BackstopReadings, backstopCollector } from './backstop.ts'

async function valuesFor(readings: BackstopReadings | null): Promise<Record<string, string>> {
  const page = await expose(backstopCollector(() => readings).collect(), 'text')
  return Object.fromEntries(valuesOf(parseExposition(page, 'text')))
}

describe('the collector of the backstop', () => {
  it('shows how many differences there are, when there were none, and that it works', async () => {
    expect(await valuesFor({ differences: 3, lastConfirmed: 1_795_305_661_007, failed: null })).toEqual({
      marginwatch_backstop_up: '1',
      marginwatch_backstop_differences: '3',
      marginwatch_backstop_last_confirmed_timestamp_seconds: '1795305661.007',
    })
  })

  it('shows that it failed, and keeps what was last read', async () => {
    expect(await valuesFor({ differences: 0, lastConfirmed: 1000, failed: 'LiteLLM cannot be reached.' })).toEqual({
      marginwatch_backstop_up: '0',
      marginwatch_backstop_differences: '0',
      marginwatch_backstop_last_confirmed_timestamp_seconds: '1',
    })
  })

  it('leaves out what is not known yet, and everything where there is no backstop', async () => {
    expect(await valuesFor({ differences: null, lastConfirmed: null, failed: null })).toEqual({})
    expect(await valuesFor({ differences: null, lastConfirmed: null, failed: 'no' })).toEqual({
      marginwatch_backstop_up: '0',
    })
    expect(await valuesFor(null)).toEqual({})
  })
})
