import protobuf from 'protobufjs/light.js'

type Field = readonly [type: string, id: number, repeated?: 'repeated']

function message(fields: Readonly<Record<string, Field>>, oneof: readonly string[] = []) {
  const named = Object.entries(fields).map(([name, [type, id, rule]]) => [
    name,
    { type, id, ...(rule ? { rule } : {}) },
  ])
  return {
    fields: Object.fromEntries(named),
    ...(oneof.length > 0 ? { oneofs: { value: { oneof: [...oneof] } } } : {}),
  }
}

/** The messages of OTLP 1.x that a trace export is made of, by their published field numbers. Fields that nobody reads are left out. */
const OTLP = protobuf.Root.fromJSON({
  nested: {
    ExportTraceServiceRequest: message({ resourceSpans: ['ResourceSpans', 1, 'repeated'] }),
    ResourceSpans: message({ resource: ['Resource', 1], scopeSpans: ['ScopeSpans', 2, 'repeated'] }),
    Resource: message({ attributes: ['KeyValue', 1, 'repeated'] }),
    ScopeSpans: message({ scope: ['InstrumentationScope', 1], spans: ['Span', 2, 'repeated'] }),
    InstrumentationScope: message({
      name: ['string', 1],
      version: ['string', 2],
      attributes: ['KeyValue', 3, 'repeated'],
    }),
    Span: message({
      traceId: ['bytes', 1],
      spanId: ['bytes', 2],
      parentSpanId: ['bytes', 4],
      name: ['string', 5],
      startTimeUnixNano: ['fixed64', 7],
      endTimeUnixNano: ['fixed64', 8],
      attributes: ['KeyValue', 9, 'repeated'],
      status: ['Status', 15],
    }),
    Status: message({ message: ['string', 2], code: ['int32', 3] }),
    KeyValue: message({ key: ['string', 1], value: ['AnyValue', 2] }),
    AnyValue: message(
      {
        stringValue: ['string', 1],
        boolValue: ['bool', 2],
        intValue: ['int64', 3],
        doubleValue: ['double', 4],
        arrayValue: ['ArrayValue', 5],
        kvlistValue: ['KeyValueList', 6],
        bytesValue: ['bytes', 7],
      },
      ['stringValue', 'boolValue', 'intValue', 'doubleValue', 'arrayValue', 'kvlistValue', 'bytesValue'],
    ),
    ArrayValue: message({ values: ['AnyValue', 1, 'repeated'] }),
    KeyValueList: message({ values: ['KeyValue', 1, 'repeated'] }),
  },
})

const REQUEST = OTLP.lookupType('ExportTraceServiceRequest')

/** A trace export in the form that it has as OTLP/JSON: ids in hexadecimal, 64-bit integers as texts. Throws on bytes that are none. */
export function decodeProtobuf(body: Uint8Array): unknown {
  const read = REQUEST.toObject(REQUEST.decode(body), { longs: String, arrays: false })
  return hexIds(read)
}

/** The bytes of a trace export in the form of OTLP/JSON. */
export function encodeProtobuf(request: object): Uint8Array {
  return REQUEST.encode(REQUEST.fromObject(bytesOfIds(request) as object)).finish()
}

const IDS = new Set(['traceId', 'spanId', 'parentSpanId'])

function hexIds(value: unknown, key = ''): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString(IDS.has(key) ? 'hex' : 'base64')
  return within(value, hexIds)
}

function bytesOfIds(value: unknown, key = ''): unknown {
  if (typeof value === 'string' && IDS.has(key)) return Buffer.from(value, 'hex')
  return within(value, bytesOfIds)
}

function within(value: unknown, change: (value: unknown, key: string) => unknown): unknown {
  if (Array.isArray(value)) return value.map((one) => change(one, ''))
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, change(inner, key)]))
}
