import type { Nano } from '../usage.ts'

/** One write to LiteLLM. */
export type Step =
  | {
      readonly kind: 'create_budget'
      readonly id: string
      /** Null = none. */
      readonly limit: Nano | null
      readonly duration: string
      readonly resetAt: number
    }
  | ChangeBudget
  /** Also to the budget that the customer has already, where that was changed: LiteLLM looks at once then. */
  | { readonly kind: 'link_customer'; readonly customer: string; readonly budget: string; readonly from: string | null }
  | { readonly kind: 'create_customer'; readonly customer: string; readonly budget: string }
  /** Has LiteLLM set the spend of the budget's customers to zero when it next looks. Not before they are all in it. */
  | { readonly kind: 'reset_spend'; readonly id: string; readonly resetAt: number }
  /** Not before its customers have another, unless they are to have none. */
  | { readonly kind: 'delete_budget'; readonly id: string }

/** What is absent stays as it is. */
export interface ChangeBudget {
  readonly kind: 'change_budget'
  readonly id: string
  readonly limit?: Nano | null
  readonly duration?: string
  readonly resetAt?: number
}

export interface Plan {
  /** In this order; those of one kind may be done side by side. */
  readonly steps: readonly Step[]
  /** Customers of LiteLLM that the policy gives a limit and somebody else a budget; the policy does not name them. */
  readonly leftAlone: readonly string[]
  /** Customers that LiteLLM has to set to zero before they get their budget, or that may be among what was not read. */
  readonly waiting: number
  /** Budgets of ours for which LiteLLM has long been due to begin a new period. */
  readonly late: number
}
