/** A step of a trace. */
export interface Span {
  /** 32 and 16 hexadecimal digits. */
  readonly traceId: string
  readonly spanId: string
  /** Null = it stands at the top of its trace. */
  readonly parentSpanId: string | null
  readonly name: string
  /** Epoch milliseconds. */
  readonly start: number
  readonly end: number
  readonly attributes: Readonly<Record<string, string>>
}

/** A trace export as OTLP/JSON (opentelemetry-proto 1.x): ids in hexadecimal, times in nanoseconds as texts. */
export function traceExport(service: string, spans: readonly Span[]): object {
  return {
    resourceSpans: [
      {
        resource: { attributes: pairs({ 'service.name': service }) },
        scopeSpans: [{ scope: { name: service }, spans: spans.map(spanOf) }],
      },
    ],
  }
}

/** Spans of work within one process. */
const INTERNAL = 1

function spanOf({ traceId, spanId, parentSpanId, name, start, end, attributes }: Span): object {
  return {
    traceId,
    spanId,
    ...(parentSpanId === null ? {} : { parentSpanId }),
    name,
    kind: INTERNAL,
    startTimeUnixNano: nanoseconds(start),
    endTimeUnixNano: nanoseconds(end),
    attributes: pairs(attributes),
  }
}

function nanoseconds(ms: number): string {
  return String(BigInt(Math.round(ms)) * 1_000_000n)
}

function pairs(attributes: Readonly<Record<string, string>>): object[] {
  return Object.entries(attributes).map(([key, stringValue]) => ({ key, value: { stringValue } }))
}
