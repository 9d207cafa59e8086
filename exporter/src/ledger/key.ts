import { hash } from 'node:crypto'
import type { Observation } from '../usage.ts'

/** Idempotency key as the ledger keeps it: 128 bits, so that two different keys never meet in practice. */
export interface KeyHash {
  readonly high: bigint
  readonly low: bigint
  /** Both halves as 16 characters of one byte each, for maps. */
  readonly id: string
}

const STORED = /^#[0-9a-f]{32}$/
const view = new DataView(new ArrayBuffer(16))

/**
 * Hash of an idempotency key (SHA-256, first 128 bits). A key that was read back from a ledger (`#` and 32 hex digits)
 * stands for itself, so entries can be carried from one ledger to another.
 */
export function hashKey(key: string): KeyHash {
  // A binary (latin1) string is three times as fast to get out of the hash as a Buffer.
  const id = STORED.test(key)
    ? Buffer.from(key.slice(1), 'hex').toString('latin1')
    : hash('sha256', key, 'binary').slice(0, 16)
  for (let i = 0; i < 16; i++) view.setUint8(i, id.charCodeAt(i))
  return { high: view.getBigInt64(0), low: view.getBigInt64(8), id }
}

/**
 * Key of an observation or a score whatever it says, the same after each edit: store, project and id. The store is the source
 * up to a colon, so that it is the same whichever of several connections has read it. A call that a trace store alone has seen
 * has an event of this key.
 */
export function observationKey({ source, project, id }: Pick<Observation, 'source' | 'project' | 'id'>): string {
  return `${source.split(':', 1)[0]}:${project}:${id}`
}

/** The map form of two stored halves. */
export function keyId(high: bigint, low: bigint): string {
  return Buffer.from(storedKey(high, low).slice(1), 'hex').toString('latin1')
}

/** The text form under which a stored key is read back. */
export function storedKey(high: bigint, low: bigint): string {
  const hex = (half: bigint) => BigInt.asUintN(64, half).toString(16).padStart(16, '0')
  return `#${hex(high)}${hex(low)}`
}

/** 32 of the bits, for the set of recent keys. */
export function keyWord(id: string): number {
  return (id.charCodeAt(12) << 24) | (id.charCodeAt(13) << 16) | (id.charCodeAt(14) << 8) | id.charCodeAt(15)
}
