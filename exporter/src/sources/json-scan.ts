/** What a scan of bytes came upon. */
export const MORE = 0 // the bytes are used up in the middle of the value
export const DONE = 1 // the value ended; `at` is the first byte behind it
export const BAD = 2 // the byte at `at` cannot stand there

/** Deepest nesting that is followed; what is deeper is refused. */
export const MOST_DEPTH = 512

const OTHER = 0
const QUOTE = 1
const OPEN = 2
const CLOSE = 3
const NEWLINE = 4
const KIND = new Uint8Array(256)
KIND[0x22] = QUOTE
KIND[0x7b] = OPEN
KIND[0x5b] = OPEN
KIND[0x7d] = CLOSE
KIND[0x5d] = CLOSE
KIND[0x0a] = NEWLINE
const BACKSLASH = 0x5c

/** Space, tab, newline or carriage return. */
export function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

/** Where the current line began and which one it is, for messages. Counts newlines outside strings only: none are legal inside. */
export class Lines {
  line = 1
  /** Position in the whole body of the line's first byte. */
  start = 0
}

/**
 * Finds the end of one JSON object or array by its brackets and strings alone, across any number of chunks. It does not judge
 * what stands between: that is left to `JSON.parse`, which is native and several times faster than any check written here.
 */
export class Scan {
  /** First byte that was not used. */
  at = 0
  depth = 0
  private readonly stack = new Uint8Array(MOST_DEPTH + 1)
  private inString = false
  private escaped = false

  reset(): void {
    this.depth = 0
    this.inString = false
    this.escaped = false
  }

  /** Goes on at `from` of `chunk`, whose first byte is byte `base` of the body. The first byte of a value must be its bracket. */
  run(chunk: Uint8Array, from: number, base: number, lines: Lines): typeof MORE | typeof DONE | typeof BAD {
    let i = from
    const end = chunk.length
    while (i < end) {
      if (this.inString) {
        i = this.skipString(chunk, i)
        continue
      }
      let kind = OTHER
      while (i < end) {
        kind = KIND[chunk[i++] as number] as number
        if (kind !== OTHER) break
      }
      if (kind === OTHER) break
      if (kind === QUOTE) this.inString = true
      else if (kind === NEWLINE) {
        lines.line++
        lines.start = base + i
      } else if (kind === OPEN) {
        if (this.depth === MOST_DEPTH) return this.stop(i - 1, BAD)
        this.stack[this.depth++] = chunk[i - 1] as number
      } else {
        // '{' and '}', '[' and ']' lie two apart.
        if (this.depth === 0 || this.stack[this.depth - 1] !== (chunk[i - 1] as number) - 2)
          return this.stop(i - 1, BAD)
        if (--this.depth === 0) return this.stop(i, DONE)
      }
    }
    return this.stop(end, MORE)
  }

  /** Returns the first byte behind the string, or the chunk's end while it is open. */
  private skipString(chunk: Uint8Array, from: number): number {
    const end = chunk.length
    let i = from
    if (this.escaped) {
      this.escaped = false
      i++
    }
    while (i < end) {
      const byte = chunk[i++] as number
      if (byte === 0x22) {
        this.inString = false
        return i
      }
      if (byte === BACKSLASH && i++ === end) this.escaped = true
    }
    return end
  }

  private stop<T>(at: number, result: T): T {
    this.at = at
    return result
  }
}
