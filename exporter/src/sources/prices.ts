import type { Tokens } from '../usage.ts'

/** What sources ask of the price book; `PriceBook` of @marginwatch/pricing fits it. */
export interface Prices {
  /**
   * What the tokens cost at list price, in nano-dollars; `free` when the model is known to cost nothing. Null when the model is
   * unknown: unknown is not zero.
   */
  cost(
    model: string,
    usage: Tokens,
    options: { readonly provider?: string; readonly at: number; readonly serviceTier?: string },
  ): { readonly cost: bigint; readonly basis: 'priced' | 'free' } | null
  price(
    model: string,
    options: { readonly provider?: string; readonly at: number },
  ): { readonly contextWindow: number | null } | null
}
