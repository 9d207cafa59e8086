import { BAD, DONE, isSpace, type Lines, MORE, Scan } from './json-scan.ts'

/**
 * Collects the bytes of one JSON value that arrives in chunks: an object or array by its brackets, anything else up to the
 * comma, bracket or space that ends it. Of a value that grows beyond `most` bytes only the length is kept, unless `keep` is set;
 * then its owner stops it.
 */
export class Value {
  /** Position of its first byte in the body, and its length so far. */
  start = 0
  size = 0
  keep = false
  private bracketed = false
  /** First byte that was not used by `run`. */
  at = 0
  private readonly scan = new Scan()
  private parts: Uint8Array[] = []
  private inString = false
  private escaped = false
  private readonly most: number

  constructor(most: number) {
    this.most = most
  }

  get tooLong(): boolean {
    return this.size > this.most
  }

  begin(start: number, firstByte: number): void {
    this.start = start
    this.size = 0
    this.parts = []
    this.bracketed = firstByte === 0x7b || firstByte === 0x5b
    this.inString = false
    this.escaped = false
    this.scan.reset()
  }

  /** Uses bytes of `chunk` from `from` on; `base` is the position of the chunk's first byte in the body. */
  run(chunk: Uint8Array, from: number, base: number, lines: Lines): typeof MORE | typeof DONE | typeof BAD {
    const result = this.bracketed ? this.scan.run(chunk, from, base, lines) : this.runScalar(chunk, from)
    if (this.bracketed) this.at = this.scan.at
    this.size += this.at - from
    if (this.tooLong && !this.keep) this.parts = []
    else if (this.at > from) this.parts.push(chunk.subarray(from, this.at))
    return result
  }

  /** The bytes kept so far. */
  bytes(): Buffer {
    const [only] = this.parts
    return this.parts.length === 1 && only
      ? Buffer.from(only.buffer, only.byteOffset, only.length)
      : Buffer.concat(this.parts)
  }

  private runScalar(chunk: Uint8Array, from: number): typeof MORE | typeof DONE | typeof BAD {
    for (let i = from; i < chunk.length; i++) {
      const byte = chunk[i] as number
      if (this.inString) {
        if (this.escaped) this.escaped = false
        else if (byte === 0x5c) this.escaped = true
        else if (byte === 0x22) this.inString = false
      } else if (byte === 0x22) this.inString = true
      else if (byte === 0x2c || byte === 0x5d || byte === 0x7d || isSpace(byte)) return this.stop(i, DONE)
      else if (byte === 0x7b || byte === 0x5b || byte === 0x3a) return this.stop(i, BAD)
    }
    return this.stop(chunk.length, MORE)
  }

  private stop<T>(at: number, result: T): T {
    this.at = at
    return result
  }
}

/** `JSON.parse` of a value's bytes; undefined when they are not JSON. Its own message is not used: it quotes the body. */
export function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString())
  } catch {
    return undefined
  }
}

/** What a parsed value is, for messages. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  return `a ${typeof value}`
}
