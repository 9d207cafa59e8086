/** Whether a model's name fits a pattern, in which `*` stands for any text; case counts, as it does for the gateway. */
export function fits(pattern: string, name: string): boolean {
  if (!pattern.includes('*')) return pattern === name
  // Part by part and not by a regular expression: with many stars one would take time without end.
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop() ?? ''
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false
  let from = first.length
  for (const part of rest) {
    const at = name.indexOf(part, from)
    if (at < 0 || at + part.length > name.length - last.length) return false
    from = at + part.length
  }
  return true
}

/** The first rule whose pattern fits a model; null when none does. */
export function ruleFor<R extends { readonly from: string }>(rules: readonly R[], model: string): R | null {
  return rules.find(({ from }) => fits(from, model)) ?? null
}
