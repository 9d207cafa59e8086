import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createEventReader, type ServerEvent } from './event-stream.ts'

/** Events of a text that arrives in pieces cut at these bytes. */
function read(text: string, cuts: readonly number[] = []): ServerEvent[] {
  const events: ServerEvent[] = []
  const reader = createEventReader((event) => events.push(event))
  const bytes = new TextEncoder().encode(text)
  const edges = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length]
  for (let at = 1; at < edges.length; at++) reader(bytes.subarray(edges[at - 1], edges[at]))
  return events
}

const STREAM =
  ': listening\n\nevent: change\ndata: {"scope":"customer",\ndata: "subject":"Müller 🧾"}\n\nid: 5\nretry: 10\ndata:bare\n\n'
const EVENTS = [
  { event: 'change', data: '{"scope":"customer",\n"subject":"Müller 🧾"}' },
  { event: 'message', data: 'bare' },
]

describe('server-sent events', () => {
  test.each([
    ['\n', STREAM],
    ['\r\n', STREAM.replaceAll('\n', '\r\n')],
    ['\r', `${STREAM.replaceAll('\n', '\r')}: end`],
    ['a mark of byte order first', `\uFEFF${STREAM}`],
  ])('are read with lines that end in %j, in whatever pieces they come', (_ending, text) => {
    fc.assert(
      fc.property(fc.array(fc.nat(200)), (cuts) => {
        expect(read(text, cuts)).toEqual(EVENTS)
      }),
    )
  })

  test('without data are none, and neither are comments nor what has not ended', () => {
    expect(read('event: change\n\n:comment\n\n\n\ndata: begun\n')).toEqual([])
    expect(read('data\n\n')).toEqual([{ event: 'message', data: '' }])
  })

  test('are told before the call with their last byte returns', () => {
    const events: ServerEvent[] = []
    const reader = createEventReader((event) => events.push(event))
    reader(new TextEncoder().encode('data: x\n'))
    expect(events).toHaveLength(0)
    reader(new TextEncoder().encode('\n'))
    expect(events).toHaveLength(1)
  })

  test('without an end are refused instead of filling the memory', () => {
    expect(() => read(`data: ${'x'.repeat(70_000)}`)).toThrow(RangeError)
    expect(() => read(`data: ${'x'.repeat(1000)}\n`.repeat(100))).toThrow(RangeError)
  })
})
