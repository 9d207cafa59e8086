import type { Nano } from '../../usage.ts'

/** A customer as LiteLLM knows it. Amounts are nano-dollars, times epoch milliseconds; null is not known or not set. */
export interface LitellmCustomer {
  readonly id: string
  /** The name that people gave it. */
  readonly alias: string | null
  /**
   * By LiteLLM's database, which lags by seconds. It counts since the last reset of the budget: it falls to zero then, so it
   * is no counter.
   */
  readonly spend: Nano | null
  readonly budgetId: string | null
  readonly limit: Nano | null
  readonly resetsAt: number | null
}

/** An API key of LiteLLM; the key itself is in nobody's answer. */
export interface LitellmKey {
  /** SHA-256 of the key, by which LiteLLM names it. */
  readonly hash: string
  readonly alias: string | null
  readonly user: string | null
  /** Name of the team, else its id. */
  readonly team: string | null
  readonly spend: Nano | null
  readonly limit: Nano | null
  /** What the administrator wrote beside it: short values only. */
  readonly metadata: Readonly<Record<string, string>>
}

/** A limit with its clock; customers, keys and teams may share one. */
export interface LitellmBudget {
  readonly id: string
  readonly limit: Nano | null
  readonly softLimit: Nano | null
  /** As LiteLLM writes it, e.g. `30d`; null = never reset. */
  readonly duration: string | null
  readonly resetsAt: number | null
}

/** What LiteLLM last said of its customers (by id), keys (by hash) and budgets (by id); empty while it has said nothing. */
export interface LitellmDirectory {
  customers(): ReadonlyMap<string, LitellmCustomer>
  keys(): ReadonlyMap<string, LitellmKey>
  budgets(): ReadonlyMap<string, LitellmBudget>
  /** When everything that LiteLLM lets be read was last read, epoch milliseconds; null = not yet, or of no LiteLLM that is polled now. */
  readAt(): number | null
}

/** The lists, by name, with what they hold. */
export interface Lists {
  readonly customers: ReadonlyMap<string, LitellmCustomer>
  readonly keys: ReadonlyMap<string, LitellmKey>
  readonly budgets: ReadonlyMap<string, LitellmBudget>
}
export type ListName = keyof Lists

/** A directory with the side on which it is written. */
export interface DirectoryKeeper extends LitellmDirectory {
  /** Puts what was read in the place of what was known; a list that was not read stays as it is. */
  keep(lists: Partial<Lists>): void
  /** All that can be read was read. */
  complete(at: number): void
  /** Forgets everything: it was another LiteLLM's. */
  forget(): void
}

const EMPTY: Lists = Object.freeze({ customers: new Map(), keys: new Map(), budgets: new Map() })

export function createDirectory(): DirectoryKeeper {
  let lists = EMPTY
  let readAt: number | null = null
  return {
    customers: () => lists.customers,
    keys: () => lists.keys,
    budgets: () => lists.budgets,
    readAt: () => readAt,
    keep(read) {
      lists = { ...lists, ...read }
    },
    complete(at) {
      readAt = at
    },
    forget() {
      lists = EMPTY
      readAt = null
    },
  }
}
