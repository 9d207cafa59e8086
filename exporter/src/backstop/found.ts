import type { Nano } from '../usage.ts'

/** A customer as LiteLLM has it. */
export interface FoundCustomer {
  readonly id: string
  /** Since the last reset of its budget, by LiteLLM's database; null is not known. */
  readonly spend: Nano | null
  readonly budgetId: string | null
}

/** A budget as LiteLLM has it. */
export interface FoundBudget {
  readonly id: string
  /** Null = none. */
  readonly limit: Nano | null
  readonly duration: string | null
  /** When LiteLLM sets the spend of its customers to zero next, epoch milliseconds; LiteLLM is some time late. */
  readonly resetsAt: number | null
}

/** What LiteLLM has. */
export interface Found {
  /** When it was read, epoch milliseconds. */
  readonly at: number
  readonly budgets: ReadonlyMap<string, FoundBudget>
  readonly customers: ReadonlyMap<string, FoundCustomer>
  /** There is more than was read, so what is not here may be there. */
  readonly cut: boolean
  /** By what name the policy knows a customer of LiteLLM; default: its id. */
  readonly nameOf?: (id: string) => string
}
