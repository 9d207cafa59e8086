import { describe, expect, it } from 'vitest'
import { expose } from '../../../test/support/expose.ts'
import { parseExposition, valuesOf } from '../../../test/support/exposition-parser.ts'
import { type SourceHealth, sourcesCollector } from './sources.ts'

const NEW: SourceHealth = {
  name: 'litellm',
  up: null,
  lastSuccess: null,
  catchingUp: false,
  lastError: null,
  since: 1_795_305_600_250,
  counts: {},
}

async function valuesFor(...sources: SourceHealth[]): Promise<Record<string, string>> {
  const page = await expose(sourcesCollector(() => sources).collect(), 'openmetrics')
  return Object.fromEntries(valuesOf(parseExposition(page, 'openmetrics')))
}

describe('the sources collector', () => {
  it('says nothing of a source that was never asked but that it is not catching up', async () => {
    expect(await valuesFor(NEW)).toEqual({ 'marginwatch_source_catching_up{source="litellm"}': '0' })
  })

  it('shows state, last success and what became of events, by source', async () => {
    const ill: SourceHealth = {
      ...{ ...NEW, up: false, lastSuccess: 1_795_305_661_007, catchingUp: true, lastError: 'connection refused' },
      counts: { accepted: 12, duplicate: 0 },
    }
    expect(await valuesFor(ill, { ...NEW, name: 'langfuse', up: true })).toEqual({
      'marginwatch_source_up{source="litellm"}': '0',
      'marginwatch_source_up{source="langfuse"}': '1',
      'marginwatch_source_last_success_timestamp_seconds{source="litellm"}': '1795305661.007',
      'marginwatch_source_catching_up{source="litellm"}': '1',
      'marginwatch_source_catching_up{source="langfuse"}': '0',
      'marginwatch_events_total{result="accepted",source="litellm"}': '12',
      'marginwatch_events_created{result="accepted",source="litellm"}': '1795305600.250',
      'marginwatch_events_total{result="duplicate",source="litellm"}': '0',
      'marginwatch_events_created{result="duplicate",source="litellm"}': '1795305600.250',
    })
  })
})
