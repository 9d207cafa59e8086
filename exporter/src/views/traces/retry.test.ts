import { expect, it } from 'vitest'
import { HttpError } from '../../clients/http.ts'
import { retryOf } from './retry.ts'

const answered = (status: number, retryAfterMs: number | null = null) =>
  new HttpError('no', { kind: 'status', status, retryAfterMs })
const wait = (ms: number, patience = false) => ({ do: 'wait', ms, patience })

it('what is malformed or too large is dropped, all else is tried again', () => {
  for (const status of [400, 413, 415, 422]) expect(retryOf(answered(status), 0, () => 0)).toEqual({ do: 'drop' })
  for (const status of [401, 403, 404, 408, 500, 503]) expect(retryOf(answered(status), 0, () => 1)).toEqual(wait(1000))
  expect(retryOf(new HttpError('no', { kind: 'network' }), 0, () => 1)).toEqual(wait(1000))
  expect(retryOf(new Error('odd'), 0, () => 1)).toEqual(wait(1000))
})

it('tries grow apart up to a minute, spread by half', () => {
  expect([0, 1, 2, 5, 6, 99].map((n) => retryOf(answered(500), n, () => 1))).toEqual(
    [1000, 2000, 4000, 32_000, 60_000, 60_000].map((ms) => wait(ms)),
  )
  expect(retryOf(answered(500), 1, () => 0)).toEqual(wait(1000))
})

it('Langfuse is not asked before the time that it names, an hour too', () => {
  expect(retryOf(answered(429, 3_600_000), 0, () => 0)).toEqual(wait(3_600_000, true))
  expect(retryOf(answered(429, 0), 0, () => 0)).toEqual(wait(1000, true))
  expect(retryOf(answered(503, 90_000), 0, () => 0)).toEqual(wait(90_000))
})
