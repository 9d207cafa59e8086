import { describe, expect, it } from 'vitest'
import { HttpError } from '../../clients/http.ts'
import { LedgerBusy, LedgerUnavailable } from '../../ledger/ledger.ts'
import { retryOf } from './retry.ts'

const network = (code: string) =>
  new HttpError(`GET /x of unix:///d failed: ${code}`, { kind: 'network', cause: Object.assign(new Error(), { code }) })
const reason = (error: unknown) => retryOf(error, 0, () => 0).reason

describe('a failed look', () => {
  it('is told with what to do about it', () => {
    expect(reason(network('EACCES'))).toMatch(
      /^The Docker engine's socket may not be read: .* Give this program's user its group/,
    )
    expect(reason(network('ECONNREFUSED'))).toMatch(/^The Docker engine cannot be reached: .* Is it running, /)
    expect(reason(network('EPIPE'))).toBe('The Docker engine cannot be reached: GET /x of unix:///d failed: EPIPE.')
    const slow = new HttpError('GET /x took longer than 10000 ms', { kind: 'deadline' })
    expect(reason(slow)).toBe('The Docker engine is slow: GET /x took longer than 10000 ms.')
    const refused = new HttpError('GET /x answered 403: no body', { kind: 'status', status: 403 })
    expect(reason(refused)).toMatch(/^The Docker engine's socket proxy refuses: .*CONTAINERS=1/)
    expect(reason(new LedgerUnavailable('the disk is full'))).toBe('The ledger cannot be written: the disk is full')
    expect(reason(new TypeError('x is not a function'))).toBe('Reading containers failed: x is not a function')
  })

  it('is tried again ever later, up to one or two minutes, and no sooner than the ledger asks', () => {
    const delays = [0, 1, 2, 6, 50].map((failures) => retryOf(network('EPIPE'), failures, () => 0.5).delayMs)
    expect(delays).toEqual([1500, 3000, 6000, 90_000, 90_000])
    expect(retryOf(network('EPIPE'), 0, () => 0).delayMs).toBe(1000)
    expect(retryOf(new LedgerBusy('much', 7000), 0, () => 0).delayMs).toBe(7000)
  })
})
