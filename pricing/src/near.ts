const MOST = 3

/** The names most like `asked`, best first, at most three; none when nothing is near. Slow: for error messages. */
export function nearNames(asked: string, names: readonly string[]): string[] {
  const wanted = pairs(asked.slice(0, 100).toLowerCase())
  return names
    .map((name) => ({ name, score: likeness(wanted, pairs(name)) }))
    .filter(({ score }) => score >= 0.5)
    .sort((a, b) => b.score - a.score || a.name.length - b.name.length || (a.name < b.name ? -1 : 1))
    .slice(0, MOST)
    .map(({ name }) => name)
}

/** Neighbouring letters, the ends marked. */
function pairs(name: string): Set<string> {
  const marked = ` ${name} `
  return new Set(Array.from({ length: marked.length - 1 }, (_, index) => marked.slice(index, index + 2)))
}

/** Sørensen–Dice coefficient: shared pairs over all pairs, 0 to 1. */
function likeness(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  let shared = 0
  for (const pair of b) if (a.has(pair)) shared++
  return (2 * shared) / (a.size + b.size)
}
