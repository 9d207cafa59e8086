import { LEVELS, type Level, OBSERVATION_TYPES, type ObservationInput, type ObservationType } from '../observation.ts'
import { METADATA_PREFIXES, NAMES } from './names.ts'
import type { Attributes, AttributeValue, Span } from './spans.ts'
import { calledTools, offeredTools } from './tools.ts'
import { costOf, parsed, usageOf } from './usage.ts'

/** The observation that Langfuse makes of a span. */
export function observationOf(span: Span): ObservationInput {
  const { attributes, resource } = span
  const model = textOf(attributes, NAMES.model)
  const [input, output] = [textOf(attributes, NAMES.input), textOf(attributes, NAMES.output)]
  const cost = costOf(attributes)
  return {
    id: span.id,
    traceId: span.traceId,
    parentObservationId: span.parentId,
    appRoot: attributes['langfuse.internal.as_root'] === true,
    type: typeOf(attributes, model),
    name: textOf(attributes, NAMES.name) ?? span.name,
    start: span.start,
    end: span.end,
    level: levelOf(span),
    statusMessage: textOf(attributes, NAMES.statusMessage) ?? span.status.message,
    version: textOf(attributes, NAMES.version) ?? textOf(resource, ['service.version']) ?? '',
    release: textOf(attributes, NAMES.release) ?? textOf(resource, NAMES.release) ?? '',
    environment: textOf(attributes, NAMES.environment) ?? textOf(resource, NAMES.environment) ?? 'default',
    userId: textOf(attributes, NAMES.userId) ?? '',
    sessionId: textOf(attributes, NAMES.sessionId) ?? '',
    tags: tagsOf(NAMES.tags.map((name) => attributes[name]).find((value) => value !== undefined)),
    traceName: textOf(attributes, NAMES.traceName) ?? '',
    completionStart: completionStart(span),
    model: model ?? '',
    modelParameters: objectOf(
      attributes['langfuse.observation.model.parameters'] ?? attributes['llm.invocation_parameters'],
    ),
    usage: usageOf(attributes),
    ...(cost ? { cost } : {}),
    promptName: textOf(attributes, NAMES.promptName) ?? '',
    promptVersion: wholeNumber(attributes[NAMES.promptVersion[0]]),
    metadata: metadataOf(span),
    input,
    output,
    toolNames: offeredTools(input),
    calledToolNames: calledTools(output),
  }
}

function textOf(attributes: Attributes, names: readonly string[]): string | null {
  for (const name of names) {
    const value = attributes[name]
    if (value === undefined || value === null || value === '') continue
    return typeof value === 'string' ? value : JSON.stringify(value)
  }
  return null
}

const OPENINFERENCE: Readonly<Record<string, ObservationType>> = {
  LLM: 'GENERATION',
  EMBEDDING: 'EMBEDDING',
  TOOL: 'TOOL',
  AGENT: 'AGENT',
  CHAIN: 'CHAIN',
  RETRIEVER: 'RETRIEVER',
  RERANKER: 'RETRIEVER',
  GUARDRAIL: 'GUARDRAIL',
  EVALUATOR: 'EVALUATOR',
}
const OPERATIONS: Readonly<Record<string, ObservationType>> = {
  chat: 'GENERATION',
  text_completion: 'GENERATION',
  generate_content: 'GENERATION',
  embeddings: 'EMBEDDING',
  execute_tool: 'TOOL',
  invoke_agent: 'AGENT',
  create_agent: 'AGENT',
}

function typeOf(attributes: Attributes, model: string | null): ObservationType {
  const own = textOf(attributes, NAMES.type)?.toUpperCase()
  const known = OBSERVATION_TYPES.find((type) => type === own)
  if (known) return known
  const kind = OPENINFERENCE[textOf(attributes, ['openinference.span.kind']) ?? '']
  const operation = OPERATIONS[textOf(attributes, ['gen_ai.operation.name']) ?? '']
  if (kind ?? operation) return (kind ?? operation) as ObservationType
  if (textOf(attributes, ['gen_ai.tool.name']) !== null) return 'TOOL'
  return model === null ? 'SPAN' : 'GENERATION'
}

function levelOf({ attributes, status }: Span): Level {
  const own = textOf(attributes, NAMES.level)?.toUpperCase()
  return LEVELS.find((level) => level === own) ?? (status.failed ? 'ERROR' : 'DEFAULT')
}

/** A list, the JSON of a list, or names with commas between them. */
function tagsOf(value: AttributeValue | undefined): readonly string[] {
  if (value === undefined || value === null) return []
  const list = typeof value === 'string' ? (parsed(value) ?? value.split(',')) : value
  if (Array.isArray(list)) return list.map((tag) => String(tag).trim()).filter((tag) => tag !== '')
  return [String(value)]
}

function completionStart({ attributes, start }: Span): number | null {
  const text = textOf(attributes, NAMES.completionStart)
  const at = text === null ? Number.NaN : Date.parse(text.replaceAll('"', ''))
  if (!Number.isNaN(at)) return at
  const first = attributes['ai.response.msToFirstChunk']
  return typeof first === 'number' ? start + Math.round(first) : null
}

function wholeNumber(value: AttributeValue | undefined): number | null {
  const number = typeof value === 'string' || typeof value === 'number' ? Number(value) : Number.NaN
  return Number.isInteger(number) ? number : null
}

function objectOf(value: AttributeValue | undefined): Readonly<Record<string, unknown>> {
  const read = typeof value === 'string' ? parsed(value) : value
  return typeof read === 'object' && read !== null && !Array.isArray(read) ? (read as Record<string, unknown>) : {}
}

/** Prompts and answers have columns of their own. */
const TEXTS: ReadonlySet<string> = new Set([...NAMES.input, ...NAMES.output])

/** What the span says of itself on top, then all of its attributes, those of the resource, and the scope. */
function metadataOf({ attributes, resource, scope }: Span): Record<string, unknown> {
  const own: Record<string, unknown> = {}
  for (const prefix of METADATA_PREFIXES) {
    Object.assign(own, objectOf(attributes[prefix]))
    for (const [key, value] of Object.entries(attributes))
      if (key.startsWith(`${prefix}.`)) own[key.slice(prefix.length + 1)] = value
  }
  const rest = Object.entries(attributes).filter(([key]) => !TEXTS.has(key))
  return { ...own, attributes: Object.fromEntries(rest), resourceAttributes: resource, scope }
}
