import type { Found, FoundCustomer } from './found.ts'
import { isOurs } from './names.ts'
import type { Plan } from './step.ts'
import type { Wanted } from './wanted.ts'

/** How LiteLLM's budgets stand to the policy. */
export interface BackstopState {
  /** Budgets and customers of LiteLLM that are not as wanted, as last read; null = never read. */
  readonly differences: number | null
  /** When everything was last read to be as wanted, epoch milliseconds. */
  readonly lastConfirmed: number | null
  /** Why the last round failed, in a sentence. */
  readonly failed: string | null
  /** What is otherwise worth knowing, in a sentence. */
  readonly note: string | null
  /** Budgets of ours in LiteLLM, and customers of LiteLLM that have one of them. */
  readonly budgets: number
  readonly customers: number
  /** Customers that LiteLLM has to set to zero first. */
  readonly waiting: number
  /** Customers that somebody else has given a budget: how many, and some of them by LiteLLM's id. */
  readonly leftAlone: { readonly count: number; readonly some: readonly string[] }
}

export const UNREAD: BackstopState = {
  differences: null,
  lastConfirmed: null,
  failed: null,
  note: null,
  budgets: 0,
  customers: 0,
  waiting: 0,
  leftAlone: { count: 0, some: [] },
}

const SHOWN = 20

/** What a reading of LiteLLM tells of how things stand, by the plan that follows from it. */
export function readingOf(plan: Plan, found: Found, wanted: Wanted): Partial<BackstopState> {
  const differences = plan.steps.length + plan.waiting
  const ours = ({ budgetId }: FoundCustomer) => budgetId !== null && isOurs(budgetId)
  return {
    differences,
    ...(differences === 0 ? { lastConfirmed: found.at } : {}),
    note: wanted.note ?? noteOf(plan, found),
    budgets: [...found.budgets.keys()].filter(isOurs).length,
    customers: [...found.customers.values()].filter(ours).length,
    waiting: plan.waiting,
    leftAlone: { count: plan.leftAlone.length, some: plan.leftAlone.slice(0, SHOWN) },
  }
}

function noteOf({ late }: Plan, { cut }: Found): string | null {
  const sentences = [
    ...(cut ? ['LiteLLM has more customers than are read; those beyond are left as they are.'] : []),
    ...(late > 0
      ? [
          `LiteLLM has not begun a new period for ${late} of its budgets though their time came half an hour ago: is general_settings.disable_reset_budget on?`,
        ]
      : []),
  ]
  return sentences.length === 0 ? null : sentences.join(' ')
}
