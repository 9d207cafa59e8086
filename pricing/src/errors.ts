/** No source knows a price for the model. */
export class UnknownModelError extends Error {
  override readonly name = 'UnknownModelError'
  readonly model: string
  readonly provider: string | null
  /** Known names that look alike, best first. */
  readonly near: readonly string[]

  constructor(model: string, provider: string | null, near: readonly string[]) {
    const asked =
      provider === null ? JSON.stringify(model) : `${JSON.stringify(model)} of provider ${JSON.stringify(provider)}`
    const hint = near.length === 0 ? 'No known name is near it' : `Near names: ${near.join(', ')}`
    super(
      `no price is known for model ${asked}. ${hint}. Check the name, or give the model a price of its own by an override.`,
    )
    this.model = model
    this.provider = provider
    this.near = near
  }
}

/** The model is known, but the usage holds something that it has no price for. */
export class UnpricedUsageError extends Error {
  override readonly name = 'UnpricedUsageError'
  readonly model: string

  constructor(model: string, used: readonly string[], priced: readonly string[]) {
    super(
      `the usage of model ${JSON.stringify(model)} cannot be priced: it holds ${used.join(', ') || 'nothing'}, ` +
        `and the model is priced by ${priced.join(', ')}. Give those amounts, or an override that prices what was used.`,
    )
    this.model = model
  }
}

/** Something given as usage holds no amount that we can read. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
