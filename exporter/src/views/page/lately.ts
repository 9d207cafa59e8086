const HOUR = 3_600_000
const MINUTE = 60_000

/** How much a count of the running process has grown within the last hour, to the minute. It began at zero. */
export function createLately(now: () => number): (total: number) => number {
  let last = 0
  let grown: { minute: number; n: number }[] = []
  return (total) => {
    const minute = Math.floor(now() / MINUTE)
    const latest = grown.at(-1)
    if (total > last) {
      if (latest?.minute === minute) latest.n += total - last
      else grown.push({ minute, n: total - last })
    }
    last = total
    // A clock that went back would keep what lies in its future for ever.
    grown = grown.filter((one) => Math.abs(minute - one.minute) * MINUTE < HOUR)
    return grown.reduce((sum, { n }) => sum + n, 0)
  }
}
