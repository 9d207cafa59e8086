import { expect, test } from 'vitest'
import { read } from './pages.ts'

const ENTRIES = read('docs/decisions.md')
  .split('\n\n')
  .filter((paragraph) => paragraph.startsWith('**'))
  .map((paragraph) => {
    const [, heading = '', text = ''] = /^\*\*(.+?)\.\*\* (.+)$/.exec(paragraph.replace(/\s+/g, ' ')) ?? []
    return { heading, text }
  })

test.each(ENTRIES)('docs/decisions.md says in three sentences what, why and what it replaces: $heading', ({ text }) => {
  const sentences = text.split(/(?<=[.”]) (?=[A-Z`“])/)
  expect(sentences.map((sentence) => sentence.slice(0, 40))).toHaveLength(3)
  expect(sentences[2]).toMatch(/^It replaces /)
})
