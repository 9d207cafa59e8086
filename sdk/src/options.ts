import type { GuardTrouble } from './trouble.ts'

export interface GuardOptions {
  /** The exporter's address, such as `http://127.0.0.1:9464`. */
  readonly url: string
  /** The key that the policy file names `server.keys.gateway`; absent or null where the exporter, on this machine, needs none. */
  readonly key?: string | null | undefined
  /** How calls go out; the runtime's own when absent. */
  readonly fetch?: typeof fetch | undefined
  /** The clock, epoch milliseconds. */
  readonly now?: (() => number) | undefined
  /** Scatters reconnections: 0 ≤ x < 1. */
  readonly random?: (() => number) | undefined
  /** The longest that an answer is used again, milliseconds, at most 5 minutes, which is the default. 0 = never. */
  readonly cacheMs?: number | undefined
  /**
   * Whether calls are let through that no decision can be had for. Absent: as the policy last said, and until it said anything,
   * they are.
   */
  readonly failOpen?: boolean | undefined
  /** How long a call waits for a decision, milliseconds; 250 when absent. */
  readonly deadlineMs?: number | undefined
  /** Told once when something begins to be wrong, not for each call. Absent: a warning of the process. */
  readonly onError?: ((trouble: GuardTrouble) => void) | undefined
}

/** Options with every default filled in. */
export interface Settings {
  readonly url: string
  readonly key: string | null
  readonly fetch: typeof fetch
  readonly now: () => number
  readonly random: () => number
  readonly cacheMs: number
  readonly failOpen: boolean | null
  readonly deadlineMs: number
  readonly onError: (trouble: GuardTrouble) => void
}

const LONGEST_CACHE_MS = 5 * 60_000
const LONGEST_DEADLINE_MS = 60_000
const DEADLINE_MS = 250

/** Checks options. Throws a RangeError that says what was found and what is expected: when the application starts, not later. */
export function readOptions(options: GuardOptions): Settings {
  const { key = null, cacheMs = LONGEST_CACHE_MS, deadlineMs = DEADLINE_MS } = options
  if (key === '') {
    throw new RangeError(
      'key is empty; expected the key that the policy file names server.keys.gateway, or none at all',
    )
  }
  if (!(cacheMs >= 0 && cacheMs <= LONGEST_CACHE_MS)) {
    throw new RangeError(`cacheMs is ${cacheMs}; expected milliseconds from 0 to ${LONGEST_CACHE_MS}`)
  }
  if (!(deadlineMs > 0 && deadlineMs <= LONGEST_DEADLINE_MS)) {
    throw new RangeError(`deadlineMs is ${deadlineMs}; expected milliseconds above 0, at most ${LONGEST_DEADLINE_MS}`)
  }
  return {
    url: readUrl(options.url),
    key,
    // Looked up at each call, so that instrumentation that wraps the runtime's fetch later is heeded.
    fetch: options.fetch ?? ((input, init) => fetch(input, init)),
    now: options.now ?? Date.now,
    random: options.random ?? Math.random,
    cacheMs,
    failOpen: options.failOpen ?? null,
    deadlineMs,
    onError: options.onError ?? ((trouble) => process.emitWarning(trouble)),
  }
}

function readUrl(url: unknown): string {
  const parsed = typeof url === 'string' && URL.canParse(url) ? new URL(url) : null
  if (parsed === null || !['http:', 'https:'].includes(parsed.protocol)) {
    const found = typeof url === 'string' ? JSON.stringify(url.slice(0, 100)) : typeof url
    throw new RangeError(`url is ${found}; expected the exporter's address, such as http://127.0.0.1:9464`)
  }
  if (parsed.username !== '' || parsed.search !== '' || parsed.hash !== '') {
    throw new RangeError('url has a user, a query or a fragment; expected the bare address, and the key in key')
  }
  return `${parsed.origin}${parsed.pathname}`.replace(/\/+$/, '')
}
