/**
 * Weights in hundredths of a token, fitted by least squares to OpenAI's o200k_base over some 600 pieces of English
 * documentation and of TypeScript, JavaScript and Python (half of them held back: 3.6 % and 4.7 % mean error of a piece).
 */
const WORD = 106
const LETTER_PAST_SIXTH = 7
const HUMP = 70
const DIGITS_OF_THREE = 145
const SIGN_RUN = 60
const SIGN_MORE = 24
const LINE_BREAKS = 75
const INDENT = 50
const SPACES = 168
const IDEOGRAPH = 75
const OTHER_LETTER = 40

/** Claude's tokenizer cuts finer than OpenAI's: 1.09 times the tokens over the same pieces. */
const CLAUDE_PERCENT = 109

/**
 * Estimates how many tokens a text has: within 10 % on average on ordinary English and code, where it comes to about four
 * characters a token. For calls whose answer states no usage; mark such a call `estimated`. Takes time in proportion to the
 * text. `model` tells Claude from the rest.
 */
export function estimateTokens(text: string, options: { readonly model?: string } = {}): number {
  if (text === '') return 0
  let hundredths = 0
  for (let at = 0; at < text.length; ) {
    const end = endOfRun(text, at)
    hundredths += weight(text, at, end)
    at = end
  }
  const percent = /claude|anthropic/i.test(options.model ?? '') ? CLAUDE_PERCENT : 100
  return Math.max(1, Math.round((hundredths * percent) / 10_000))
}

type Kind = 'letter' | 'digit' | 'break' | 'space' | 'sign' | 'ideograph' | 'other'

function kindOf(code: number): Kind {
  if ((code >= 97 && code <= 122) || (code >= 65 && code <= 90)) return 'letter'
  if (code >= 48 && code <= 57) return 'digit'
  if (code === 10 || code === 13) return 'break'
  if (code === 32 || code === 9) return 'space'
  if (code < 128) return 'sign'
  return (code >= 0x2e80 && code <= 0xd7ff) || (code >= 0xf900 && code <= 0xfaff) ? 'ideograph' : 'other'
}

function endOfRun(text: string, start: number): number {
  const kind = kindOf(text.charCodeAt(start))
  let end = start + 1
  while (end < text.length && kindOf(text.charCodeAt(end)) === kind) end++
  return end
}

function weight(text: string, start: number, end: number): number {
  const length = end - start
  switch (kindOf(text.charCodeAt(start))) {
    case 'letter':
      return WORD + LETTER_PAST_SIXTH * Math.max(0, length - 6) + HUMP * humps(text, start, end)
    case 'digit':
      return DIGITS_OF_THREE * Math.ceil(length / 3)
    case 'sign':
      return SIGN_RUN + SIGN_MORE * (length - 1)
    case 'break':
      return LINE_BREAKS
    case 'space':
      return start > 0 && kindOf(text.charCodeAt(start - 1)) === 'break' ? indent(length) : length > 1 ? SPACES : 0
    case 'ideograph':
      return IDEOGRAPH * length
    case 'other':
      return OTHER_LETTER * length
  }
}

/** A single blank after a line break belongs to the word behind it. */
function indent(length: number): number {
  return length > 1 ? INDENT : 0
}

/** Capitals after small letters: `camelCase` has one. */
function humps(text: string, start: number, end: number): number {
  let count = 0
  for (let at = start + 1; at < end; at++) {
    if (text.charCodeAt(at) <= 90 && text.charCodeAt(at - 1) >= 97) count++
  }
  return count
}
