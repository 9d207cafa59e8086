/**
 * What must never reach a label, a log line, a page or the ledger: API keys, e-mail addresses, text of prompts and answers.
 * No imports.
 */

const KEY_SHAPES = [
  // OpenAI, Anthropic, LiteLLM, Langfuse, Stripe
  String.raw`\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{6,}`,
  // Google, AWS
  String.raw`\bAIza[A-Za-z0-9_-]{16,}`,
  String.raw`\bA[KS]IA[A-Z0-9]{12,}`,
  // GitHub, GitLab, Slack, Hugging Face
  String.raw`\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|hf_)[A-Za-z0-9_-]{8,}`,
  // JSON web tokens
  String.raw`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?`,
  String.raw`\b[Bb]earer\s+[A-Za-z0-9._~+/=-]{8,}`,
].join('|')
// Begins only where no such character stands before: else each of a thousand characters would be tried as a beginning.
const ADDRESS_SHAPE = String.raw`(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+`

const SENSITIVE = new RegExp(`${KEY_SHAPES}|${ADDRESS_SHAPE}`)
const KEYS = new RegExp(KEY_SHAPES, 'g')
const ADDRESSES = new RegExp(ADDRESS_SHAPE, 'g')
// A long run of hexadecimal digits is a hashed key or a signature, never something to read.
const DIGESTS = /\b[0-9a-fA-F]{40,}\b/g
const SAID =
  /(["']?\b(?:content|text|prompt|input|input_value|arguments|messages)["']?\s*[:=]\s*)(?:"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?|\[[^\]]*\]?)/gi
const LONG_QUOTES = /"(?:\\.|[^"\\]){41,}"?|'(?:\\.|[^'\\]){41,}'?/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: removing them is the point
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+/g

// Halves of a surrogate pair whose other half is missing.
const HALVES = /\p{Surrogate}/gu

// Most names are that already, and this is asked of every one.
const ORDINARY = /^(?:[!-~]+(?: [!-~]+)*)?$/

/** Text without control and direction characters, white space single, ends trimmed; always well-formed. */
export function plain(text: string): string {
  if (ORDINARY.test(text)) return text
  return text.replace(CONTROLS, ' ').replace(/\s+/g, ' ').trim().replace(HALVES, '\ufffd')
}

/** True when the text holds something that looks like an API key, a token or an e-mail address. */
export function sensitive(text: string): boolean {
  return SENSITIVE.test(text)
}

/**
 * A sentence fit for logs and pages: keys, addresses and whatever looks like a quoted prompt or answer are replaced by `…`,
 * white space and control characters become single spaces, and at most `limit` characters stay. Never throws.
 */
export function redact(text: string, limit = 300): string {
  // Far more than can stay, so that the patterns below never work on megabytes.
  const clean = plain(text.slice(0, limit * 8))
    .replace(SAID, '$1…')
    .replace(LONG_QUOTES, '"…"')
    .replace(KEYS, '…')
    .replace(ADDRESSES, '…')
    .replace(DIGESTS, '…')
  return clean.length <= limit ? clean : `${clean.slice(0, limit - 1).replace(HALVES, '')}…`
}
