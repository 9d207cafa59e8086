import { type Logger, pino } from 'pino'

export type LogLine = Readonly<Record<string, unknown>>

/** A log as the program keeps it, and its lines as they were written, without the time. */
export function keptLog(): { readonly log: Logger; readonly lines: LogLine[]; readonly text: () => string } {
  const lines: LogLine[] = []
  let text = ''
  const write = (line: string) => {
    text += line
    const { time, ...said } = JSON.parse(line) as LogLine
    if (typeof time !== 'number') throw new Error(`found no time in ${line}`)
    lines.push(said)
  }
  return { log: pino({ base: { name: 'marginwatch' } }, { write }), lines, text: () => text }
}
