import { describe, expect, test } from 'vitest'
import { createTenant } from './project.ts'

const NOW = Date.UTC(2026, 10, 18, 12)
const HOUR = 3_600_000
const idsOf = (rows: Iterable<{ readonly id: string }>) => [...rows].map(({ id }) => id)

describe('a project', () => {
  test('lets go of what began before a moment: rows, what would be edited, and scores', () => {
    const project = createTenant({ name: 'p' }, () => NOW)
    for (const [id, hours] of [
      ['old', 3],
      ['edge', 2],
      ['new', 1],
    ] as const) {
      project.put({ id, start: NOW - hours * HOUR })
      project.score({ id: `s-${id}`, name: 'helpful', at: NOW - hours * HOUR, value: 1 })
    }
    project.edit('edge', { name: 'edited' })
    project.forget(NOW - 2 * HOUR)
    expect(idsOf(project.rows())).toEqual(['new', 'edge'])
    expect(project.rows()[1]).toMatchObject({ name: 'edited' })
    expect(idsOf(project.scores.rows(NOW))).toEqual(['s-new', 's-edge'])
    expect([project.table.size, project.scores.size]).toEqual([2, 2])
    expect(() => project.edit('old', { name: 'gone' })).toThrow('no observation old')
    project.edit('edge', { name: 'again' })
    expect(project.rows()[1]).toMatchObject({ id: 'edge', name: 'again' })
  })

  test('asks whoever writes the past before it looks for it', () => {
    const asked: (readonly number[])[] = []
    const project = createTenant(
      {
        name: 'p',
        past: (from, to) => {
          asked.push([from, to])
          if (asked.length === 1) project.put({ id: 'a', start: from }, { from })
        },
      },
      () => NOW,
    )
    expect(idsOf(project.table.rows(NOW, NOW - HOUR, NOW))).toEqual(['a'])
    expect(idsOf(project.rows())).toEqual(['a'])
    expect(asked).toEqual([
      [NOW - HOUR, NOW],
      [-Infinity, Infinity],
    ])
    expect(project.table.size).toBe(1)
  })
})
