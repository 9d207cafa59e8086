import { DROP_REASONS, type DropReason } from '../../catalogue.ts'
import type { GatewayHealth, SpoolHealth } from '../source.ts'
import { type GatewayReport, readReport } from './gateway-report.ts'

/** The processes of the gateway, by what each says of itself with every post. */
export interface Gateways {
  /** Takes what a post says in its header, which may be anything. */
  heard(header: unknown, now: number): Post
  health(now: number): GatewayHealth
}

/** One post of a process. */
export interface Post {
  /** Why its header could not be read, in a sentence; null when it was read or is absent. */
  readonly problem: string | null
  /** So many records of the post were answered for: they wait no longer. */
  acknowledged(records: number): void
}

/** A process that was silent for longer is not counted on: it may be gone. It speaks every ten seconds. */
const HEARD_MS = 60_000
const MOST = 256

interface Process {
  heardAt: number
  skewMs: number
  events: number
  /** By our clock. */
  oldest: number | null
  readonly dropped: Record<DropReason, number>
  undecided: number
}

/** Remembers at most 256 processes; a new one takes the place of the one that was silent longest, if that was for a minute. */
export function createGateways(): Gateways {
  const processes = new Map<string, Process>()
  const dropped = none()
  let undecided = 0

  function remembered(name: string, now: number): Process | null {
    const known = processes.get(name)
    if (known) return known
    if (processes.size >= MOST) {
      const [oldest] = [...processes].sort(([, a], [, b]) => a.heardAt - b.heardAt)
      if (!oldest || now - oldest[1].heardAt < HEARD_MS) return null
      processes.delete(oldest[0])
    }
    const made: Process = { heardAt: now, skewMs: 0, events: 0, oldest: null, dropped: none(), undecided: 0 }
    processes.set(name, made)
    return made
  }

  function note(process: Process, report: GatewayReport, now: number): void {
    const skewMs = report.clock - now
    Object.assign(process, {
      heardAt: now,
      skewMs,
      events: report.events,
      oldest: report.oldest === null ? null : report.oldest - skewMs,
    })
    for (const reason of DROP_REASONS) {
      const more = Math.max(0, report.dropped[reason] - process.dropped[reason])
      process.dropped[reason] += more
      dropped[reason] += more
    }
    const more = Math.max(0, report.undecided - process.undecided)
    process.undecided += more
    undecided += more
  }

  return {
    heard(header, now) {
      const report = readReport(header)
      if (report === null) return UNSAID
      if ('problem' in report) return { ...UNSAID, problem: report.problem }
      const process = remembered(report.process, now)
      if (process === null) return UNSAID
      note(process, report, now)
      return { problem: null, acknowledged: (records) => acknowledge(process, records) }
    },
    health: (now) => ({ spool: spoolOf([...processes.values()], now), dropped: { ...dropped }, undecided }),
  }
}

const UNSAID: Post = { problem: null, acknowledged: () => undefined }

/** Which record is the oldest then is not known until the next post, unless none is left. */
function acknowledge(process: Process, records: number): void {
  process.events = Math.max(0, process.events - records)
  if (process.events === 0) process.oldest = null
}

function spoolOf(all: readonly Process[], now: number): SpoolHealth | null {
  const heard = all.filter(({ heardAt }) => now - heardAt <= HEARD_MS)
  if (heard.length === 0) return null
  const waiting = heard.flatMap(({ oldest }) => (oldest === null ? [] : [oldest]))
  return {
    processes: heard.length,
    events: heard.reduce((sum, { events }) => sum + events, 0),
    oldest: waiting.length === 0 ? null : Math.min(...waiting),
    skewMs: heard.reduce((most, { skewMs }) => (Math.abs(skewMs) > Math.abs(most) ? skewMs : most), 0),
  }
}

function none(): Record<DropReason, number> {
  return { full: 0, disk: 0, refused: 0, torn: 0 }
}
