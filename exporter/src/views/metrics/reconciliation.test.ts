import { expect, it } from 'vitest'
import { LABEL_BOUNDS } from '../../catalogue.ts'
import { expose } from '../../../test/support/expose.ts'
import { type ReconciliationReading, reconciliationCollector } from './reconciliation.ts'

const CALLS = { missing_here: 2, missing_there: 0, price: 1, tokens: 0, day_boundary: 3 }
const shown = async (reading: ReconciliationReading | null) =>
  (await expose(reconciliationCollector(() => reading).collect())).split('\n').filter((line) => /^[a-z]/.test(line))

it('what another record has otherwise is shown by provider and by reason', async () => {
  const ratios = new Map([
    ['openai', -0.0125],
    [null, 0.5],
  ])
  expect(await shown({ against: 'langfuse', ratios, calls: CALLS })).toEqual([
    'llm_reconciliation_difference_ratio{against="langfuse",provider="openai"} -0.0125',
    'llm_reconciliation_difference_ratio{against="langfuse",provider="unknown"} 0.5',
    'llm_reconciliation_calls{against="langfuse",reason="missing_here"} 2',
    'llm_reconciliation_calls{against="langfuse",reason="missing_there"} 0',
    'llm_reconciliation_calls{against="langfuse",reason="price"} 1',
    'llm_reconciliation_calls{against="langfuse",reason="tokens"} 0',
    'llm_reconciliation_calls{against="langfuse",reason="day_boundary"} 3',
  ])
})

it('nothing is shown while nothing was compared', async () => {
  expect(await shown(null)).toEqual([])
})

it('no more providers have series than the catalogue allows', async () => {
  const ratios = new Map(Array.from({ length: 2 * LABEL_BOUNDS.provider }, (_, i) => [`p${i}`, 0] as const))
  const lines = await shown({ against: 'langfuse', ratios, calls: {} })
  expect(lines).toHaveLength(LABEL_BOUNDS.provider)
})
