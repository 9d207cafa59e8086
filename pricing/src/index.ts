export { Amount } from './amount.ts'
export {
  openPriceBook,
  type PriceBook,
  type PriceBookOptions,
  type PriceProfile,
  type PriceQuery,
} from './book.ts'
export { bundledLitellmMap, type LitellmMap } from './bundled.ts'
export type { Cost } from './cost.ts'
export { UnknownModelError, UnpricedUsageError, UsageError } from './errors.ts'
export { estimateTokens } from './estimate-tokens.ts'
export type { ModelLimits } from './limits.ts'
export {
  type Decimal,
  decimal,
  divideHalfEven,
  type Nano,
  nano,
  plain,
  plus,
  times,
  toNano,
  usd,
  usdRounded,
} from './money.ts'
export type { PriceOverride } from './overrides.ts'
export type { ContextTier, ModelPrice, PriceSource } from './price.ts'
export {
  type AnyUsage,
  type CallOptions,
  type CostBreakdown,
  calculateCost,
  calculateCostBreakdown,
  createPricing,
  estimateCost,
  modelPrice,
  type Pricing,
  type PricingOptions,
  priceProfile,
} from './pricing.ts'
export type { Skipped } from './read-price.ts'
export { readUsage } from './read-usage.ts'
export {
  SERVICE_TIERS,
  type ServiceTier,
  serviceTier,
  TOKEN_CLASSES,
  type TokenClass,
  UNITS,
  type Unit,
  type Usage,
} from './tokens.ts'
export type { CallBudget, CallSize } from './worst.ts'
