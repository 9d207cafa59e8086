import { describe, expect, test } from 'vitest'
import type { ObservationInput } from '../observation.ts'
import { createTenant, type Tenant } from '../project.ts'
import { answerMetrics } from './answer.ts'

const HOUR = 3_600_000
const NOON = Date.UTC(2026, 10, 3, 12)

function project(observations: readonly ObservationInput[] = []): Tenant {
  const tenant = createTenant({ name: 'default' }, () => NOON)
  tenant.put(observations)
  return tenant
}

function generation(id: string, start: number, more: Partial<ObservationInput> = {}): ObservationInput {
  return { id, start, end: start + 1500, type: 'GENERATION', name: 'litellm_request', ...more }
}

interface Asked {
  readonly status: number
  readonly data: readonly Readonly<Record<string, unknown>>[]
  readonly message: string
  readonly error: unknown
}

const COUNT = { measure: 'count', aggregation: 'count' }
const COST = { measure: 'totalCost', aggregation: 'sum' }

function ask(tenant: Tenant, query: Readonly<Record<string, unknown>>): Asked {
  const whole = {
    view: 'observations',
    metrics: [COUNT],
    fromTimestamp: new Date(NOON - 24 * HOUR).toISOString(),
    toTimestamp: new Date(NOON).toISOString(),
    ...query,
  }
  const { answer } = answerMetrics(tenant, new URLSearchParams({ query: JSON.stringify(whole) }), NOON)
  return { status: answer.status, ...(answer.body as Omit<Asked, 'status'>) }
}

describe('the query', () => {
  test('must be the text of a JSON object of the right form; each fault is named by its path', () => {
    const of = (params: Record<string, string>) => answerMetrics(project(), new URLSearchParams(params), NOON).answer
    for (const params of [{}, { query: '{' }] as Record<string, string>[])
      expect(of(params)).toMatchObject({
        status: 400,
        body: { message: 'Invalid request data', error: [{ path: ['query'] }] },
      })
    const wrong = ask(project(), { view: 'traces', metrics: [{ measure: 'count', aggregation: 'median' }] })
    expect([wrong.status, wrong.message]).toEqual([400, 'Invalid request data'])
    expect((wrong.error as { path: string[] }[]).map(({ path }) => path.join('.'))).toEqual([
      'view',
      'metrics.0.aggregation',
    ])
    const paths = ['5m', '1h'].map((granularity) => ask(project(), { timeDimension: { granularity } }).status)
    expect(paths).toEqual([400, 400])
    const same = new Date(NOON).toISOString()
    expect(ask(project(), { fromTimestamp: same, toTimestamp: same }).status).toBe(400)
    expect(ask(project(), { fromTimestamp: '2026-11-03T12:00:00' }).status).toBe(400)
  })

  test('that names what does not exist is refused with the names that do', () => {
    const dimension = ask(project(), { dimensions: [{ field: 'customer' }] })
    expect([dimension.status, dimension.error]).toEqual([400, 'InvalidRequestError'])
    expect(dimension.message).toContain('providedModelName')
    const measure = ask(project(), { metrics: [{ measure: 'cost', aggregation: 'sum' }] })
    expect([measure.status, measure.error]).toEqual([400, 'InvalidRequestError'])
    expect(measure.message).toContain('totalCost')
    expect(ask(project(), { metrics: [{ measure: 'traceId', aggregation: 'sum' }] }).status).toBe(400)
    expect(ask(project(), { metrics: [{ measure: 'traceId', aggregation: 'uniq' }] }).status).toBe(200)
    expect(ask(project(), { orderBy: [{ field: 'sum_totalCost', direction: 'desc' }] }).status).toBe(400)
  })

  test('orders by a dimension, the time or a metric of its own, but not by a histogram', () => {
    const metrics = [{ measure: 'latency', aggregation: 'histogram' }, COST]
    const by = (field: string): number => ask(project(), { metrics, orderBy: [{ field, direction: 'asc' }] }).status
    expect([by('sum_totalCost'), by('histogram_latency'), by('time_dimension')]).toEqual([200, 400, 400])
  })
})

describe('the window', () => {
  test('takes both of its ends, so that two that touch count the row between them twice', () => {
    const tenant = project([generation('edge', NOON - HOUR)])
    const edge = new Date(NOON - HOUR).toISOString()
    const before = ask(tenant, { toTimestamp: edge }).data
    const after = ask(tenant, { fromTimestamp: edge }).data
    expect([before, after]).toEqual([[{ count_count: 1 }], [{ count_count: 1 }]])
    const short = new Date(NOON - HOUR - 1).toISOString()
    expect(ask(tenant, { toTimestamp: short }).data).toEqual([{ count_count: 0 }])
  })

  test('counts a row twice that was delivered twice, until it is merged', () => {
    const tenant = project([generation('one', NOON - HOUR, { cost: { total: 0.5 } })])
    tenant.repeat('one')
    expect(ask(tenant, { metrics: [COUNT, COST] }).data).toEqual([{ count_count: 2, sum_totalCost: 1 }])
  })
})

describe('limits', () => {
  test('100 rows when nobody says, at most 1000', () => {
    const tenant = project(Array.from({ length: 130 }, (_, n) => generation(`g${n}`, NOON - n, { name: `name-${n}` })))
    const dimensions = [{ field: 'name' }]
    expect(ask(tenant, { dimensions }).data.length).toBe(100)
    expect(ask(tenant, { dimensions, config: { row_limit: 120 } }).data.length).toBe(120)
    expect(ask(tenant, { dimensions, config: { row_limit: 1001 } }).status).toBe(400)
  })

  test('users, sessions and traces are answered only as the greatest few by what is measured', () => {
    const tenant = project([
      generation('a', NOON - 1, { userId: 'acme', cost: { total: 1 } }),
      generation('b', NOON - 2, { userId: 'zen', cost: { total: 3 } }),
      generation('c', NOON - 3, { userId: 'acme', cost: { total: 1.5 } }),
    ])
    const top = {
      dimensions: [{ field: 'userId' }],
      metrics: [COST],
      config: { row_limit: 1 },
      orderBy: [{ field: 'sum_totalCost', direction: 'desc' }],
    }
    expect(ask(tenant, top).data).toEqual([{ userId: 'zen', sum_totalCost: 3 }])
    const refused = [
      { ...top, config: {} },
      { ...top, orderBy: [] },
      { ...top, orderBy: [{ field: 'sum_totalCost', direction: 'asc' }] },
      { ...top, orderBy: [{ field: 'userId', direction: 'desc' }] },
      { ...top, timeDimension: { granularity: 'day' } },
    ]
    for (const query of refused) {
      const { status, message, error } = ask(tenant, query)
      expect([status, error]).toEqual([400, 'InvalidRequestError'])
      expect(message).toContain('High cardinality dimension(s)')
    }
  })

  test('one of costType and usageType a query, whether asked for or brought by a measure', () => {
    const byCost = { measure: 'costByType', aggregation: 'sum' }
    const byUsage = { measure: 'usageByType', aggregation: 'sum' }
    expect(ask(project(), { metrics: [byCost, byUsage] }).status).toBe(400)
    expect(ask(project(), { metrics: [byCost], dimensions: [{ field: 'usageType' }] }).status).toBe(400)
    expect(ask(project(), { metrics: [byCost], dimensions: [{ field: 'costType' }] }).status).toBe(200)
  })
})

describe('buckets', () => {
  const tenant = project([
    generation('a', NOON - 3 * HOUR + 1, { model: 'gpt-4o', usage: { input: 4 } }),
    generation('b', NOON - HOUR, { model: 'gpt-4o', usage: { input: 6 } }),
  ])
  const window = { fromTimestamp: new Date(NOON - 4 * HOUR).toISOString(), timeDimension: { granularity: 'hour' } }

  test('without an order, empty ones are filled up to, and without, that of the end; filler counts against the limit', () => {
    const query = {
      ...window,
      dimensions: [{ field: 'providedModelName' }, { field: 'name' }],
      metrics: [COUNT, { measure: 'totalTokens', aggregation: 'sum' }, { measure: 'latency', aggregation: 'p95' }],
    }
    const filler = { providedModelName: null, name: '', count_count: 0, sum_totalTokens: 0, p95_latency: null }
    const full = { providedModelName: 'gpt-4o', name: 'litellm_request', count_count: 1, p95_latency: 1500 }
    expect(ask(tenant, query).data).toEqual([
      { time_dimension: '2026-11-03T08:00:00Z', ...filler },
      { time_dimension: '2026-11-03T09:00:00Z', ...full, sum_totalTokens: 4 },
      { time_dimension: '2026-11-03T10:00:00Z', ...filler },
      { time_dimension: '2026-11-03T11:00:00Z', ...full, sum_totalTokens: 6 },
    ])
    const limited = ask(tenant, { ...query, config: { row_limit: 2 } }).data
    expect(limited.map((row) => row.count_count)).toEqual([0, 1])
  })

  test('with an order nothing is filled', () => {
    const orderBy = [{ field: 'time_dimension', direction: 'asc' }]
    expect(ask(tenant, { ...window, orderBy }).data).toEqual([
      { time_dimension: '2026-11-03T09:00:00Z', count_count: 1 },
      { time_dimension: '2026-11-03T11:00:00Z', count_count: 1 },
    ])
  })

  test('minutes and hours are written with a time, days, weeks from Monday and months without', () => {
    const orderBy = [{ field: 'time_dimension', direction: 'asc' }]
    const of = (granularity: string, hours = 24): unknown => {
      const fromTimestamp = new Date(NOON - hours * HOUR).toISOString()
      return ask(tenant, { fromTimestamp, timeDimension: { granularity }, orderBy }).data[0]?.time_dimension
    }
    expect(['minute', 'hour', 'day', 'week', 'month'].map((granularity) => of(granularity))).toEqual([
      '2026-11-03T09:00:00Z',
      '2026-11-03T09:00:00Z',
      '2026-11-03',
      '2026-11-02',
      '2026-11-01',
    ])
    expect([1.9, 71, 59 * 24, 364 * 24, 366 * 24].map((hours) => of('auto', hours))).toEqual([
      '2026-11-03T11:00:00Z',
      '2026-11-03T09:00:00Z',
      '2026-11-03',
      '2026-11-02',
      '2026-11-01',
    ])
  })
})

describe('groups', () => {
  test('tags group as whole lists, in their order', () => {
    const tenant = project([
      generation('a', NOON - 1, { tags: ['x', 'y'] }),
      generation('b', NOON - 2, { tags: ['y', 'x'] }),
      generation('c', NOON - 3),
      generation('d', NOON - 4, { tags: ['x', 'y'] }),
    ])
    const { data } = ask(tenant, { dimensions: [{ field: 'tags' }] })
    expect(data).toEqual([
      { tags: ['x', 'y'], count_count: 2 },
      { tags: ['y', 'x'], count_count: 1 },
      { tags: [], count_count: 1 },
    ])
  })

  test('a row counts once for each tool that it called, with its whole cost each time', () => {
    const tenant = project([
      generation('a', NOON - 1, { calledToolNames: ['search', 'mail'], cost: { total: 1 } }),
      generation('b', NOON - 2, { calledToolNames: ['search'], cost: { total: 2 } }),
      generation('c', NOON - 3, { cost: { total: 4 } }),
    ])
    const { data } = ask(tenant, { dimensions: [{ field: 'calledToolNames' }], metrics: [COUNT, COST] })
    expect(data).toEqual([
      { calledToolNames: 'search', count_count: 2, sum_totalCost: 3 },
      { calledToolNames: 'mail', count_count: 1, sum_totalCost: 1 },
    ])
    const calls = { measure: 'toolCalls', aggregation: 'sum' }
    expect(ask(tenant, { metrics: [calls] }).data).toEqual([{ sum_toolCalls: 3 }])
  })

  test('cost and usage by kind have `total` as one of the kinds', () => {
    const tenant = project([generation('a', NOON - 1, { cost: { input: 0.25, output: 0.5 }, usage: { input: 10 } })])
    expect(ask(tenant, { metrics: [{ measure: 'costByType', aggregation: 'sum' }] }).data).toEqual([
      { costType: 'total', sum_costByType: 0.75 },
      { costType: 'output', sum_costByType: 0.5 },
      { costType: 'input', sum_costByType: 0.25 },
    ])
    expect(ask(tenant, { metrics: [{ measure: 'usageByType', aggregation: 'sum' }] }).data).toEqual([
      { usageType: 'input', sum_usageByType: 10 },
      { usageType: 'total', sum_usageByType: 10 },
    ])
  })

  test('what is absent is null, but a type, a name and a level never are; a trace without a name has that of its root', () => {
    const tenant = project([{ id: 'root', start: NOON - 1, name: 'chat' }])
    const fields = [
      'environment',
      'type',
      'level',
      'release',
      'providedModelName',
      'promptName',
      'traceName',
      'isRootObservation',
    ]
    expect(ask(tenant, { dimensions: fields.map((field) => ({ field })) }).data).toEqual([
      {
        environment: 'default',
        type: 'SPAN',
        level: 'DEFAULT',
        release: null,
        providedModelName: null,
        promptName: null,
        traceName: 'chat',
        isRootObservation: true,
        count_count: 1,
      },
    ])
  })
})

describe('measures', () => {
  test('durations are milliseconds; tokens and cost fall to the side that their kind names', () => {
    const usage = { input: 100, cache_read_input_tokens: 40, output: 20, reasoning_tokens: 5, total: 165 }
    const cost = { input: 0.1, cache_read_input_tokens: 0.02, output: 0.3, total: 0.42 }
    const tenant = project([
      generation('a', NOON - 5000, { end: NOON - 2500, completionStart: NOON - 4600, usage, cost }),
    ])
    const sums = [
      'latency',
      'timeToFirstToken',
      'streamingLatency',
      'inputTokens',
      'outputTokens',
      'totalTokens',
      'inputCost',
      'outputCost',
      'totalCost',
      'tokensPerSecond',
    ]
    const [row] = ask(tenant, { metrics: sums.map((measure) => ({ measure, aggregation: 'sum' })) }).data
    expect(row).toEqual({
      sum_latency: 2500,
      sum_timeToFirstToken: 400,
      sum_streamingLatency: 2100,
      sum_inputTokens: 140,
      sum_outputTokens: 20,
      sum_totalTokens: 165,
      sum_inputCost: 0.12,
      sum_outputCost: 0.3,
      sum_totalCost: 0.42,
      sum_tokensPerSecond: 82.5,
    })
  })

  test('over nothing: counts are 0, means and quantiles null', () => {
    const metrics = [COUNT, { measure: 'latency', aggregation: 'avg' }, { measure: 'latency', aggregation: 'p99' }]
    expect(ask(project(), { metrics }).data).toEqual([{ count_count: 0, avg_latency: null, p99_latency: null }])
    expect(ask(project(), { metrics, dimensions: [{ field: 'name' }] }).data).toEqual([])
    expect(ask(project([generation('a', NOON - 1)]), { metrics: [] }).data).toEqual([{ count: 1 }])
  })

  test('distinct users and sessions leave out those without; a histogram is of lower, upper and height', () => {
    const tenant = project([
      generation('a', NOON - 1000, { userId: 'acme', end: NOON - 900 }),
      generation('b', NOON - 2000, { userId: 'acme', end: NOON - 1600 }),
      generation('c', NOON - 3000, { end: NOON - 2500 }),
    ])
    const uniq = { measure: 'uniqueUserIds', aggregation: 'uniq' }
    const histogram = { measure: 'latency', aggregation: 'histogram' }
    expect(ask(tenant, { metrics: [uniq, histogram], config: { bins: 2 } }).data).toEqual([
      {
        uniq_uniqueUserIds: 1,
        histogram_latency: [
          [100, 300, 1],
          [300, 500, 2],
        ],
      },
    ])
    const p50 = { measure: 'latency', aggregation: 'p50' }
    expect(ask(tenant, { metrics: [p50] }).data).toEqual([{ p50_latency: 400 }])
  })

  test('counting scores drops the rows without any', () => {
    const tenant = project([generation('a', NOON - 1), generation('b', NOON - 2)])
    tenant.score({ id: 's1', name: 'helpful', at: NOON - 1, value: 0.5, traceId: 'a', observationId: 'a' })
    const scores = { measure: 'countScores', aggregation: 'sum' }
    expect(ask(tenant, { metrics: [scores, COUNT] }).data).toEqual([{ sum_countScores: 1, count_count: 1 }])
  })
})

describe('filters', () => {
  const tenant = project([
    generation('a', NOON - 1, { model: 'gpt-4o', tags: ['plan:pro'], metadata: { key: { customer: 'acme' } } }),
    generation('b', NOON - 2, { name: 'search', type: 'TOOL' }),
  ])
  const count = (filter: object): unknown => ask(tenant, { filters: [filter] }).data[0]?.count_count
  const status = (filter: object): number => ask(tenant, { filters: [filter] }).status

  test('look at dimensions, the time and the metadata under its dotted key', () => {
    expect(count({ type: 'null', column: 'providedModelName', operator: 'is not null', value: '' })).toBe(1)
    expect(count({ type: 'arrayOptions', column: 'tags', operator: 'none of', value: ['plan:pro'] })).toBe(1)
    const meta = { type: 'stringObject', column: 'metadata', key: 'key.customer', operator: 'contains', value: 'acm' }
    expect(count(meta)).toBe(1)
    const at = new Date(NOON - 1).toISOString()
    expect(count({ type: 'datetime', column: 'start_time', operator: '>=', value: at })).toBe(1)
    expect(count({ type: 'boolean', column: 'isRootObservation', operator: '<>', value: true })).toBe(0)
  })

  test('of the wrong type, on a measure or on an unknown column are refused; an unknown …Name is taken for the name', () => {
    expect(status({ type: 'string', column: 'tags', operator: '=', value: 'x' })).toBe(400)
    expect(status({ type: 'number', column: 'totalCost', operator: '>', value: 1 })).toBe(400)
    expect(status({ type: 'string', column: 'customer', operator: '=', value: 'x' })).toBe(400)
    expect(status({ type: 'stringOptions', column: 'name', operator: 'any of', value: [] })).toBe(400)
    expect(count({ type: 'string', column: 'userName', operator: '=', value: 'search' })).toBe(1)
  })
})

describe('scores', () => {
  test('are measured by their type of value, with what the observation and its trace say', () => {
    const tenant = project([
      generation('root', NOON - 5000, { traceId: 't', traceName: 'chat', tags: ['plan:pro'], type: 'SPAN' }),
      generation('g', NOON - 4000, {
        traceId: 't',
        parentObservationId: 'root',
        model: 'gpt-4o',
        promptName: 'answer',
        promptVersion: 3,
      }),
    ])
    tenant.score([
      { id: 's1', name: 'helpful', at: NOON - 10, value: 0.5, traceId: 't', observationId: 'g' },
      { id: 's2', name: 'helpful', at: NOON - 9, value: 1, traceId: 't' },
      { id: 's3', name: 'correct', at: NOON - 8, value: true, traceId: 't' },
      { id: 's4', name: 'tone', at: NOON - 7, value: 'warm', traceId: 't' },
    ])
    const value = { measure: 'value', aggregation: 'avg' }
    const dimensions = ['name', 'observationModelName', 'observationPromptVersion', 'traceName', 'tags'].map(
      (field) => ({ field }),
    )
    expect(ask(tenant, { view: 'scores-numeric', metrics: [value], dimensions }).data).toEqual([
      {
        name: 'helpful',
        observationModelName: null,
        observationPromptVersion: null,
        traceName: 'chat',
        tags: ['plan:pro'],
        avg_value: 1,
      },
      {
        name: 'helpful',
        observationModelName: 'gpt-4o',
        observationPromptVersion: '3',
        traceName: 'chat',
        tags: ['plan:pro'],
        avg_value: 0.5,
      },
    ])
    expect(ask(tenant, { view: 'scores-boolean', dimensions: [{ field: 'booleanValue' }] }).data).toEqual([
      { booleanValue: true, count_count: 1 },
    ])
    expect(ask(tenant, { view: 'scores-categorical', dimensions: [{ field: 'stringValue' }] }).data).toEqual([
      { stringValue: 'warm', count_count: 1 },
    ])
    expect(ask(tenant, { view: 'scores-categorical', metrics: [value] }).status).toBe(400)
  })
})
