import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readTraceparent, spanIdOf, traceIdOf, traceparentText } from './ids.ts'

const CALL = '11111111-2222-4333-8444-555555555555'
const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = `00-${TRACE}-b7ad6b7169203331-01`
const none = { callId: CALL, traceparent: null, trace: null, session: null }

describe('The trace of a call', () => {
  it('is the one of its traceparent, whatever else it names', () => {
    expect(traceIdOf({ ...none, traceparent: PARENT, trace: 'mine' })).toBe(TRACE)
    expect(traceIdOf({ ...none, traceparent: PARENT.toUpperCase() })).toBe(TRACE)
  })

  it('is the one that it names, with or without dashes', () => {
    expect(traceIdOf({ ...none, trace: TRACE })).toBe(TRACE)
    expect(traceIdOf({ ...none, trace: '0AF76519-16cd-43dd-8448-eb211c80319c' })).toBe(TRACE)
  })

  it("is made of a name as Langfuse's own SDKs make it", () => {
    // createTraceId('order-12345') of @langfuse/tracing.
    expect(traceIdOf({ ...none, trace: 'order-12345' })).toBe('a6d3b229b92ec35f2132c14632d73ab4')
  })

  it('is its own, by its call id, where it names none, none that is valid, or its session', () => {
    const own = CALL.replaceAll('-', '')
    expect(traceIdOf(none)).toBe(own)
    expect(traceIdOf({ ...none, trace: 'chat-17', session: 'chat-17' })).toBe(own)
    expect(traceIdOf({ ...none, traceparent: `00-${'0'.repeat(32)}-b7ad6b7169203331-01` })).toBe(own)
    expect(traceIdOf({ ...none, traceparent: 'nonsense' })).toBe(own)
  })

  it('and its event have ids that are valid, whatever is named, and the same each time', () => {
    fc.assert(
      fc.property(
        fc.record({
          callId: fc.uuid(),
          trace: fc.option(fc.string()),
          session: fc.option(fc.string()),
          traceparent: fc.option(fc.string()),
        }),
        (call) => {
          const traceId = traceIdOf(call)
          const spanId = spanIdOf(call.callId, 'marginwatch.block')
          expect(traceId).toBe(traceIdOf(call))
          expect(readTraceparent(traceparentText({ traceId, spanId }))).toEqual({ traceId, spanId })
        },
      ),
    )
  })

  it('has two events of its own for two decisions', () => {
    expect(spanIdOf(CALL, 'marginwatch.block')).not.toBe(spanIdOf(CALL, 'marginwatch.degrade'))
  })
})
