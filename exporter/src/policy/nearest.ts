/** The allowed word that a misspelt one most likely means; null when none is close. */
export function nearest(word: string, allowed: readonly string[]): string | null {
  let best: string | null = null
  let least = (word.length < 3 ? 0 : Math.max(1, Math.floor(word.length / 3))) + 1
  for (const candidate of allowed) {
    const d = distance(word.toLowerCase(), candidate.toLowerCase())
    if (d < least) {
      least = d
      best = candidate
    }
  }
  return best
}

/** ` did you mean "x"?` with its separator, or nothing. */
export function didYouMean(word: string, allowed: readonly string[]): string {
  const guess = nearest(word, allowed)
  return guess === null ? '' : `; did you mean ${JSON.stringify(guess)}?`
}

/** Letters to insert, delete, replace or swap with their neighbour to get from one word to the other. */
function distance(a: string, b: string): number {
  // A long stray text cannot be near any key, and must not cost the square of its length.
  if (Math.abs(a.length - b.length) > 32) return Number.POSITIVE_INFINITY
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let least = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1))
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) least = Math.min(least, (before[j - 2] ?? 0) + 1)
      row.push(least)
    }
    before = last
    last = row
  }
  return last[b.length] ?? 0
}
