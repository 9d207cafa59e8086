import { appendFile, mkdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { plain, redact } from '../redact.ts'
import type { SourceDeps } from './source.ts'

/** A record that was refused: when, by whom, why, and an outline of it without anything that was said. */
export interface Quarantined {
  readonly at: number
  readonly source: string
  readonly reason: string
  readonly outline: Readonly<Record<string, string | number | boolean>>
}

/** The records that were refused, newest first, bounded, kept across restarts. Never a reason for intake to fail. */
export interface Quarantine {
  add(source: string, reason: string, record: unknown): void
  list(limit: number): Quarantined[]
  /** Resolves when what was added is on disk, or could not be written. */
  flush(): Promise<void>
}

export interface QuarantineBounds {
  readonly records: number
  readonly bytes: number
}

/** Fields that say which record it was. Texts, keys and whatever a client sent freely are not among them. */
const NAMES = [
  'kind',
  'id',
  'request_id',
  'litellm_call_id',
  'call_type',
  'model',
  'model_group',
  'custom_llm_provider',
  'status',
] as const
/** Fields that are a number, a time or a flag; a text that is none of these may be anything, and is left out. */
const AMOUNTS = [
  'marginwatch',
  'n',
  'startTime',
  'endTime',
  'prompt_tokens',
  'completion_tokens',
  'total_tokens',
  'response_cost',
  'spend',
  'cache_hit',
] as const
const AMOUNT = /^(?:[+-]?[\d.,:TZ e+-]*\d[\d.,:TZ e+-]*|true|false|none|null|-?inf(?:inity)?|nan)$/i
const LONGEST = 80

/**
 * Opens the quarantine in a directory: two generations of NDJSON, each at most half of the bounds. What cannot be read or
 * written is reported once by `onError` and else ignored.
 */
export function openQuarantine(
  directory: string,
  now: () => number,
  onError: (reason: string) => void,
  bounds: QuarantineBounds = { records: 1000, bytes: 4 << 20 },
): Quarantine {
  const file = join(directory, 'quarantine.ndjson')
  const older = join(directory, 'quarantine.1.ndjson')
  const entries: Quarantined[] = []
  let waiting: string[] = []
  let inFile = { records: 0, bytes: 0 }
  let complained = false
  let scheduled = false
  let work: Promise<void> = load()

  async function load(): Promise<void> {
    const [old, young] = await Promise.all([readGeneration(older), readGeneration(file)])
    entries.unshift(...old.entries, ...young.entries)
    inFile = { records: young.entries.length, bytes: young.bytes }
    // A line cut off by a crash must not swallow the next one.
    if (young.torn) waiting.unshift('\n')
    trim()
  }

  function trim(): void {
    if (entries.length > bounds.records) entries.splice(0, entries.length - bounds.records)
  }

  async function write(): Promise<void> {
    scheduled = false
    const lines = waiting
    if (lines.length === 0) return
    waiting = []
    const text = lines.join('')
    const full = inFile.records + lines.length > bounds.records / 2 || inFile.bytes + text.length > bounds.bytes / 2
    await mkdir(directory, { recursive: true })
    if (full && inFile.records > 0) {
      await rename(file, older)
      inFile = { records: 0, bytes: 0 }
    }
    await appendFile(file, text, { mode: 0o600 })
    inFile = { records: inFile.records + lines.length, bytes: inFile.bytes + Buffer.byteLength(text) }
  }

  function schedule(): void {
    if (scheduled) return
    scheduled = true
    work = work.then(write).then(
      () => {
        complained = false
      },
      (error: unknown) => {
        if (!complained)
          onError(`refused records are not kept on disk: ${error instanceof Error ? error.message : String(error)}`)
        complained = true
      },
    )
  }

  return {
    add(source, reason, record) {
      const entry = { at: now(), source, reason: redact(reason), outline: outlineOf(record) }
      entries.push(entry)
      trim()
      // A flood is written in one go; what is beyond the bounds by then would be thrown away anyhow.
      if (waiting.length >= bounds.records / 2) waiting.shift()
      waiting.push(`${JSON.stringify(entry)}\n`)
      schedule()
    },
    list: (limit) => entries.slice(-limit).reverse(),
    flush: () => work,
  }
}

/** Gives the one quarantine of a directory to all who share it; it is opened for the first of them. */
export type QuarantineOf = (deps: Pick<SourceDeps, 'directory' | 'now' | 'log'>) => Quarantine

export function sharedQuarantine(): QuarantineOf {
  let opened: Quarantine | null = null
  return ({ directory, now, log }) => {
    opened ??= openQuarantine(directory, now, (reason) => log.warn(reason))
    return opened
  }
}

/** The outline of a record: which one it was, and nothing that was said. An outline is its own outline. */
export function outlineOf(record: unknown): Record<string, string | number | boolean> {
  const outline: Record<string, string | number | boolean> = {}
  if (typeof record !== 'object' || record === null) return outline
  for (const name of [...NAMES, ...AMOUNTS]) {
    const value = (record as Record<string, unknown>)[name]
    if (typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))) outline[name] = value
    else if (typeof value === 'string' && isTold(name, value))
      outline[name] = redact(plain(value.slice(0, LONGEST)), LONGEST)
  }
  return outline
}

function isTold(name: string, text: string): boolean {
  if (text === '') return false
  return (NAMES as readonly string[]).includes(name) || (text.length <= LONGEST && AMOUNT.test(text))
}

async function readGeneration(file: string): Promise<{ entries: Quarantined[]; bytes: number; torn: boolean }> {
  const text = await readFile(file, 'utf8').catch(() => '')
  const entries = text.split('\n').flatMap((line) => {
    const entry = line === '' ? null : entryOf(line)
    return entry ? [entry] : []
  })
  return { entries, bytes: Buffer.byteLength(text), torn: text !== '' && !text.endsWith('\n') }
}

function entryOf(line: string): Quarantined | null {
  try {
    const { at, source, reason, outline } = JSON.parse(line) as Partial<Quarantined>
    if (typeof at !== 'number' || typeof source !== 'string' || typeof reason !== 'string') return null
    return { at, source, reason, outline: outlineOf(outline) }
  } catch {
    return null
  }
}
