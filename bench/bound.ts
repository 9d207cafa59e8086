/** By how much a limit can be passed, and whether somebody is refused for whom there was money: callers of one customer in virtual time. */
import { type BenchRow, fixed } from './row.ts'
import type { Setting as BenchSetting } from './support/setting.ts'
import { withTests } from './support/tests.ts'

/** One setting of callers, calls and a limit, as the tests play it. */
export interface Setting {
  readonly limitUsd: number
  readonly kind: { readonly name: string; readonly model: string; readonly input: number; readonly output: number }
  readonly callers: number
  readonly settlesWithinMs: number
  readonly bounded: number
  readonly degrades: boolean
  readonly fresh: boolean
}

/** What came of it; money in nano-dollars. */
export interface Played {
  readonly spent: bigint
  readonly answered: number
  readonly refused: number
  readonly shortened: number
  readonly falseRefusals: number
  /** Really free beyond what may be left when a call is refused, as a share of the limit; the most. */
  readonly worstRefusal: number
}

/** What the bench needs of the tests' support. */
export interface BoundSupport {
  grid(): Setting[]
  play(setting: Setting, seed: number): Promise<Played>
}

/** Every so many settings are played in a quick run. */
const QUICK = 9

export async function run({ quick }: BenchSetting): Promise<BenchRow[]> {
  return withTests('for-bound', async ({ support }: { support: BoundSupport }) => {
    const rows = new Map<string, Played[]>()
    for (const [seed, setting] of support.grid().entries()) {
      if (quick && seed % QUICK !== 0) continue
      const name = nameOf(setting)
      rows.set(name, [...(rows.get(name) ?? []), await played(support, setting, seed + 1)])
    }
    const all = [...rows.values()].flat()
    return [rowOf('all settings', all), ...[...rows].map(([name, list]) => rowOf(name, list))]
  })
}

/** Spent as a share of the limit, in nano-dollars of a dollar, so that limits can be told beside each other. */
async function played(support: BoundSupport, setting: Setting, seed: number): Promise<Played> {
  const found = await support.play(setting, seed)
  const limit = BigInt(Math.round(setting.limitUsd * 1e9))
  return { ...found, spent: (found.spent * 1_000_000_000n) / limit }
}

function nameOf({ limitUsd, kind, callers, settlesWithinMs }: Setting): string {
  return `$${limitUsd.toFixed(2)}, ${kind.model}, ${callers} callers, events within ${settlesWithinMs / 1_000} s`
}

function rowOf(name: string, list: readonly Played[]): BenchRow {
  const sum = (of: (one: Played) => number) => list.reduce((all, one) => all + of(one), 0)
  const most = Math.max(...list.map(({ spent }) => Number(spent) / 1e7))
  const [answered, shortened, wrong] = [
    sum((one) => one.answered),
    sum((one) => one.shortened),
    sum((one) => one.falseRefusals),
  ]
  const free = Math.max(0, ...list.filter((one) => one.falseRefusals > 0).map((one) => one.worstRefusal))
  return {
    name,
    value: `${fixed(most, 3)} % of the limit`,
    spread:
      `${fixed(answered, 0)} answers, ${fixed((100 * shortened) / Math.max(1, answered), 2)} % of them cut; ` +
      `${fixed(wrong, 0)} of ${fixed(
        sum((one) => one.refused),
        0,
      )} refusals too early${wrong === 0 ? '' : `, by up to ${fixed(100 * free, 1)} % of the limit`}`,
    goal: '≤ 100 %',
    aim: 'no refusal too early',
    ok: most <= 100,
  }
}
