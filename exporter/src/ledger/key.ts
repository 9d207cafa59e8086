import { hash } from 'node:crypto'

/** Idempotency key as the ledger keeps it: 128 bits, so that two different keys never meet in practice. */
export interface KeyHash {
  readonly high: bigint
  readonly low: bigint
  /** Both halves as one string, for maps. */
  readonly id: string
}

const STORED = /^#[0-9a-f]{32}$/
const bytes = new Uint8Array(16)
const view = new DataView(bytes.buffer)

/**
 * Hash of an idempotency key (SHA-256, first 128 bits). A key that was read back from a ledger (`#` and 32 hex digits)
 * stands for itself, so entries can be carried from one ledger to another.
 */
export function hashKey(key: string): KeyHash {
  if (STORED.test(key)) for (let i = 0; i < 16; i++) bytes[i] = Number.parseInt(key.slice(1 + 2 * i, 3 + 2 * i), 16)
  else {
    // A binary (latin1) string is three times as fast to get out of the hash as a Buffer.
    const digest = hash('sha256', key, 'binary')
    for (let i = 0; i < 16; i++) bytes[i] = digest.charCodeAt(i)
  }
  const high = view.getBigInt64(0)
  const low = view.getBigInt64(8)
  return { high, low, id: keyId(high, low) }
}

/** The map form of two stored halves. */
export function keyId(high: bigint, low: bigint): string {
  view.setBigInt64(0, high)
  view.setBigInt64(8, low)
  return String.fromCharCode(...new Uint16Array(bytes.buffer))
}

/** The text form under which a stored key is read back. */
export function storedKey(high: bigint, low: bigint): string {
  const hex = (half: bigint) => BigInt.asUintN(64, half).toString(16).padStart(16, '0')
  return `#${hex(high)}${hex(low)}`
}

/** 32 of the bits, for the set of recent keys. */
export function keyWord(low: bigint): number {
  return Number(BigInt.asUintN(32, low))
}
