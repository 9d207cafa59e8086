/** What an administrator of the proxy has set up; amounts in dollars, times in ISO 8601. */
export interface DirectorySettings {
  /** Those with a name or a budget; whoever has made a call is a customer besides. */
  readonly customers?: readonly DirectoryCustomer[]
  /** Default: the two of the company, without an owner. */
  readonly keys?: readonly DirectoryKey[]
  readonly budgets?: readonly DirectoryBudget[]
  /** How often spend is set to zero where the time has come; by default every ten minutes. */
  readonly resetEveryMs?: number
  /** Paths that this version does not have. */
  readonly without?: readonly string[]
}

export interface DirectoryCustomer {
  readonly id: string
  readonly alias?: string
  readonly budget?: string
  readonly blocked?: boolean
}

export interface DirectoryKey {
  readonly alias: string | null
  readonly user?: string
  readonly team?: { readonly id: string; readonly alias: string }
  readonly metadata?: Readonly<Record<string, unknown>>
  readonly max?: number
}

export interface DirectoryBudget {
  readonly id: string
  readonly max: number | null
  readonly soft?: number
  readonly duration?: string
  readonly resetAt?: string
}
