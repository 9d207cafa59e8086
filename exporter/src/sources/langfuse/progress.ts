import { object } from '../litellm/read.ts'
import type { Memory } from '../source.ts'
import { dayOf } from './pass.ts'

/** How far a project was read. It lies in the ledger's own file and is written once the rows are durable. */
export interface Progress {
  /** From when on its rows were read, epoch milliseconds. */
  readonly since: number
  /** Everything that began before it has been read. */
  readonly watermark: number
  /** How many rows each day in UTC had, of those that began before the watermark; the latest days only. */
  readonly days: Readonly<Record<string, number>>
}

const DAYS = 36
const DAY = 86_400_000

function nameOf(project: string): string {
  return `langfuse.${project}`
}

/** What an earlier run has left; null when there is nothing that can be used. */
export async function readProgress(memory: Memory, project: string): Promise<Progress | null> {
  const text = await memory.get(nameOf(project))
  if (text === null) return null
  const { since, watermark, days } = object(parsed(text))
  if (typeof since !== 'number' || typeof watermark !== 'number') return null
  const counts = Object.entries(object(days)).filter((one): one is [string, number] => typeof one[1] === 'number')
  return { since, watermark, days: Object.fromEntries(counts) }
}

export async function writeProgress(memory: Memory, project: string, progress: Progress): Promise<void> {
  await memory.set(nameOf(project), JSON.stringify(progress))
}

/** The progress with the watermark moved on, and with the rows that this has passed. */
export function advanced(progress: Progress, watermark: number, rows: ReadonlyMap<string, number>): Progress {
  const oldest = firstDay(watermark)
  const days: Record<string, number> = {}
  for (const [day, n] of Object.entries(progress.days)) if (day >= oldest) days[day] = n
  for (const [day, n] of rows) if (day >= oldest) days[day] = (days[day] ?? 0) + n
  return { ...progress, watermark, days }
}

/** The first of the days whose rows are counted. */
export function firstDay(watermark: number): string {
  return dayOf(watermark - DAYS * DAY)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
