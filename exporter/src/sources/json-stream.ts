import { BAD, DONE, isSpace, Lines, MORE } from './json-scan.ts'
import { type JsonObject, type Piece, Pieces } from './json-pieces.ts'
import { kindOf, parsed, Value } from './json-value.ts'

export type { Broken, JsonObject, Piece } from './json-pieces.ts'

export interface SplitOptions {
  /** A record of more bytes is refused; the rest goes on. Default 1 MiB. */
  readonly recordBytes?: number
  /** The body is one object; its member of this name holds the array of records, the others become `envelope`. */
  readonly rows?: string
}

const COMMA = 0x2c
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const QUOTE = 0x22
const COLON = 0x3a
const NEWLINE = 0x0a
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf]
const MOST_MEMBER = 65_536

type State =
  | 'lines' // between values of the outermost level
  | 'line value' // inside one
  | 'junk' // in a line that is no JSON
  | 'first element' // behind '['
  | 'element' // behind ',' in the array
  | 'element value'
  | 'after element'
  | 'first key' // behind '{' of the envelope
  | 'key'
  | 'key value'
  | 'colon'
  | 'member'
  | 'member value'
  | 'after member'
  | 'broken'

/**
 * Cuts a body into its records while it arrives, and never holds more than one of them: a JSON array, NDJSON, a single object,
 * or an envelope object around an array. A record that cannot be read is refused by itself; what comes before and after it is
 * delivered. `write` and `end` never throw.
 */
export class JsonSplitter {
  /** Small members of the envelope, complete when the body has ended. */
  readonly envelope: Record<string, unknown> = {}
  /** True once the array of records (or a line of its own) was seen. */
  foundRows = false
  private state: State
  private position = 0
  private readonly lines = new Lines()
  private readonly value: Value
  private readonly member = new Value(MOST_MEMBER)
  private readonly rows: string | undefined
  private readonly recordBytes: number
  private key = ''
  private inEnvelope = false
  private started = false
  /** Bytes of a byte order mark in front of everything. */
  private marks = 0
  private readonly pieces = new Pieces()

  constructor(options: SplitOptions = {}) {
    this.recordBytes = options.recordBytes ?? 1_048_576
    this.rows = options.rows
    this.value = new Value(this.recordBytes)
    this.state = 'lines'
  }

  /** Takes the next bytes; returns what they completed. */
  write(chunk: Uint8Array): Piece[] {
    let i = 0
    while (i < chunk.length && this.state !== 'broken') i = this.step(chunk, i)
    this.position += chunk.length
    return this.pieces.taken()
  }

  /** The body has ended; returns the last pieces. */
  end(): Piece[] {
    if (this.state === 'line value') this.endInLine()
    else if (this.state !== 'lines' && this.state !== 'junk' && this.state !== 'broken')
      this.break(this.position, 'the body ends in the middle of it')
    this.state = 'broken'
    this.pieces.end()
    return this.pieces.taken()
  }

  /** One step from byte `i` of the chunk; returns the first byte that is left. */
  private step(chunk: Uint8Array, i: number): number {
    switch (this.state) {
      case 'line value':
        return this.lineValue(chunk, i)
      case 'element value':
        return this.elementValue(chunk, i)
      case 'key value':
      case 'member value':
        return this.memberValue(chunk, i)
      case 'junk':
        return this.junk(chunk, i)
    }
    const byte = chunk[i] as number
    if (isSpace(byte)) {
      if (byte === NEWLINE) this.newline(this.position + i + 1)
      return i + 1
    }
    return this.between(i, byte)
  }

  private between(i: number, byte: number): number {
    switch (this.state) {
      case 'lines':
        return this.atLine(i, byte)
      case 'first element':
      case 'element':
        return this.atElement(i, byte)
      case 'after element':
        if (byte === COMMA) this.state = 'element'
        else if (byte === CLOSE_ARRAY) this.state = this.inEnvelope ? 'after member' : 'lines'
        else return this.break(this.position + i, "expected ',' or ']' behind a record")
        return i + 1
      default:
        return this.inObject(i, byte)
    }
  }

  // ——— the outermost level: lines, one object, or an array

  private atLine(i: number, byte: number): number {
    const at = this.position + i
    if (at === this.marks && byte === BYTE_ORDER_MARK[at]) {
      this.marks++
      return i + 1
    }
    const first = !this.started
    this.started = true
    this.pieces.begins(this.position + i, this.lines)
    if (byte === OPEN_ARRAY) {
      this.pieces.settle()
      this.foundRows = true
      this.state = 'first element'
      return i + 1
    }
    if (byte === OPEN_OBJECT && first && this.rows !== undefined) {
      this.inEnvelope = true
      this.state = 'first key'
      return i + 1
    }
    if (byte === OPEN_OBJECT) {
      this.value.begin(this.position + i, byte)
      this.value.keep = true
      this.state = 'line value'
      return i
    }
    this.pieces.refuseLine(this.position + i, 'not JSON: expected an object or an array')
    this.state = 'junk'
    return i
  }

  private lineValue(chunk: Uint8Array, i: number): number {
    const result = this.value.run(chunk, i, this.position, this.lines)
    if (result === DONE && this.value.tooLong) this.refuseLong()
    else if (result === DONE) this.lineDone()
    else if (result === BAD) this.byLines(this.value.bytes(), 'its brackets do not match')
    else if (this.value.tooLong) return this.longLine()
    // Behind a bracket that does not match, the rest of the line cannot be read either.
    if (result !== MORE) this.state = result === DONE ? 'lines' : 'junk'
    return this.value.at
  }

  /** Too long to be one record: many lines of which the first lacks a bracket, or a record that is refused. */
  private longLine(): number {
    const { at, start } = this.value
    const bytes = this.value.bytes()
    const whole = bytes.lastIndexOf(NEWLINE) + 1
    const readable = linesOf(bytes.subarray(0, whole)).some(({ value }) => value !== undefined)
    if (readable) this.byLines(bytes.subarray(0, whole), 'its brackets do not match')
    else this.refuseLong()
    if (readable && bytes[whole] === OPEN_OBJECT) {
      this.value.begin(start + whole, OPEN_OBJECT)
      this.value.run(bytes.subarray(whole), 0, start + whole, this.lines)
      return at
    }
    // What is left of this line cannot be told from the record it belonged to.
    this.state = 'junk'
    return at
  }

  private lineDone(): void {
    const bytes = this.value.bytes()
    const value = parsed(bytes)
    if (value === undefined) this.byLines(bytes, 'not valid JSON')
    else this.deliver(value as JsonObject)
  }

  /** Delivers what can be read of a stretch that is no JSON as a whole; returns how many records that were. */
  private byLines(bytes: Buffer, reason: string): number {
    let delivered = 0
    for (const { at, value } of linesOf(bytes)) {
      if (value === undefined) this.pieces.refuseLine(this.value.start + at, reason)
      else {
        this.deliver(value)
        delivered++
      }
    }
    return delivered
  }

  private endInLine(): void {
    if (!this.value.tooLong) {
      const bytes = this.value.bytes()
      const whole = bytes.lastIndexOf(NEWLINE) + 1
      if (whole > 0 && this.byLines(bytes.subarray(0, whole), 'not valid JSON') > 0 && whole === bytes.length) {
        this.state = 'lines'
        return
      }
    }
    this.break(this.position, 'the body ends in the middle of it')
  }

  private junk(chunk: Uint8Array, i: number): number {
    const newline = chunk.indexOf(NEWLINE, i)
    if (newline < 0) return chunk.length
    this.state = 'lines'
    return newline
  }

  // ——— elements of the array

  private atElement(i: number, byte: number): number {
    if (byte === CLOSE_ARRAY && this.state === 'first element') {
      this.state = this.inEnvelope ? 'after member' : 'lines'
      return i + 1
    }
    if (byte === COMMA || byte === CLOSE_ARRAY || byte === CLOSE_OBJECT)
      return this.break(this.position + i, 'expected a record')
    this.value.begin(this.position + i, byte)
    this.value.keep = false
    this.state = 'element value'
    return i
  }

  private elementValue(chunk: Uint8Array, i: number): number {
    const result = this.value.run(chunk, i, this.position, this.lines)
    if (result === MORE) return this.value.at
    if (result === BAD) return this.break(this.position + this.value.at, 'its brackets do not match')
    this.state = 'after element'
    if (this.value.tooLong) this.refuseLong()
    else this.element(parsed(this.value.bytes()))
    return this.value.at
  }

  private element(value: unknown): void {
    if (value === undefined) this.pieces.refuse(this.value.start, 'not valid JSON')
    else if (typeof value !== 'object' || value === null || Array.isArray(value))
      this.pieces.refuse(this.value.start, `is ${kindOf(value)}, expected an object`)
    else this.deliver(value as JsonObject)
  }

  // ——— members of the envelope

  private inObject(i: number, byte: number): number {
    if (this.state === 'first key' || this.state === 'key') return this.atKey(i, byte)
    if (this.state === 'colon') {
      if (byte !== COLON) return this.break(this.position + i, "expected ':' behind a name")
      this.state = 'member'
      return i + 1
    }
    if (this.state === 'member') return this.atMember(i, byte)
    if (byte === COMMA) this.state = 'key'
    else if (byte === CLOSE_OBJECT) this.closeEnvelope()
    else return this.break(this.position + i, "expected ',' or '}' behind a member")
    return i + 1
  }

  private atKey(i: number, byte: number): number {
    if (byte === CLOSE_OBJECT && this.state === 'first key') {
      this.closeEnvelope()
      return i + 1
    }
    if (byte !== QUOTE) return this.break(this.position + i, 'expected a name in quotes')
    this.member.begin(this.position + i, byte)
    this.state = 'key value'
    return i
  }

  private atMember(i: number, byte: number): number {
    if (byte === OPEN_ARRAY && this.key === this.rows) {
      this.foundRows = true
      this.state = 'first element'
      return i + 1
    }
    this.member.begin(this.position + i, byte)
    this.state = 'member value'
    return i
  }

  private memberValue(chunk: Uint8Array, i: number): number {
    const isKey = this.state === 'key value'
    const result = this.member.run(chunk, i, this.position, this.lines)
    // A name is followed by ':', at which the scalar stops.
    const colon = isKey && result === BAD && chunk[this.member.at] === COLON
    if (result === MORE) return this.member.at
    if (result === BAD && !colon) return this.break(this.position + this.member.at, 'its brackets do not match')
    const value = this.member.tooLong ? null : parsed(this.member.bytes())
    if (value === undefined || (isKey && typeof value !== 'string'))
      return this.break(this.member.start, isKey ? 'expected a name in quotes' : 'not valid JSON')
    if (isKey) this.key = String(value)
    else this.keepMember(value)
    this.state = isKey ? 'colon' : 'after member'
    return this.member.at
  }

  private keepMember(value: unknown): void {
    Object.defineProperty(this.envelope, this.key, { value, enumerable: true, configurable: true, writable: true })
  }

  private closeEnvelope(): void {
    this.inEnvelope = false
    this.state = 'lines'
  }

  // ——— what comes out

  private newline(next: number): void {
    this.lines.line++
    this.lines.start = next
  }

  private deliver(value: JsonObject): void {
    this.foundRows = true
    this.pieces.deliver(value)
  }

  private refuseLong(): void {
    const { start, size } = this.value
    const found = this.state === 'line value' ? `more than ${this.recordBytes} bytes` : `${size} bytes`
    this.pieces.refuse(start, `${found}, at most ${this.recordBytes} are taken`)
  }

  private break(offset: number, reason: string): number {
    this.state = 'broken'
    this.pieces.broken(offset, this.lines, reason)
    return Number.MAX_SAFE_INTEGER
  }
}

/**
 * A stretch that is no JSON as a whole may be several lines of which one lacks a bracket: the lines that are objects by
 * themselves, and where the stretches between them begin.
 */
function linesOf(bytes: Buffer): { at: number; value: JsonObject | undefined }[] {
  const found: { at: number; value: JsonObject | undefined }[] = []
  for (let from = 0; from < bytes.length; ) {
    const newline = bytes.indexOf(NEWLINE, from)
    const to = newline < 0 ? bytes.length : newline
    const value = bytes[from] === OPEN_OBJECT ? (parsed(bytes.subarray(from, to)) as JsonObject | undefined) : undefined
    if (value !== undefined || found.length === 0 || found.at(-1)?.value !== undefined) found.push({ at: from, value })
    from = to + 1
  }
  return found
}

/** Longest stretch of work before others get their turn, milliseconds. */
const STRETCH = 5

/** Bytes that are cut at a time, so that a body handed over in one piece is not held as records in one piece. */
const BITE = 65_536

/**
 * The records of a body as it arrives, see JsonSplitter. Gives way to the rest of the program every few milliseconds. Rejects
 * only with what `chunks` rejects with.
 */
export async function* splitJson(chunks: AsyncIterable<Uint8Array>, splitter: JsonSplitter): AsyncGenerator<Piece> {
  let since = performance.now()
  for await (const chunk of chunks) {
    for (let from = 0; from < chunk.length; from += BITE) {
      yield* splitter.write(chunk.subarray(from, from + BITE))
      if (performance.now() - since < STRETCH) continue
      await new Promise((resolve) => setImmediate(resolve))
      since = performance.now()
    }
  }
  yield* splitter.end()
}
