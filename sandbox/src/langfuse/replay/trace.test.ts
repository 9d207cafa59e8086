import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Call } from '../../call.ts'
import { allTokens, inputTokens } from '../../tokens.ts'
import { floatCost } from '../../models.ts'
import { createTraffic } from '../../traffic.ts'
import { flattened } from '../observation.ts'
import { observationOf } from '../otlp/observe.ts'
import { decodeProtobuf } from '../otlp/protobuf.ts'
import { spansOf } from '../otlp/spans.ts'
import { observationsOf, traceOf } from './trace.ts'

const FROM = Date.UTC(2026, 10, 3)
const calls = [...createTraffic({ seed: 5 }).calls(FROM, FROM + 36_000_000)]
const calledBy = (what: (call: Call) => boolean): Call => {
  const found = calls.find(what)
  if (!found) throw new Error('no such call in this traffic')
  return found
}
const answered = calledBy(
  ({ outcome, cacheHit, model, tokens }) =>
    outcome === 'success' && !cacheHit && model?.provider === 'openai' && tokens.cacheRead > 0,
)

describe('a call through the gateway', () => {
  test('has the cost and the tokens by class that LiteLLM says, under our call id, below a root that costs nothing', () => {
    const { root, generations } = traceOf(answered)
    const [generation] = generations
    const { tokens, model } = answered
    expect(generation).toMatchObject({
      type: 'GENERATION',
      name: 'litellm_request',
      parentObservationId: root.id,
      traceId: root.traceId,
      start: answered.start,
      end: answered.end,
      cost: { total: model && floatCost(model, tokens).total },
      environment: 'production',
    })
    expect(generation?.metadata).toHaveProperty('marginwatch_call_id', answered.hookId)
    expect(generation?.usage?.input_cached_tokens).toBe(tokens.cacheRead)
    expect(generation?.usage?.input).toBe(inputTokens(tokens) - tokens.cacheRead)
    expect(root).not.toHaveProperty('cost')
    expect(traceOf(answered, { hook: false }).generations[0]?.metadata).not.toHaveProperty('marginwatch_call_id')
  })

  test('says nothing that a captured one does not say, but for what only another provider counts', () => {
    const captured = spansOf(
      decodeProtobuf(readFileSync(new URL('../../fixtures/litellm-1.106.2/langfuse-otel.bin', import.meta.url))),
    )
    if (typeof captured === 'string') throw new Error(captured)
    const known = new Set(captured.flatMap((span) => Object.keys(flattened(observationOf(span).metadata ?? {}))))
    const said = new Set(
      calls
        .slice(0, 400)
        .flatMap((call) => traceOf(call).generations.flatMap(({ metadata = {} }) => Object.keys(flattened(metadata)))),
    )
    expect([...said].filter((key) => !known.has(key))).toEqual([
      'attributes.llm.token_count.prompt_details.cache_write',
    ])
  })

  test('all generations together cost and count what the calls did, to the nano-dollar', () => {
    const sums = { cost: 0, tokens: 0, rows: 0 }
    const expected = { cost: 0, tokens: 0, rows: 0 }
    for (const call of calls) {
      for (const { cost, usage } of traceOf(call).generations) {
        sums.cost += Math.round((cost?.total ?? 0) * 1e9)
        sums.tokens += usage?.total ?? 0
        sums.rows += 1
      }
      expected.cost += Number(call.cost ?? 0n)
      expected.tokens += allTokens(call.tokens)
      expected.rows += 1 + call.attempts.length
    }
    expect(sums).toEqual(expected)
  })

  test('each earlier try is a failed generation without cost; a call that fails is one too', () => {
    const retried = calledBy(({ outcome, attempts }) => outcome === 'success' && attempts.length === 2)
    const { generations } = traceOf(retried)
    expect(generations.map(({ level, cost }) => [level, (cost?.total ?? 0) > 0])).toEqual([
      ['ERROR', false],
      ['ERROR', false],
      ['DEFAULT', retried.cost !== null && retried.cost > 0n],
    ])
    expect(generations[0]?.start).toBe(retried.start - (retried.attempts[0]?.beforeMs ?? 0))
    const failed = calledBy(({ outcome }) => outcome === 'failed')
    expect(traceOf(failed).generations.at(-1)).toMatchObject({ level: 'ERROR', cost: { total: 0 }, usage: {} })
  })

  test('where the client named no session, LiteLLM’s is the customer; one with a wrong key has none', () => {
    const unnamed = calledBy(
      ({ session, customer, outcome }) => session === null && customer !== null && outcome === 'success',
    )
    expect(traceOf(unnamed).generations[0]?.sessionId).toBe(unnamed.customer)
    expect(traceOf(answered).generations[0]?.sessionId).toBe(answered.session ?? answered.customer)
    const stranger = calledBy(({ failure }) => failure === 'bad_key')
    expect(traceOf(stranger).generations[0]).toMatchObject({ sessionId: '', tags: [] })
    for (const turnedAway of [stranger, calledBy(({ failure }) => failure === 'native_budget')])
      expect(traceOf(turnedAway).generations[0]?.metadata).not.toHaveProperty('marginwatch_call_id')
  })
})

describe('a call past the gateway', () => {
  test('has the customer, the session and the tokens, but neither cost nor an id of ours', () => {
    const { generations, root } = traceOf(answered, { way: 'direct' })
    expect(generations.length).toBe(1)
    expect(generations[0]).toMatchObject({
      userId: answered.customer ?? '',
      sessionId: answered.session ?? '',
      model: answered.model?.name.split('/')[1],
      usage: { total: allTokens(answered.tokens), input_cached_tokens: answered.tokens.cacheRead },
      parentObservationId: root.id,
    })
    expect(generations[0]).not.toHaveProperty('cost')
    expect(JSON.stringify(generations)).not.toContain(answered.hookId)
  })
})

describe('a call through the gateway that the application itself traced', () => {
  test('is what it would be past the gateway, and names our id', () => {
    const [direct] = traceOf(answered, { way: 'direct' }).generations
    expect(traceOf(answered, { way: 'named' }).generations).toEqual([
      { ...direct, metadata: { ...direct?.metadata, marginwatch_call_id: answered.hookId } },
    ])
  })
})

describe('what goes with calls', () => {
  const traces = calls.map((call) => traceOf(call))

  test('some answers call tools: a row for each, by its name, within the root, and the names at the answer', () => {
    const withTools = traces.filter(({ others }) => others.some(({ type }) => type === 'TOOL'))
    expect(withTools.length).toBeGreaterThan(calls.length / 10)
    for (const { root, generations, others } of withTools) {
      const tools = others.filter(({ type }) => type === 'TOOL')
      expect(generations.at(-1)?.calledToolNames).toEqual(tools.map(({ name }) => name))
      for (const { parentObservationId, end, start } of tools) {
        expect(parentObservationId).toBe(root.id)
        expect(start).toBeGreaterThan(generations.at(-1)?.end ?? 0)
        expect(end ?? 0).toBeLessThan(root.end ?? 0)
      }
    }
    const failed = withTools.flatMap(({ others }) => others).filter(({ level }) => level === 'ERROR').length
    expect(failed).toBeGreaterThan(0)
  })

  test('scores of all three types judge answers and traces; prompts have names and versions', () => {
    const scores = traces.flatMap((trace) => trace.scores)
    expect(new Set(scores.map(({ value }) => typeof value))).toEqual(new Set(['number', 'boolean', 'string']))
    const ids = new Set(traces.flatMap((trace) => observationsOf(trace).map(({ id }) => id)))
    for (const { observationId } of scores) expect(observationId === undefined || ids.has(observationId)).toBe(true)
    const versions = traces.flatMap(({ generations }) =>
      generations.flatMap(({ promptVersion }) => promptVersion ?? []),
    )
    expect(new Set(versions)).toEqual(new Set([1, 2, 3]))
  })

  test('ids are those of OpenTelemetry, no two alike, and the same each time', () => {
    const ids = traces.flatMap((trace) => observationsOf(trace).map(({ id }) => id))
    expect(new Set(ids).size).toBe(ids.length)
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{16}$/)
    expect(traceOf(answered)).toEqual(traceOf(answered))
    expect(traceOf(answered).root.traceId).toMatch(/^[0-9a-f]{32}$/)
  })
})
