/**
 * The zone's name if it is one of the IANA time zones, else undefined. Offsets such as `+02:00` are refused: they know no
 * daylight saving, and the ledger's engines take names only.
 */
export function readZone(text: string): string | undefined {
  if (!/^[A-Za-z][\w+-]*(\/[\w+-]+)*$/.test(text)) return undefined
  try {
    const known = new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone
    return known.toLowerCase() === text.toLowerCase() ? known : text
  } catch {
    return undefined
  }
}

/**
 * For a zone: calendar day (`2026-01-31`) → its first moment, epoch milliseconds. Where the clocks jump over midnight it is
 * the moment of the jump.
 */
export function dayStarts(zone: string): (date: string) => number {
  const clock = wallClock(zone)
  return (date) => {
    const wanted = Date.parse(`${date}T00:00:00Z`)
    // The day's first moment has the offset of the day before or that of the day after.
    const offsets = [wanted - 86_400_000, wanted + 86_400_000].map((t) => clock(t) - t)
    const candidates = offsets.map((offset) => wanted - offset).filter((t) => clock(t) === wanted)
    return candidates.length > 0 ? Math.min(...candidates) : wanted - (offsets[0] ?? 0)
  }
}

/** Moment → what the wall clock of the zone shows then, written as if it were UTC. */
function wallClock(zone: string): (at: number) => number {
  const format = new Intl.DateTimeFormat('en', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  return (at) => {
    const part: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {}
    for (const { type, value } of format.formatToParts(at)) part[type] = Number(value)
    const day = Date.UTC(part.year ?? 0, (part.month ?? 1) - 1, part.day ?? 1)
    return day + (part.hour ?? 0) * 3_600_000 + (part.minute ?? 0) * 60_000 + (part.second ?? 0) * 1000
  }
}
