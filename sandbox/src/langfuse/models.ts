import { z } from 'zod'
import { type Answer, malformed, ok } from './answers.ts'
import { type ModelPrice, shownPattern } from './cost.ts'

const PAGE = z.object({
  page: z.coerce.number().int().min(1).default(1),
  limit: z.coerce.number().int().min(1).max(100).default(50),
})

/** `GET /models`: Langfuse's table of prices, in numbered pages. */
export function answerModels(models: readonly ModelPrice[], search: URLSearchParams): Answer {
  const asked = PAGE.safeParse(Object.fromEntries(search))
  if (!asked.success) return malformed(asked.error.issues)
  const { page, limit } = asked.data
  return ok({
    data: models.slice((page - 1) * limit, page * limit).map(wireModel),
    meta: { page, limit, totalItems: models.length, totalPages: Math.ceil(models.length / limit) },
  })
}

export function wireModel(model: ModelPrice) {
  const prices = Object.fromEntries(Object.entries(model.prices).map(([kind, price]) => [kind, { price }]))
  const createdAt = new Date(model.startDate ?? 0).toISOString()
  return {
    id: model.id,
    modelName: model.modelName,
    matchPattern: shownPattern(model),
    startDate: model.startDate === undefined || model.startDate === null ? null : createdAt,
    unit: 'TOKENS' as const,
    inputPrice: model.prices.input ?? null,
    outputPrice: model.prices.output ?? null,
    totalPrice: model.prices.total ?? null,
    prices,
    pricingTiers: [
      {
        id: `${model.id}_tier_default`,
        name: 'Standard',
        isDefault: true,
        priority: 0,
        conditions: [],
        prices: { ...model.prices },
      },
    ],
    tokenizerId: null,
    tokenizerConfig: null,
    isLangfuseManaged: model.managed ?? false,
    createdAt,
  }
}
