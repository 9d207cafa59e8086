import { UNATTRIBUTED, type Usage } from '../../usage.ts'
import { name, type Hash } from '../../attribution/label.ts'
import { redact } from '../../redact.ts'
import { type EventContext, isAhead } from '../litellm/event.ts'
import { callTypeOf, modelOf } from '../litellm/names.ts'
import { object, word } from '../litellm/read.ts'
import { type Seen, SOURCE, timesOf } from './observation.ts'
import type { Row } from './row.ts'
import { tokensOf } from './tokens.ts'

/**
 * The event of a call that only Langfuse knows of. Its cost is the price book's for the classes of its tokens; where the book does
 * not know the model, Langfuse's own as an estimate; else there is none, which is not zero.
 */
export function usageOf({ row, who, observation }: Seen, context: EventContext): Usage {
  const { hash } = context.attribution
  const { model, provider } = modelOf(row.model, providerOf(row))
  const tokens = tokensOf(row.usage) ?? {}
  const { durationMs, ttftMs } = timesOf(row)
  const { temperature } = row.modelParameters
  const status = row.failed ? 'failed' : 'success'
  return {
    kind: 'usage',
    version: 1,
    key: `${SOURCE}:${observation.project}:${observation.id}`,
    source: SOURCE,
    start: isAhead(row.start, context.now) ? context.now : row.start,
    customer: who.customer ?? UNATTRIBUTED,
    tier: who.tier,
    user: who.user,
    session: who.session,
    agent: who.agent,
    trace: who.trace ?? observation.trace,
    operation: who.operation ?? operationOf(row, hash),
    callType: typeOf(row),
    queryType: who.queryType,
    modelAsked: who.modelAsked ?? observation.model,
    model: name(model, hash) ?? who.modelUsed,
    provider,
    environment: observation.environment,
    project: who.project,
    keyAlias: who.keyAlias,
    promptName: observation.promptName,
    promptVersion: observation.promptVersion,
    tools: who.tools,
    status,
    errorClass: null,
    errorMessage: row.failed && row.statusMessage !== null ? redact(row.statusMessage) || null : null,
    finishReason: null,
    stream: ttftMs !== null,
    cacheHit: false,
    temperature: typeof temperature === 'number' && Number.isFinite(temperature) ? temperature : null,
    tokens,
    ...chargeOf({ row, model, provider, tokens }, context),
    saved: null,
    durationMs,
    ttftMs,
    contextWindow: contextWindowOf(model, provider, row.start, context),
    bytes: null,
    dimensions: null,
    metadata: who.metadata,
  }
}

/**
 * A failure on the way through a gateway, which used nothing. It may be a try before a retry, or a refusal without an id of the
 * call: whether a client saw it the gateway alone can tell, and it does.
 */
export function isGatewaysFailure({ row, observation }: Seen): boolean {
  const used = (row.cost ?? 0n) > 0n || Object.keys(row.usage).length > 0
  return row.failed && !used && (observation.call !== null || Object.keys(row.metadata.litellm).length > 0)
}

interface Priced {
  readonly row: Row
  readonly model: string | null
  readonly provider: string | null
  readonly tokens: Usage['tokens']
}

function chargeOf(
  { row, model, provider, tokens }: Priced,
  { prices, development }: EventContext,
): Pick<Usage, 'cost' | 'basis'> {
  if (development) return { cost: 0n, basis: 'free' }
  const used = Object.keys(tokens).length > 0
  const options = { at: row.start, ...(provider === null ? {} : { provider }) }
  const listed = model !== null && used ? prices.cost(model, tokens, options) : null
  if (listed !== null) return { cost: listed.cost, basis: listed.cost > 0n ? 'priced' : 'free' }
  if (row.cost !== null && row.cost > 0n) return { cost: row.cost, basis: 'estimated' }
  // A failure without tokens was charged by nobody.
  if (row.failed && !used) return { cost: 0n, basis: 'priced' }
  return { cost: null, basis: 'unpriced' }
}

function contextWindowOf(
  model: string | null,
  provider: string | null,
  at: number,
  { prices }: EventContext,
): number | null {
  if (model === null) return null
  return prices.price(model, { at, ...(provider === null ? {} : { provider }) })?.contextWindow ?? null
}

/** What instrumentors say of the provider: OpenInference, OpenTelemetry's own names, LangChain. */
function providerOf(row: Row): string | null {
  const { tree, litellm } = row.metadata
  const attributes = object(tree.attributes)
  const genAi = object(attributes.gen_ai)
  const found =
    word(object(attributes.llm).provider) ??
    word(object(genAi.provider).name) ??
    word(genAi.system) ??
    word(tree.ls_provider) ??
    word(litellm.custom_llm_provider)
  return found === null || found === 'Unknown' ? null : found
}

function typeOf(row: Row): string | null {
  const { type } = object(object(object(row.metadata.tree.attributes).llm).request)
  return callTypeOf(type) ?? (row.type === 'EMBEDDING' ? 'embedding' : row.type === 'GENERATION' ? 'chat' : null)
}

/** A trace is named for what the application was doing, unless LiteLLM named it. */
function operationOf({ traceName }: Row, hash: Hash): string | null {
  return traceName === null || traceName.startsWith('litellm') ? null : name(traceName, hash)
}
