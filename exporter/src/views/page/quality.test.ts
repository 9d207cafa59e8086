import { describe, expect, test } from 'vitest'
import { FULL } from '../../../test/page/models.ts'
import { renderFragment } from './document.ts'
import { NO_QUALITY, type QualityModel } from './quality-model.ts'

const shown = (quality: QualityModel) => renderFragment({ ...FULL, quality })
const section = (text: string, id: string) =>
  new RegExp(`<section [^>]*id="${id}">([\\s\\S]*?)</section>`).exec(text)?.[1] ?? ''
const rows = (text: string, id: string) =>
  [...section(text, id).matchAll(/<tr>([\s\S]*?)<\/tr>/g)]
    .map(([, row = '']) =>
      [...row.matchAll(/<t[hd][^>]*>([\s\S]*?)<\/t[hd]>/g)].map(([, cell = '']) => cell.replace(/<[^>]*>/g, '').trim()),
    )
    .slice(1)

describe('Tools and quality', () => {
  test('shows the most used tools with the share that failed, and scores by name', () => {
    const page = shown({
      tools: [
        { tool: 'search', calls: 1200, failed: 3 },
        { tool: null, calls: 2, failed: 2 },
        { tool: '<b>', calls: 1, failed: 0 },
      ],
      scores: [
        { score: 'helpful', count: 41, average: 0.74512 },
        { score: 'toxicity', count: 1, average: -2 },
      ],
    })
    expect(section(page, 'tools')).toContain('Tools and quality')
    expect(rows(page, 'tools')).toEqual([
      ['search', '1,200', '0.3%'],
      ['unknown', '2', '100.0%'],
      ['&lt;b&gt;', '1', '0.0%'],
    ])
    expect(rows(page, 'scores')).toEqual([
      ['helpful', '0.745', '41'],
      ['toxicity', '−2', '1'],
    ])
  })

  test('draws ten of each at most, and nothing where nothing was seen', () => {
    const tools = Array.from({ length: 30 }, (_, i) => ({ tool: `t${i}`, calls: 1, failed: 0 }))
    const scores = Array.from({ length: 30 }, (_, i) => ({ score: `s${i}`, count: 1, average: 1 }))
    const page = shown({ tools, scores })
    expect(rows(page, 'tools')).toHaveLength(10)
    expect(rows(page, 'scores')).toHaveLength(10)
    expect(section(shown(NO_QUALITY), 'tools') + section(shown(NO_QUALITY), 'scores')).toBe('')
  })
})
