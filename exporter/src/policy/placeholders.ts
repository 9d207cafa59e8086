import { didYouMean } from './nearest.ts'

/** Places in a notice of a spend threshold; money comes with its dollar sign. */
export const SPEND_PLACES = ['name', 'cost', 'threshold', 'period', 'subject'] as const
/** Places in what a refused caller reads. */
export const MESSAGE_PLACES = ['reset_date', 'tier'] as const

/** What is ours to know, and none of a customer's customer. */
const OURS = /cost|spen[dt]|price|limit|budget|margin|threshold|usd|dollar|held|remaining/i

/** What is wrong with the places in braces of a text, or null. */
export function placeProblem(text: string, places: readonly string[]): string | null {
  const expected = places.map((place) => `{${place}}`).join(' or ')
  for (const [whole, name = ''] of text.matchAll(/\{([^{}]*)\}/g)) {
    if (places.includes(name)) continue
    if (places === MESSAGE_PLACES && OURS.test(name))
      return `found the place ${shown(whole)}, expected ${expected}: who is refused never reads what calls cost`
    return `found the place ${shown(whole)}, expected ${expected}${didYouMean(name, places)}`
  }
  if (!/[{}]/.test(text.replace(/\{[^{}]*\}/g, ''))) return null
  return `found a brace that stands alone, expected braces only around a place: ${expected}`
}

function shown(place: string): string {
  return place.length > 60 ? `${place.slice(0, 59)}…` : place
}
