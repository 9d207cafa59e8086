import { describe, expect, test } from 'vitest'
import type { Call } from './call.ts'
import { decidedCall } from './litellm/decided.ts'
import { createPeople } from './people.ts'
import { createTraffic } from './traffic.ts'

const FROM = Date.UTC(2026, 10, 3, 9)
const [any] = [...createTraffic({ seed: 5 }).calls(FROM, FROM + 3_600_000)].filter(
  ({ outcome }) => outcome === 'success',
)
const call = (session: string | null, start = FROM): Call => ({ ...(any as Call), session, start })
const refused = (one: Call, status = 402, retry_after?: number): Call => {
  const refusal = { status, type: 'x', message: 'No.', ...(retry_after === undefined ? {} : { retry_after }) }
  return decidedCall(one, { kind: 'refused', reason: 'customer', refusal })
}

describe('those who are refused', () => {
  test('try two to four times, each conversation as often as it always would, then leave it', () => {
    const tries = (session: string): number => {
      const people = createPeople()
      let n = 0
      for (; n < 100 && people.goesOn(call(session)); n++) people.told(refused(call(session)))
      return n
    }
    const counts = Array.from({ length: 200 }, (_, i) => tries(`chat-${i}`))
    expect(new Set(counts)).toEqual(new Set([2, 3, 4]))
    expect(Array.from({ length: 200 }, (_, i) => tries(`chat-${i}`))).toEqual(counts)
  })

  test('forget it when they are answered', () => {
    const people = createPeople()
    for (let i = 0; i < 50; i++) {
      expect(people.goesOn(call('chat-1'))).toBe(true)
      people.told(i % 2 === 0 ? refused(call('chat-1')) : call('chat-1'))
    }
  })

  test('wait for as long as they are asked to, however often', () => {
    const people = createPeople()
    for (let i = 0; i < 20; i++) {
      const start = FROM + i * 60_000
      expect(people.goesOn(call('chat-1', start))).toBe(true)
      people.told(refused(call('chat-1', start), 429, 40))
      expect(people.goesOn(call('chat-1', start + 39_999))).toBe(false)
    }
  })

  test('leave nothing that another conversation, or one without a name, would feel', () => {
    const people = createPeople()
    for (let i = 0; i < 9; i++) for (const session of ['chat-1', null]) people.told(refused(call(session)))
    expect([people.goesOn(call('chat-2')), people.goesOn(call(null)), people.goesOn(call('chat-1'))]).toEqual([
      true,
      true,
      false,
    ])
  })
})
