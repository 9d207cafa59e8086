import { describe, expect, it } from 'vitest'
import { pushed } from '../../../test/support/litellm.ts'
import { statusOf } from './outcome.ts'
import type { Json } from './read.ts'
import { readRecord } from './record.ts'

const failure = (error: Json, spendLog: Json = {}) =>
  statusOf(
    readRecord({
      ...pushed('fail_conn'),
      error_str: null,
      error_information: error,
      metadata: { spend_logs_metadata: spendLog },
    }),
  )

describe('statusOf', () => {
  it.each([
    [{ error_class: 'ProxyException', error_code: '402', error_message: 'Your budget is used up' }, 'blocked'],
    [
      { error_class: 'HTTPException', error_code: '429', error_message: "{'type': 'customer_budget_exceeded'}" },
      'blocked',
    ],
    [{ error_class: 'HTTPException', error_code: '429', error_message: 'Crossed TPM limit' }, 'rejected'],
    [{ error_class: 'APIError', error_code: '402', llm_provider: 'openrouter', error_message: 'no credit' }, 'failed'],
    [{ error_class: 'BudgetExceededError', error_code: '422', llm_provider: 'openai' }, 'rejected'],
    [{ error_class: 'ProxyException', error_code: '401' }, 'rejected'],
    [{ error_class: 'KeyNotFoundError', error_code: '401', llm_provider: '' }, 'rejected'],
    [{ error_class: 'AuthenticationError', error_code: '401', llm_provider: 'openai' }, 'failed'],
    [{ error_class: 'BadRequestError', error_code: '400', llm_provider: 'openai' }, 'rejected'],
    [{ error_class: 'ContextWindowExceededError', error_code: '400', llm_provider: 'openai' }, 'rejected'],
    [{ error_class: 'RateLimitError', error_code: '429', llm_provider: 'openai' }, 'failed'],
    [{ error_class: 'RateLimitError', error_code: '429', error_rate_limit_category: 'litellm_rate_limit' }, 'rejected'],
    [
      { error_class: 'RouterRateLimitError', error_code: '429', normalized_error: '429_NO_HEALTHY_DEPLOYMENTS' },
      'failed',
    ],
    [{ error_class: 'Timeout', error_code: '408', llm_provider: 'openai' }, 'failed'],
    [{ error_class: 'ServiceUnavailableError', error_code: '503', llm_provider: 'openai' }, 'failed'],
    [
      { error_class: 'HTTPException', error_code: '499', error_message: 'Client disconnected the request' },
      'cancelled',
    ],
    [{ error_class: 'CancelledError' }, 'cancelled'],
    [{}, 'failed'],
  ])('says whose doing it was: %j is %s', (error, status) => {
    expect(failure(error)).toBe(status)
  })

  it('knows a refusal of our own hook by what it stamped on the call', () => {
    expect(failure({ error_class: 'HTTPException', error_code: '429' }, { gate_action: 'block' })).toBe('blocked')
    expect(failure({ error_class: 'HTTPException', error_code: '429' }, { gate_action: 'degrade' })).toBe('rejected')
  })
})
