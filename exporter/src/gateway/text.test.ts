import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { comment, yamlText } from './text.ts'

/** What readers of either version of YAML make of it; LiteLLM's is one of 1.1. */
const read = (text: string) => [parse(text, { version: '1.1', schema: 'yaml-1.1' }), parse(text, { version: '1.2' })]
const both = (value: unknown) => [value, value]

describe('yamlText', () => {
  test('nests maps and lists, with reasons above', () => {
    const text = yamlText({
      lines: [
        {
          key: 'models',
          why: 'Those that there are.',
          value: {
            items: [
              {
                lines: [
                  { key: 'name', value: 'a' },
                  { key: 'limits', value: { lines: [{ key: 'most', value: 2.5 }] } },
                ],
              },
              { lines: [{ key: 'name', value: 'b', why: 'Another.' }] },
            ],
          },
        },
        { key: 'on', value: ['x', 'no'] },
        { key: 'nothing', value: { lines: [] } },
        { key: 'none', value: { items: [] } },
        { key: 'kept', value: true },
      ],
    })
    expect(text).toBe(
      [
        '# Those that there are.',
        'models:',
        '  - name: a',
        '    limits:',
        '      most: 2.5',
        '  - # Another.',
        '    name: b',
        '',
        '"on": [x, "no"]',
        '',
        'nothing: {}',
        '',
        'none: []',
        '',
        'kept: true',
        '',
      ].join('\n'),
    )
    expect(read(text)).toEqual(
      both({
        models: [{ name: 'a', limits: { most: 2.5 } }, { name: 'b' }],
        on: ['x', 'no'],
        nothing: {},
        none: [],
        kept: true,
      }),
    )
  })

  test.each([
    'yes',
    'Off',
    'NULL',
    '~',
    '12:30:00',
    '1e3',
    '017',
    '0x1F',
    '1_000',
    '2026-01-31',
    '=',
    '<<',
    '*a',
    '&a',
    '!a',
    '- a',
    'a: b',
    'a #b',
    "it's",
    ' a ',
    '',
    '{',
    '@',
    '%',
    '`',
    '.inf',
    'a\tb',
    'a\nb',
    'a\u0085b\u2028c',
    '\ufeff',
    '\u{1f600}',
    'on',
    'a:0',
    'C:\\x',
  ])('keeps the text %j a text, as key and as value', (text) => {
    const yaml = yamlText({
      lines: [
        { key: text, value: text },
        { key: `${text}-list`, value: [text, text] },
      ],
    })
    expect(read(yaml)).toEqual(both({ [text]: text, [`${text}-list`]: [text, text] }))
  })

  test('keeps every text a text', () => {
    const text = fc.string({ unit: 'grapheme' }).filter((one) => one !== '__proto__')
    fc.assert(
      fc.property(text, text, (key, value) => {
        expect(read(yamlText({ lines: [{ key, value }] }))).toEqual(both({ [key]: value }))
      }),
    )
  })
})

test('a comment is folded at 120 columns and stays one', () => {
  const text = comment(`${'word '.repeat(60).trim()}\n\nend`, '  ')
  const lines = text.trimEnd().split('\n')
  expect(lines.every((line) => line.startsWith('  #') && line.length <= 120)).toBe(true)
  expect(lines.slice(-2)).toEqual(['  #', '  # end'])
  expect(lines.join(' ').match(/word/g)).toHaveLength(60)
})
