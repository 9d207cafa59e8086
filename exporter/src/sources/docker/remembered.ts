import type { Metered } from '../../usage.ts'
import type { Use } from './use.ts'

/** Everything by which counting goes on: kept in the ledger's own file, and as a whole, so that it is of one moment. */
export interface Remembered {
  /** Which engine and which of its containers; another one begins anew. */
  readonly of: string
  /** Since when it has been looked at, by our clock: what started later is counted from its start. Null = not yet. */
  readonly since: number | null
  /** When it was last looked at. */
  readonly at: number
  /** How often our clock was set back by more than it may lag. */
  readonly turn: number
  /** End of the last span that was made an entry of. */
  readonly lastEnd: number
  readonly uses: ReadonlyMap<string, Use>
  /** Entries that may not be recorded yet. They are handed in again as they are: their keys make them count once. */
  readonly pending: readonly Metered[]
}

const VERSION = 1

export function nothingRemembered(of: string): Remembered {
  return { of, since: null, at: Number.NEGATIVE_INFINITY, turn: 0, lastEnd: 0, uses: new Map(), pending: [] }
}

/** As text, whole numbers of any size included. */
export function rememberedText(remembered: Remembered): string {
  const uses = [...remembered.uses.values()].map((use) => ({ ...use, networks: [...use.networks] }))
  const at = Number.isFinite(remembered.at) ? remembered.at : null
  return JSON.stringify({ ...remembered, version: VERSION, at, uses }, (_, value: unknown) =>
    typeof value === 'bigint' ? { n: String(value) } : value,
  )
}

/** Null when it is the text of something else, or of another version. */
export function readRemembered(text: string): Remembered | null {
  try {
    const read = JSON.parse(text, (_, value: unknown) => (isWhole(value) ? BigInt(value.n) : value)) as Written
    if (read.version !== VERSION || !Array.isArray(read.uses) || !Array.isArray(read.pending)) return null
    const { version: _, uses, at, ...rest } = read
    return {
      ...rest,
      at: at ?? Number.NEGATIVE_INFINITY,
      uses: new Map(uses.map((use) => [use.id, { ...use, networks: new Map(use.networks) }])),
    }
  } catch {
    return null
  }
}

type Written = Omit<Remembered, 'uses' | 'at'> & {
  readonly version: number
  readonly at: number | null
  readonly uses: readonly (Omit<Use, 'networks'> & { networks: [string, { received: bigint; sent: bigint }][] })[]
}

function isWhole(value: unknown): value is { readonly n: string } {
  return typeof value === 'object' && value !== null && 'n' in value && typeof value.n === 'string'
}
