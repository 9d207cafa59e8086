import { describe, expect, it } from 'vitest'
import { grid, play, type Setting } from './grid.ts'

/** Each fifth setting; `npm run bench -- bound` plays all of them. Odd, so that every value of every choice is among them. */
const EVERY = 5
const SETTINGS = grid()
  .map((setting, i) => ({ setting, seed: i + 1 }))
  .filter(({ seed }) => seed % EVERY === 0)

const nameOf = ({ limitUsd, kind, callers, settlesWithinMs, bounded, degrades, fresh }: Setting) =>
  [
    `$${limitUsd}`,
    kind.name,
    `${callers} callers`,
    `events within ${settlesWithinMs} ms`,
    bounded ? 'with max_tokens' : '',
    degrades ? 'with a cheaper model' : '',
    fresh ? 'of which nothing is known' : '',
  ].join(' ')

describe('of a limit', () => {
  it.each(SETTINGS.map(({ setting, seed }) => [nameOf(setting), setting, seed] as const))(
    '%s: no more is spent, nothing is held in the end, and nobody is refused for whom there was money',
    async (_, setting, seed) => {
      const found = await play(setting, seed)
      expect(Number(found.spent) / 1e9).toBeLessThanOrEqual(setting.limitUsd)
      expect(found.heldAtEnd).toBe(0n)
      expect(found.answered).toBeGreaterThan(0)
      // A twentieth of a limit is much for the cheaper model: the time is over before.
      if (!setting.degrades) expect(found.refused).toBeGreaterThan(0)
      expect(found.falseRefusals).toBe(0)
    },
  )
})
