/** A key with its value and, above it, why it is there. */
export interface Line {
  readonly key: string
  readonly value: Value
  readonly why?: string
}

export type Value = string | number | boolean | readonly string[] | { readonly items: readonly Block[] } | Block
export interface Block {
  readonly lines: readonly Line[]
}

const WIDTH = 120

/**
 * YAML in the block style, for a reader of YAML 1.1 such as LiteLLM's: there a bare `on`, `12:30` or `=` would be something else
 * than text, so a text stands bare only when it cannot be mistaken.
 */
export function yamlText({ lines }: Block): string {
  return lines.map((line) => lineText(line, '')).join('\n')
}

/** A comment, folded at 120 columns; a line break begins a new line. */
export function comment(text: string, indent = ''): string {
  const folded = text.split('\n').flatMap((line) => fold(line, WIDTH - indent.length - 2))
  return folded.map((line) => `${indent}#${line === '' ? '' : ` ${line}`}\n`).join('')
}

function lineText({ key, value, why }: Line, indent: string): string {
  const above = why === undefined ? '' : comment(why, indent)
  return `${above}${indent}${scalar(key)}:${valueText(value, indent)}`
}

function valueText(value: Value, indent: string): string {
  if (typeof value !== 'object') return ` ${typeof value === 'string' ? scalar(value) : value}\n`
  if ('lines' in value) return value.lines.length === 0 ? ' {}\n' : `\n${mapText(value, `${indent}  `)}`
  if ('items' in value)
    return value.items.length === 0 ? ' []\n' : `\n${value.items.map((one) => itemText(one, `${indent}  `)).join('')}`
  return ` [${value.map(scalar).join(', ')}]\n`
}

function mapText({ lines }: Block, indent: string): string {
  return lines.map((line) => lineText(line, indent)).join('')
}

/** A map as an element of a list: its first key stands behind the dash. */
function itemText(map: Block, indent: string): string {
  return `${indent}- ${mapText(map, `${indent}  `).trimStart()}`
}

const BARE = /^[A-Za-z][\w./-]*$/
const WORDS = /^(?:y|n|yes|no|on|off|true|false|null)$/i

function scalar(text: string): string {
  if (BARE.test(text) && !WORDS.test(text)) return text
  // What JSON leaves as it is but YAML takes for a line break or refuses.
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function fold(text: string, width: number): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const last = lines.at(-1) ?? ''
    if (last !== '' && last.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`
  }
  return lines
}
