import type { Cuts } from './cut.ts'
import type { NetworkCounters } from './engine.ts'

/** What one reading of a container says, and when. */
export interface Reading {
  readonly id: string
  /** Name under which its cost is added up. */
  readonly service: string
  /** Begin of its run by the engine's clock: another one is another run, whose counters began at zero. */
  readonly run: number
  /** The same by our clock. */
  readonly startedAt: number
  /** When it was read, by our clock. */
  readonly at: number
  readonly cpu: bigint
  /** Working set; null = not told. */
  readonly memory: bigint | null
  /** None of a container that uses another one's network. */
  readonly networks: ReadonlyMap<string, NetworkCounters>
}

/** What is added up since the last span ended. */
export interface Open {
  readonly start: number
  readonly cpu: bigint
  readonly network: bigint
  /** In 2,000ths of a byte-second, which is what two readings times milliseconds make. */
  readonly memory: bigint
  /** Of a part of it nobody knows how much memory was used. */
  readonly unknown: boolean
}

/** How far the use of a container is counted: the counters up to which, and what waits for the end of its span. */
export interface Use {
  readonly id: string
  readonly service: string
  readonly run: number
  readonly at: number
  readonly cpu: bigint
  readonly memory: bigint | null
  readonly networks: ReadonlyMap<string, NetworkCounters>
  readonly open: Open
}

/** Use of one container between two moments of one local day. */
export interface Span {
  readonly id: string
  readonly service: string
  readonly start: number
  readonly end: number
  /** Nanoseconds of one processor. */
  readonly cpu: bigint
  readonly network: bigint
  /** Byte-seconds. */
  readonly memory: bigint
  readonly unknown: boolean
}

export interface Counted {
  readonly use: Use
  readonly spans: readonly Span[]
}

export interface Rules {
  readonly cuts: Cuts
  /** Between readings further apart than this nobody knows how much memory was used, milliseconds. */
  readonly gapMs: number
}

/** Two readings of memory, in bytes, times milliseconds, are this many byte-seconds. */
const HALF_BYTE_MS = 2000n
const NOTHING = { cpu: 0n, network: 0n, memory: 0n, unknown: false } as const

/**
 * The use of a container that was not known before. One that started since `since`, from when on we have been looking, is
 * counted from its start; of one that ran before, only what comes.
 */
export function begin(reading: Reading, since: number, rules: Rules): Counted {
  const { id, service, run, memory } = reading
  const from = Math.min(reading.startedAt, reading.at)
  if (from >= since) {
    const zero: Use = {
      id,
      service,
      run,
      at: from,
      cpu: 0n,
      memory,
      networks: new Map(),
      open: { start: from, ...NOTHING },
    }
    return advance(zero, reading, rules)
  }
  const { at, cpu, networks } = reading
  return { use: { id, service, run, at, cpu, memory, networks, open: { start: at, ...NOTHING } }, spans: [] }
}

/**
 * Counts what a container used since it was last read; gives the spans that ended meanwhile. What lies between two readings is
 * spread evenly. A counter that fell began anew, and so did all of them with another run. Sums are exact: what one span is not
 * given by rounding, the next one gets. A clock that is a little behind waits until it has caught up.
 */
export function advance(use: Use, reading: Reading, { cuts, gapMs }: Rules): Counted {
  const anew = reading.run !== use.run
  const to = Math.max(reading.at, use.at)
  const from = anew ? Math.min(Math.max(reading.startedAt, use.at), to) : use.at
  const gap = to - from > gapMs
  const memory = anew ? reading.memory : use.memory
  const known = !gap && memory !== null && reading.memory !== null
  const left = {
    cpu: grown(reading.cpu, anew ? 0n : use.cpu),
    network: bytesBetween(anew ? new Map() : use.networks, reading.networks),
    memory: known ? (memory + reading.memory) * BigInt(to - from) : 0n,
  }
  const spans: Span[] = []
  let open = use.open
  let done = from
  // Of a time that nobody looked at there is nothing to show by the minute: only the days are kept apart.
  const cut = gap ? (at: number) => Math.min(cuts.midnight(at), to) : cuts.next
  for (let end = cut(open.start); end <= to && end > open.start; end = cut(open.start)) {
    const part = share(left, end - done, to - done)
    if (end > done) open = { ...plus(open, part), unknown: open.unknown || !known }
    left.cpu -= part.cpu
    left.network -= part.network
    left.memory -= part.memory
    const closed = close(use, reading.service, open, end)
    spans.push(closed.span)
    done = Math.max(done, end)
    open = { ...NOTHING, start: done, memory: closed.left }
  }
  open = { ...plus(open, left), unknown: open.unknown || (!known && to > done) }
  const { id, service, run, cpu, networks } = reading
  return { use: { id, service, run, at: to, cpu, memory: reading.memory, networks, open }, spans }
}

/** The last span of a container that is gone, or whose use is counted by another clock from now on; none when it is empty. */
export function finish(use: Use): readonly Span[] {
  const { open } = use
  if (use.at === open.start && open.cpu === 0n && open.network === 0n) return []
  // Not of no length: another span may have ended at the moment at which this one begins.
  return [close(use, use.service, open, Math.max(use.at, open.start + 1)).span]
}

function close({ id }: Use, service: string, open: Open, end: number): { span: Span; left: bigint } {
  const { start, cpu, network, unknown } = open
  const memory = open.memory / HALF_BYTE_MS
  return { span: { id, service, start, end, cpu, network, memory, unknown }, left: open.memory % HALF_BYTE_MS }
}

type Amounts = Pick<Open, 'cpu' | 'network' | 'memory'>

/** The whole part of it that falls into the first `ms` of `whole`. */
function share({ cpu, network, memory }: Amounts, ms: number, whole: number): Amounts {
  if (ms <= 0) return NOTHING
  const [part, of] = [BigInt(ms), BigInt(whole)]
  return { cpu: (cpu * part) / of, network: (network * part) / of, memory: (memory * part) / of }
}

function plus(open: Open, { cpu, network, memory }: Amounts): Open {
  return { ...open, cpu: open.cpu + cpu, network: open.network + network, memory: open.memory + memory }
}

function grown(now: bigint, before: bigint): bigint {
  return now < before ? now : now - before
}

/** Interface by interface: one that is taken away or added must not look as if the others had begun anew. */
function bytesBetween(before: Use['networks'], now: Use['networks']): bigint {
  let sum = 0n
  for (const [name, { received, sent }] of now) {
    const earlier = before.get(name)
    sum += grown(received, earlier?.received ?? 0n) + grown(sent, earlier?.sent ?? 0n)
  }
  return sum
}
