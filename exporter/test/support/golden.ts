import { METRICS } from '../../src/catalogue.ts'
import { containersCollector } from '../../src/views/metrics/containers.ts'
import { budgetsCollector } from '../../src/views/metrics/budgets.ts'
import { forecastCollector } from '../../src/views/metrics/forecast.ts'
import { gatewayCollector } from '../../src/views/metrics/gateway.ts'
import { createHistogram, histogramFamily } from '../../src/views/metrics/histogram.ts'
import { marginCollector } from '../../src/views/metrics/margin.ts'
import { queuesCollector } from '../../src/views/metrics/queues.ts'
import { qualityCollector } from '../../src/views/metrics/quality.ts'
import type { Family } from '../../src/views/metrics/sample.ts'

/** 2026-11-22 00:00:00.250 UTC. */
const CREATED = 1795305600250
const TRACE = '0af7651916cd43dd8448eb211c80319c'

/** A small page with one of everything that the formats know, and label values that need care. */
export function goldenFamilies(): Family[] {
  const none: Family = { metric: METRICS.agentCost, samples: [] }
  return [
    requests(),
    cost(),
    fallbacks(),
    spend(),
    callCost(),
    duration(),
    none,
    sourceUp(),
    ...gateway(),
    ...budgets(),
    ...margin(),
    ...forecast(),
    ...quality(),
    ...containers(),
    ...queues(),
  ]
}

function requests(): Family {
  const labels = (model: string, status: string) => ['pro', model, 'openai', 'production', status]
  return {
    metric: METRICS.requests,
    samples: [
      { labels: labels('gpt-4o', 'success'), value: '128', created: CREATED },
      { labels: labels('gpt-4o', 'failed'), value: '3', created: CREATED },
      { labels: labels('a "quoted"\\back\nnew line, ünïcödé 模型 🙂', 'success'), value: '1' },
      { labels: labels('', 'success'), value: '0' },
    ],
  }
}

function cost(): Family {
  const exemplar = { trace: TRACE, value: '0.000225', at: 1795305661007 }
  return {
    metric: METRICS.cost,
    samples: [
      { labels: ['pro', 'gpt-4o', 'openai', 'production', 'gateway'], value: '9007199254740993.000000001', exemplar },
      { labels: ['free', 'other', 'other', 'other', 'priced'], value: '0.000000001', created: CREATED },
    ],
  }
}

function fallbacks(): Family {
  return { metric: METRICS.fallbacks, samples: [{ labels: ['gpt-4o', 'other'], value: '7', created: CREATED }] }
}

function spend(): Family {
  return {
    metric: METRICS.spend,
    samples: [
      { labels: ['day', 'pro'], value: '12.5' },
      { labels: ['month', 'pro'], value: '-0.25', created: CREATED },
    ],
  }
}

function callCost(): Family {
  const histogram = createHistogram(METRICS.callCost, { places: 9, created: CREATED })
  for (const nano of [50_000, 100_000, 100_001, 6_000_000_000]) histogram.observe(nano)
  histogram.observe(1_000_000_000, { trace: TRACE, at: 1795305661007 })
  return histogramFamily(METRICS.callCost, [histogram])
}

function duration(): Family {
  const histograms = ['gpt-4o', 'claude "3"'].map((model) =>
    createHistogram(METRICS.duration, { labels: [model, 'openai'], places: 3 }),
  )
  histograms[0]?.observe(1_234, { trace: TRACE, at: 1795305661007 })
  histograms[1]?.observe(0)
  return histogramFamily(METRICS.duration, histograms)
}

function sourceUp(): Family {
  return { metric: METRICS.sourceUp, samples: [{ labels: ['litellm'], value: '1' }] }
}

/** The gateway's own health, with a clock that is behind ours. */
function gateway(): Family[] {
  const readings = {
    spool: { processes: 2, events: 41, oldest: CREATED, skewMs: -1250 },
    dropped: { full: 3, disk: 0, refused: 1, torn: 0 },
    since: CREATED,
  }
  const collector = gatewayCollector(
    () => readings,
    () => CREATED + 90_500,
  )
  return [...collector.collect()]
}

/** A customer past its limit, a total that nothing can be foretold of, an agent that was stopped. */
function budgets(): Family[] {
  const decisionSeconds = createHistogram(METRICS.decisionTime, { places: 9, created: CREATED })
  for (const nanoseconds of [9_000, 10_001, 250_000_001]) decisionSeconds.observe(nanoseconds)
  const whole = { scope: 'global', period: 'day', customer: null, agent: null, tier: null } as const
  const acme = { scope: 'customer', period: 'month', customer: 'acme', agent: null, tier: 'tier_1' } as const
  const collector = budgetsCollector(() => ({
    budgets: [
      {
        ...acme,
        limit: 8_000_000_000n,
        spent: 8_000_000_001n,
        held: 0n,
        ...running(9_100_000_000n),
        threshold: 10_000,
      },
      { ...whole, limit: 500_000_000_000n, spent: 475_000_000_000n, held: 1n, ...running(null), threshold: 9_500 },
    ],
    leftOut: 3,
    decisions: [
      { action: 'allow', reason: 'ok', count: 4_211 },
      { action: 'block', reason: 'customer', count: 17 },
    ],
    undecided: 2,
    unsettled: 1,
    openHolds: 12,
    agents: [
      { agent: 'support', paused: false },
      { agent: 'nightly', paused: true },
    ],
    runawaySessions: 1,
    decisionSeconds,
    since: CREATED,
  }))
  return [...collector.collect()]
}

function running(forecast: bigint | null) {
  return { forecast, resetAt: forecast === null ? null : Date.UTC(2026, 11, 1) }
}

/** A plan that earns, one that loses, and one that nobody pays for; infrastructure of two services, one of them free. */
function margin(): Family[] {
  const none = { revenueAccrued: 0n, revenueMonth: 0n, modelCost: 0n, infraCost: 0n, margin: 0n, target: null }
  const nobody = { ...none, earning: 0, losing: 0, trial: 0, assumed: 0 }
  const tier1 = { revenueAccrued: 100_000_000_001n, revenueMonth: 147_000_000_000n, modelCost: 20_500_000_000n }
  const collector = marginCollector({
    margin: () => ({
      tiers: [
        {
          ...nobody,
          tier: 'tier_1',
          ...tier1,
          infraCost: 1n,
          margin: 79_500_000_000n,
          target: 8_367,
          earning: 3,
          trial: 1,
        },
        { ...nobody, tier: 'tier "2"', modelCost: 3_000_000_000n, margin: -3_000_000_000n, losing: 1, assumed: 1 },
        { ...nobody, tier: 'unattributed' },
      ],
      infra: { unallocated: 250_000_000n, unknown: null },
      worst: [
        { customer: 'globex', tier: 'tier "2"', margin: -3_000_000_000n },
        { customer: 'acme', tier: 'tier_1', margin: 0n },
      ],
    }),
    infra: () => [
      { resource: 'container', kind: 'cpu', service: 'exporter', cost: 1_250_000_001n, since: CREATED },
      { resource: 'container', kind: 'memory', service: 'exporter', cost: 0n, since: CREATED },
    ],
  })
  return [...collector.collect()]
}

/** A month that may end in loss, an hour of which nobody can say whether it is usual, and a tier that burns. */
function forecast(): Family[] {
  const tier = { scope: 'tier', period: 'month', customer: null, agent: null, tier: 'tier_1' } as const
  const collector = forecastCollector(() => ({
    month: { low: 21_000_000_000n, expected: 22_500_000_000n, high: 25_000_000_001n },
    margin: { low: -500_000_000n, expected: 2_000_000_000n, high: 3_500_000_000n },
    hour: 31_250_000n,
    band: null,
    burn: [
      {
        ...tier,
        rates: [
          { window: '1h', rate: 14_400_000n },
          { window: '6h', rate: 2_400_000n },
        ],
      },
    ],
  }))
  return [...collector.collect()]
}

/** A tool that failed after it was counted as a success, and scores of one prompt and of nothing that is known. */
function quality(): Family[] {
  const collector = qualityCollector({
    tools: () => [
      { tool: 'search "web"', status: 'success', runs: 12n, up: 0n, down: 1n, since: CREATED },
      { tool: 'search "web"', status: 'failed', runs: 1n, up: 1n, down: 0n, since: CREATED + 1 },
    ],
    scores: () => [
      {
        score: 'helpful',
        model: 'gpt-4o',
        queryType: 'action',
        prompt: { name: 'greet', version: '3' },
        count: 8,
        average: 0.8125,
      },
      { score: 'toxicity', model: null, queryType: null, prompt: null, count: 3, average: -1 / 3 },
    ],
  })
  return [...collector.collect()]
}

/** One of a compose project with a health check and two networks, one of which little is known. */
function containers(): Family[] {
  const plain = {
    id: '4f5c'.repeat(16),
    name: 'burn',
    image: 'sha256:0af7',
    project: null,
    service: null,
    cpu: 9_007_199_254_740_993n,
    throttledPeriods: null,
    memory: null,
    workingSet: null,
    memoryLimit: null,
    networks: new Map(),
    borrowsNetwork: false,
    diskRead: null,
    diskWritten: null,
    threads: null,
    startedAt: CREATED,
    at: CREATED + 90_500,
    health: 'none',
    restarts: null,
  } as const
  const web = {
    ...plain,
    id: 'ab01'.repeat(16),
    name: 'shop-web-1',
    image: 'shop/web:1.2',
    project: 'shop',
    service: 'web',
    cpu: 5_409_746_000n,
    throttledPeriods: 85n,
    memory: 43_839_488n,
    workingSet: 1_896_448n,
    memoryLimit: 268_435_456n,
    networks: new Map([
      ['eth1', { received: 0n, sent: 12n }],
      ['eth0', { received: 1_112n, sent: 0n }],
    ]),
    diskRead: 0n,
    diskWritten: 41_943_040n,
    threads: 1n,
    health: 'healthy',
    restarts: 2,
  } as const
  return [...containersCollector(() => [web, plain]).collect()]
}

/** Langfuse's queues: one in two shards, one that could not be counted. */
function queues(): Family[] {
  const collector = queuesCollector(() => [
    { queue: 'otel-ingestion-queue', jobs: { waiting: 3, active: 1, failed: 0, completed: 99 } },
    { queue: 'otel-ingestion-queue-1', jobs: { waiting: 4 } },
    { queue: 'webhook-queue', jobs: null },
  ])
  return [...collector.collect()]
}
