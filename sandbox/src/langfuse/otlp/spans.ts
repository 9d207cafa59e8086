import { z } from 'zod'

/** What an attribute holds once it is read. */
export type AttributeValue = string | number | boolean | null | readonly AttributeValue[] | Attributes
export interface Attributes {
  readonly [key: string]: AttributeValue
}

/** A span as the mapping reads it. Times are epoch milliseconds. */
export interface Span {
  readonly traceId: string
  readonly id: string
  readonly parentId: string | null
  readonly name: string
  readonly start: number
  readonly end: number
  readonly attributes: Attributes
  readonly resource: Attributes
  readonly scope: { readonly name: string; readonly version: string; readonly attributes: Attributes }
  readonly status: { readonly failed: boolean; readonly message: string }
}

const HEX_16 = z.string().regex(/^[0-9a-f]{16}$/i)
const HEX_32 = z.string().regex(/^[0-9a-f]{32}$/i)
const NANOS = z.union([z.string().regex(/^\d+$/), z.number().int().nonnegative()])

interface RawValue {
  readonly stringValue?: string | undefined
  readonly boolValue?: boolean | undefined
  readonly intValue?: string | number | undefined
  readonly doubleValue?: string | number | undefined
  readonly bytesValue?: string | undefined
  readonly arrayValue?: { readonly values?: readonly RawValue[] | undefined } | undefined
  readonly kvlistValue?: { readonly values?: readonly RawPair[] | undefined } | undefined
}
interface RawPair {
  readonly key: string
  readonly value?: RawValue | null | undefined
}

const VALUE: z.ZodType<RawValue> = z.lazy(() =>
  z.object({
    stringValue: z.string().optional(),
    boolValue: z.boolean().optional(),
    intValue: z.union([z.string(), z.number()]).optional(),
    doubleValue: z.union([z.string(), z.number()]).optional(),
    bytesValue: z.string().optional(),
    arrayValue: z.object({ values: z.array(VALUE).optional() }).optional(),
    kvlistValue: z.object({ values: z.array(PAIR).optional() }).optional(),
  }),
)
const PAIR: z.ZodType<RawPair> = z.object({ key: z.string(), value: VALUE.nullish() })
const PAIRS = z.array(PAIR).default([])

const REQUEST = z.object({
  resourceSpans: z
    .array(
      z.object({
        resource: z.object({ attributes: PAIRS }).default({ attributes: [] }),
        scopeSpans: z
          .array(
            z.object({
              scope: z
                .object({ name: z.string().default(''), version: z.string().default(''), attributes: PAIRS })
                .default({ name: '', version: '', attributes: [] }),
              spans: z
                .array(
                  z.object({
                    traceId: HEX_32,
                    spanId: HEX_16,
                    parentSpanId: z.union([HEX_16, z.literal('')]).nullish(),
                    name: z.string().default(''),
                    startTimeUnixNano: NANOS,
                    endTimeUnixNano: NANOS,
                    attributes: PAIRS,
                    status: z
                      .object({
                        code: z.union([z.number(), z.string()]).default(0),
                        message: z.string().default(''),
                      })
                      .default({ code: 0, message: '' }),
                  }),
                )
                .default([]),
            }),
          )
          .default([]),
      }),
    )
    .default([]),
})

/** The spans of a trace export in the form of OTLP/JSON; a sentence when one id or list in it is not what it must be. */
export function spansOf(request: unknown): readonly Span[] | string {
  const read = REQUEST.safeParse(request)
  if (!read.success) return z.prettifyError(read.error)
  return read.data.resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ scope, spans }) =>
      spans.map((span) => ({
        traceId: span.traceId.toLowerCase(),
        id: span.spanId.toLowerCase(),
        parentId: span.parentSpanId ? span.parentSpanId.toLowerCase() : null,
        name: span.name,
        start: milliseconds(span.startTimeUnixNano),
        end: milliseconds(span.endTimeUnixNano),
        attributes: attributesOf(span.attributes),
        resource: attributesOf(resource.attributes),
        scope: { name: scope.name, version: scope.version, attributes: attributesOf(scope.attributes) },
        status: { failed: isError(span.status.code), message: span.status.message },
      })),
    ),
  )
}

/** OTLP/JSON may write the status by its number or by its name. */
function isError(code: number | string): boolean {
  return code === 2 || code === 'STATUS_CODE_ERROR'
}

function milliseconds(nanos: string | number): number {
  return Number(BigInt(nanos) / 1_000_000n)
}

function attributesOf(pairs: readonly RawPair[]): Attributes {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, value ? readValue(value) : null]))
}

function readValue(value: RawValue): AttributeValue {
  if (value.stringValue !== undefined) return value.stringValue
  if (value.boolValue !== undefined) return value.boolValue
  if (value.intValue !== undefined) return Number(value.intValue)
  if (value.doubleValue !== undefined) return Number(value.doubleValue)
  if (value.arrayValue) return (value.arrayValue.values ?? []).map(readValue)
  if (value.kvlistValue) return attributesOf(value.kvlistValue.values ?? [])
  return value.bytesValue ?? null
}
