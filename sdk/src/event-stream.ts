/** One server-sent event. */
export interface ServerEvent {
  /** `message` where the server names none. */
  readonly event: string
  readonly data: string
}

/** A line as long as this is no event of ours; keeping on would let a broken server fill the memory. */
const LONGEST_LINE = 65_536

/**
 * Reads server-sent events (the WHATWG's event stream) from chunks as they arrive. `onEvent` is called before the call with
 * the chunk that ends the event returns. Comments and the fields `id` and `retry` are left alone. Throws a RangeError on a line
 * or an event without an end.
 */
export function createEventReader(onEvent: (event: ServerEvent) => void): (chunk: Uint8Array) => void {
  const decoder = new TextDecoder()
  let rest = ''
  let event = ''
  let data: string[] = []
  let size = 0
  const dispatch = () => {
    if (data.length > 0) onEvent({ event: event === '' ? 'message' : event, data: data.join('\n') })
    event = ''
    data = []
    size = 0
  }
  const take = (line: string) => {
    if (line === '') return dispatch()
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') event = value
    if (field !== 'data') return
    data.push(value)
    size += value.length
    if (size > LONGEST_LINE) throw new RangeError(`an event of more than ${LONGEST_LINE} characters`)
  }
  return (chunk) => {
    rest += decoder.decode(chunk, { stream: true })
    // A \r at the end may be the first half of \r\n: it waits for what comes next.
    const lines = rest.split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop() ?? ''
    for (const line of lines) take(line)
    if (rest.length > LONGEST_LINE) throw new RangeError(`a line of more than ${LONGEST_LINE} characters`)
  }
}
