import type { Lines } from './json-scan.ts'

export type JsonObject = Readonly<Record<string, unknown>>

/** What a body gives, in its order. Positions count bytes from 0; line and column from 1. */
export type Piece =
  | { readonly kind: 'record'; readonly index: number; readonly value: JsonObject }
  | RefusedPiece
  | Broken

export interface RefusedPiece {
  readonly kind: 'refused'
  readonly index: number
  readonly offset: number
  /** Never quotes the body. */
  readonly reason: string
}

/** The body stopped making sense. It is the last piece; all before it was delivered. */
export interface Broken {
  readonly kind: 'broken'
  readonly offset: number
  readonly line: number
  readonly column: number
  readonly reason: string
}

/** Puts the pieces of a body in order and numbers them. */
export class Pieces {
  private index = 0
  private out: Piece[] = []
  /** A first line that is no JSON: one bad line among good ones, or a body that is broken as a whole. */
  private doubt: { refused: RefusedPiece; line: number; column: number } | null = null
  /** Inside several lines that are no JSON. */
  private junk = false
  private first = { line: 1, column: 1 }

  /** The pieces since the last call. */
  taken(): Piece[] {
    const { out } = this
    this.out = []
    return out
  }

  /** A value begins here; it may turn out to be where the body breaks. */
  begins(offset: number, lines: Lines): void {
    if (this.index === 0 && !this.doubt) this.first = { line: lines.line, column: offset - lines.start + 1 }
  }

  deliver(value: JsonObject): void {
    this.settle()
    this.junk = false
    this.out.push({ kind: 'record', index: this.index++, value })
  }

  refuse(offset: number, reason: string): void {
    this.settle()
    this.out.push(this.refused(offset, reason))
    this.index++
  }

  /** Of several lines in a row that are no JSON only the first is refused. */
  refuseLine(offset: number, reason: string): void {
    if (this.junk) return
    this.junk = true
    if (this.index > 0 || this.doubt) this.refuse(offset, reason)
    else this.doubt = { refused: this.refused(offset, reason), ...this.first }
  }

  /** Something else follows a first line that was no JSON: so it was one bad line, and the body goes on. */
  settle(): void {
    if (!this.doubt) return
    this.out.push(this.doubt.refused)
    this.doubt = null
    this.index++
  }

  broken(offset: number, lines: Lines, reason: string): void {
    this.settle()
    this.out.push({ kind: 'broken', offset, line: lines.line, column: offset - lines.start + 1, reason })
  }

  /** Nothing follows a first line that was no JSON: so the body as a whole is broken. */
  end(): void {
    if (!this.doubt) return
    const { refused, line, column } = this.doubt
    this.doubt = null
    this.out.push({ kind: 'broken', offset: refused.offset, line, column, reason: refused.reason })
  }

  private refused(offset: number, reason: string): RefusedPiece {
    return { kind: 'refused', index: this.index, offset, reason: `record at byte ${offset}: ${reason}` }
  }
}
