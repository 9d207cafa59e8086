import type { BoundSupport } from '../../../bench/bound.ts'
import { grid, play } from '../budgets/grid.ts'

/** What the bench of the bound loads of the tests. It is compiled alone, so here its types meet theirs. */
export const support: BoundSupport = { grid, play }
