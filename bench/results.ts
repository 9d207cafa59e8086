import { cpus } from 'node:os'
import type { BenchEntry } from './benches.ts'
import type { Outcome } from './one.ts'
import { markdown } from './row.ts'
import { isBusy, machine } from './support/machine.ts'

/** What became of one bench. */
export interface Ran {
  readonly entry: BenchEntry
  readonly outcome: Outcome
  readonly seconds: number
  readonly began: Date
  /** Load average when it began. */
  readonly load: number
  /** Milliseconds; see `yardstick`. */
  readonly yardstick: number
}

export interface Report {
  readonly command: string
  readonly quick: boolean
  readonly began: Date
  readonly ran: readonly Ran[]
}

/** The results as a page. */
export function resultsPage({ command, quick, began, ran }: Report): string {
  return `${[
    '# What the bench measured',
    '',
    `- Machine: ${machine()}`,
    `- Begun: ${minute(began)}, by \`${command}\`; a part with another day or a later hour was measured again by itself`,
    ...warnings(quick, ran),
    '',
    'A goal is what must hold, an aim what we would like. Speed depends on the machine; what is measured as a ratio in one run',
    'holds elsewhere too. A spread is from the least to the greatest of several runs, or of the single readings. The yardstick',
    'is the CPU time of 200,000 SHA-256 hashes just before a bench: where it is larger, the processors were slower by as much.',
    ...ran.flatMap(section),
  ].join('\n')}\n`
}

/** The page with some benches measured again: their parts take the places of the old ones, or their own in the order. */
export function updatedPage(page: string, ran: readonly Ran[], order: readonly string[]): string {
  const [head = '', ...old] = page.trimEnd().split(/\n(?=## )/)
  const parts = new Map(old.map((part) => [/^`([\w-]+)`: /m.exec(part)?.[1] ?? part, part.trimEnd()]))
  for (const one of ran) parts.set(one.entry.name, section(one).join('\n').trim())
  const known = order.flatMap((name) => parts.get(name) ?? [])
  return `${[head.trimEnd(), ...known].join('\n\n')}\n`
}

function minute(date: Date): string {
  return `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

function warnings(quick: boolean, ran: readonly Ran[]): string[] {
  const busiest = Math.max(...ran.map(({ load }) => load))
  return [
    ...(quick
      ? ['- **A quick run**: few events and runs. It shows that the benches work, not how fast the program is.']
      : []),
    ...(ran.some(({ load }) => isBusy(load))
      ? [
          `- **The machine was shared**: load up to ${busiest.toFixed(1)} on ${cpus().length} processors when a bench began. Times are pessimistic, CPU times less so.`,
        ]
      : []),
  ]
}

/** One bench's part of the page. */
export function section({ entry, outcome, seconds, began, load, yardstick }: Ran): string[] {
  const noise = `load ${load.toFixed(1)}, yardstick ${yardstick.toFixed(0)} ms at its begin, ${minute(began)}`
  return [
    '',
    `## ${entry.title}`,
    entry.method,
    '',
    bodyOf(outcome),
    '',
    `\`${entry.name}\`: ${seconds.toFixed(0)} s, ${noise}.`,
  ]
}

function bodyOf(outcome: Outcome): string {
  if ('rows' in outcome) return markdown(outcome.rows).trimEnd()
  if ('leftOut' in outcome) return `Left out: it ${outcome.leftOut}`.replace(/\.?$/, '.')
  return `It failed: ${outcome.failure.split('\n')[0]}`
}
