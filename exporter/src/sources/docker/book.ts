import { createCalendar } from '../../calendar.ts'
import type { DockerPolicy } from '../../policy/policy.ts'
import type { Metered } from '../../usage.ts'
import type { Recorder, SourceDeps } from '../source.ts'
import { createCuts } from './cut.ts'
import { entriesOf, SOURCE, unseenEntries } from './entries.ts'
import { nothingRemembered, type Remembered, readRemembered, rememberedText } from './remembered.ts'
import { advance, begin, finish, type Reading, type Rules, type Span, type Use } from './use.ts'

/** One look at an engine. */
export interface Look {
  /** When it was asked, by our clock. */
  readonly at: number
  /** Ids of all that run, the unread ones too. */
  readonly present: ReadonlySet<string>
  readonly readings: readonly Reading[]
}

/**
 * Keeps the use of containers, from look to look and over restarts, such that nothing is recorded twice and nothing lost:
 * counters and the entries made of them are remembered together, durable, before the entries are handed in; whoever finds
 * entries remembered hands in the same again.
 */
export interface Book {
  /** Counts a look. Rejects like the recorder; what it then holds back is handed in with the next one. */
  count(look: Look, settings: DockerPolicy): Promise<void>
  /** Remembers how far it has counted. */
  close(): Promise<void>
}

/** By this much the clock may lag behind what was counted; beyond it somebody has set it back. */
const LAG = 60_000
const HOUR = 3_600_000
/** Name under which the use of containers is remembered. */
export const MEMORY = 'docker'
/** Entries for one append, and how many may wait: beyond, nothing is counted until they are recorded, as after an outage of ours. */
const APPEND = 1000
const MOST_PENDING = 50_000

/** Reads what is remembered, at the first look. */
export function openBook(
  recorder: Recorder,
  deps: Pick<SourceDeps, 'memory' | 'policy' | 'report' | 'log' | 'lastMetered'>,
): Book {
  const calendar = createCalendar(deps.policy().timezone)
  let kept: Remembered | null = null
  /** Of which look it is that is remembered, epoch milliseconds. */
  let rememberedAt = Number.NEGATIVE_INFINITY
  let recordMs = 0
  let cuts = createCuts(calendar, 1)

  function rulesOf(settings: DockerPolicy): Rules {
    if (settings.recordMs !== recordMs) cuts = createCuts(calendar, settings.recordMs)
    recordMs = settings.recordMs
    return { cuts, gapMs: Math.max(HOUR, 2 * settings.everyMs) }
  }

  async function load(of: string): Promise<Remembered> {
    const text = await deps.memory.get(MEMORY)
    const found = text === null ? null : readRemembered(text)
    if (text !== null && found === null)
      deps.log.warn('what was remembered of containers cannot be read; counting begins anew')
    const known = found ?? nothingRemembered(of)
    const last = (await deps.lastMetered?.(SOURCE)) ?? null
    // The ledger has more than is remembered: the counters are those of an earlier time and would count it again.
    if (last === null || last <= known.lastEnd) return known
    return { ...known, uses: new Map(), since: last, at: Math.max(known.at, last), lastEnd: last }
  }

  /** Hands in what waits, once all of it is remembered. */
  async function record(): Promise<void> {
    for (;;) {
      const { pending = [] } = kept ?? {}
      if (kept === null || pending.length === 0) return
      const receipt = await recorder(pending.slice(0, APPEND))
      deps.report.count('accepted', receipt.accepted)
      deps.report.count('duplicate', receipt.duplicates)
      deps.report.count('refused', receipt.refused.length)
      for (const { reason } of receipt.refused.slice(0, 1))
        deps.log.error({ reason }, 'metered containers were refused')
      kept = { ...kept, pending: pending.slice(APPEND) }
    }
  }

  async function remember(): Promise<void> {
    if (kept === null) return
    await deps.memory.set(MEMORY, rememberedText(kept))
    rememberedAt = kept.at
  }

  /** Where nothing runs, too, it is to be known after a restart until when somebody looked. */
  const isOld = ({ at }: Remembered, { gapMs }: Rules) => Math.abs(at - rememberedAt) >= gapMs / 2

  return {
    async count(look, settings) {
      const of = engineName(settings)
      if (kept === null) {
        kept = await load(of)
        await record()
      }
      const before = kept
      const rules = rulesOf(settings)
      if (before.pending.length < MOST_PENDING)
        kept = countLook(before, look, of, rules, deps.policy().rates.containers)
      if (kept.pending.length === 0 && !isTurningPoint(before, kept) && !isOld(kept, rules)) return
      await remember()
      await record()
    },
    close: remember,
  }
}

type Rates = Parameters<typeof entriesOf>[1]

/** Which engine, and which of its containers: what is counted of another one begins anew. */
export function engineName({ url, project }: Pick<DockerPolicy, 'url' | 'project'>): string {
  return `${url} ${project ?? ''}`
}

/** What is to be remembered after a look at the containers named `of`; entries that it makes wait in `pending`. Pure. */
export function countLook(before: Remembered, look: Look, of: string, rules: Rules, rates: Rates): Remembered {
  let { since, turn } = before
  const entries: Metered[] = []
  const write = (spans: readonly Span[]) => {
    for (const span of spans) entries.push(...entriesOf(span, rates, turn))
  }
  let uses = new Map(before.uses)
  if (before.of !== of) {
    for (const use of uses.values()) write(finish(use))
    uses = new Map()
    since = null
  } else if (look.at < before.at - LAG) {
    // Spans by the clock as it was end here; those to come may end at the same moments once more.
    for (const use of uses.values()) write(finish(use))
    turn++
    uses = new Map([...uses].map(([id, use]) => [id, reanchored(use, look.at)]))
    since = since === null ? null : Math.min(since, look.at)
  }
  for (const [id, use] of uses) {
    if (look.present.has(id)) continue
    write(finish(use))
    uses.delete(id)
  }
  // Of a time in which nobody looked those tell that were there before and are: nobody knows their memory. Without one of them
  // it would look as if nothing had run.
  if (before.of === of && before.since !== null && look.at - before.at > rules.gapMs && uses.size === 0)
    entries.push(...unseenEntries(before.at, look.at, rules.cuts))
  since ??= look.at
  for (const reading of look.readings) {
    const use = uses.get(reading.id)
    const { use: after, spans } = use ? advance(use, reading, rules) : begin(reading, since, rules)
    write(spans)
    uses.set(reading.id, after)
  }
  const lastEnd = entries.reduce((last, { end }) => Math.max(last, end), before.lastEnd)
  return { of, since, at: look.at, turn, lastEnd, uses, pending: [...before.pending, ...entries] }
}

/** Whether something ended or began that no later reading would show once more. */
function isTurningPoint(before: Remembered, after: Remembered): boolean {
  if (before.since === null || before.turn !== after.turn) return true
  return [...before.uses].some(([id, { run }]) => after.uses.get(id)?.run !== run)
}

/** The same counters, but time goes on from another moment. */
function reanchored(use: Use, at: number): Use {
  return { ...use, at, open: { start: at, cpu: 0n, network: 0n, memory: 0n, unknown: false } }
}
