import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ATTRIBUTES } from './policy.ts'
import { readPolicy } from './read.ts'
import { policySchema } from './schema.ts'

const ENV = { LITELLM_KEY: 'k-secret-value', READER: 'r-secret-value' }

function judge(text: string): void {
  const { policy, problems } = readPolicy(text, { file: 'f', env: ENV })
  if (policy) {
    expect(Object.isFrozen(policy)).toBe(true)
    return
  }
  expect(problems.length).toBeGreaterThan(0)
  const lines = text.split(/\r\n|\n|\r/)
  for (const { line, column, message } of problems) {
    expect(line).toBeGreaterThanOrEqual(1)
    expect(line).toBeLessThanOrEqual(lines.length)
    expect(column).toBeGreaterThanOrEqual(1)
    // One past the end is where something is missing.
    expect(column).toBeLessThanOrEqual(text.length + 1)
    expect(message).not.toBe('')
    expect(message).not.toMatch(/secret-value|Invalid input/)
  }
}

const words = fc.constantFrom(
  ...Object.keys(policySchema({}).shape),
  ...ATTRIBUTES,
  ...[
    'litellm',
    'poll',
    'models',
    'fallbacks',
    'langfuse',
    'openai/gpt-4o',
    'url',
    'key',
    'keys',
    'reader',
    'host',
    'port',
    'tier_1',
    'price_usd',
    'id',
    'tier',
    'from',
    'to',
  ],
  ...[
    'customer',
    'thresholds',
    'at',
    'do',
    'pause',
    '50%',
    'agent',
    'session',
    'none',
    'total',
    'limit_usd',
    'backstop',
  ],
  ...['spend', 'messages', 'text', '{cost}', 'default', 'expect_usd', 'model', 'gpt-4o', 'gpt-*'],
  ...[
    '49',
    '-1',
    '1e99',
    '30s',
    '35d',
    'forever',
    '2026-01-31',
    '2026-02-30',
    'UTC',
    'true',
    'null',
    '~',
    '0.0.0.0',
    'http://x',
  ],
  ...[
    '__proto__',
    'constructor',
    '<<',
    '&a',
    '*a',
    '!t',
    '%YAML 1.1',
    '---',
    '...',
    '"',
    "'",
    '|',
    '>',
    '?',
    '@',
    '`',
    '#',
  ],
  ...[
    `$\{LITELLM_KEY}`,
    `"$\{READER}"`,
    `"$\{NONE}"`,
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '-',
    '\t',
    '\u0000',
    '\u2028',
    '\uFEFF',
    '😀',
  ],
)
const spaces = fc.constantFrom('\n', '\n  ', '\n    ', ' ', ': ', ':\n  ', '\n- ', '\n  - ', '', '\r\n', '\r')
const yamlish = fc
  .array(fc.tuple(words, spaces), { maxLength: 40 })
  .map((pairs) => pairs.map(([word, space]) => word + space).join(''))

const scalar = fc.oneof(words, fc.string({ maxLength: 8 }), fc.double(), fc.boolean(), fc.constant(null))
const { value: json } = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: 'medium' }, scalar, tie('list'), tie('block')),
  list: fc.array(tie('value'), { maxLength: 4 }),
  block: fc.dictionary(words, tie('value'), { maxKeys: 5 }),
}))

const FILES = ['good', 'bad'].flatMap((kind) => {
  const folder = new URL(`fixtures/${kind}/`, import.meta.url)
  const names = readdirSync(folder).filter((name) => name.endsWith('.yaml'))
  return names.map((name) => readFileSync(new URL(name, folder), 'utf8'))
})
const damaged = fc
  .tuple(fc.constantFrom(...FILES), fc.nat(), fc.nat({ max: 20 }), words)
  .map(([text, at, length, word]) => {
    const start = at % (text.length + 1)
    return text.slice(0, start) + word + text.slice(start + length)
  })

describe('readPolicy gives a policy or problems inside the text, and never throws, for', () => {
  test('any text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), judge), { numRuns: 200 })
  })
  test('any text that looks like YAML', () => {
    fc.assert(fc.property(yamlish, judge), { numRuns: 600 })
  })
  test('any tree of values', () => {
    fc.assert(
      fc.property(
        json.map((value) => JSON.stringify(value)),
        judge,
      ),
      { numRuns: 400 },
    )
  })
  test('any damage to a real file', () => {
    fc.assert(fc.property(damaged, judge), { numRuns: 400 })
  })
  test('brackets and blocks of any depth', () => {
    for (const depth of [31, 33, 10_000]) {
      judge('['.repeat(depth))
      judge(`a: ${'['.repeat(depth)}${']'.repeat(depth)}`)
      judge('{a: '.repeat(depth))
      judge('- '.repeat(depth))
    }
  })
  test('aliases that stand for more and more', () => {
    const levels = Array.from({ length: 40 }, (_, i) => `a${i}: &a${i} [${i === 0 ? 'x' : `*a${i - 1}, *a${i - 1}`}]`)
    judge(levels.join('\n'))
  })
})
