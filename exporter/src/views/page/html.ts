/** Markup that is safe to send as it is. Only `html` makes it. */
export class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

export type HtmlValue = string | number | Html | readonly Html[] | null

/**
 * Builds markup; every value that is not itself markup is escaped, for text and for quoted attributes alike. Attributes must
 * be written with double quotes. Null draws nothing.
 */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  let text = strings[0] ?? ''
  for (const [i, value] of values.entries()) text += markup(value) + (strings[i + 1] ?? '')
  return new Html(text)
}

function markup(value: HtmlValue): string {
  if (value === null) return ''
  if (value instanceof Html) return value.text
  if (typeof value === 'number') return String(value)
  if (typeof value === 'string') return escapeText(value)
  let text = ''
  for (const part of value) text += part.text
  return text
}

const SPECIAL: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
}

/** Characters that draw nothing themselves but change what others look like: controls, and marks that turn the direction. */
const INVISIBLE = /(?![\n\t])[\p{Cc}\p{Cs}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu

function escapeText(text: string): string {
  return text.replace(INVISIBLE, '\ufffd').replace(/[&<>"'`]/g, (char) => SPECIAL[char] ?? '')
}

const SHOWN = 28
const TAIL = 8
/** Names up to here fit wherever they stand; a longer one may be cut by a narrow column. */
const SHORT = 12

/** A name from outside as people can read it: the middle of a long one is left out, the whole of it is in the title. */
export function name(text: string): Html {
  const chars = Array.from(text)
  if (chars.length <= SHORT) return html`<bdi>${text}</bdi>`
  if (chars.length <= SHOWN) return html`<bdi title="${text}">${text}</bdi>`
  const short = `${chars.slice(0, SHOWN - TAIL - 1).join('')}…${chars.slice(-TAIL).join('')}`
  return html`<bdi title="${text}">${short}</bdi>`
}
