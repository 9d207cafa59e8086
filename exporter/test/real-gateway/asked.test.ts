import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeWithFixture } from '../support/fixture.ts'
import { type Asking, ROUTES, startAsking } from './asking.ts'

const REFUSAL = {
  status: 402,
  type: 'customer_budget_exceeded',
  message: 'Your budget for AI is used up until 1 December.',
  retry_after: 86_400,
}
const CHAT = '/v1/chat/completions'
const ask = (content: string, more: object = {}) => ({
  model: 'gpt-4o',
  messages: [{ role: 'user', content }],
  ...more,
})

describeWithFixture('A decision for a call through the real LiteLLM', () => {
  let asking: Asking
  beforeAll(async () => {
    asking = await startAsking()
  })
  afterAll(() => asking?.close())
  const served = () => asking.upstream.served().at(-1)
  const said = (headers: Headers) =>
    ['action', 'reason', 'model-asked'].map((name) => headers.get(`x-marginwatch-${name}`))

  it('is asked for with the key of the gateway, and says what the call is', async () => {
    asking.decisions.set(() => ({ action: 'allow', reason: 'ok' }))
    const content = [
      { type: 'text', text: 'Schön.' },
      { type: 'image_url', image_url: { url: `data:image/png;base64,${'A'.repeat(5000)}` } },
    ]
    const tools = [{ type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} } } }]
    const body = { messages: [{ role: 'user', content }], tools, max_tokens: 70, n: 2, user: 'acme' }
    await asking.call(CHAT, { model: 'gpt-4o', ...body }, { 'accept-language': 'de-AT,en;q=0.5' })
    const question = asking.decisions.asked().at(-1)
    expect(question).toMatchObject({ key: 'Bearer k-gateway', version: 1, model: 'gpt-4o', call_type: 'acompletion' })
    expect(question).toMatchObject({ stream: false, max_tokens: 70, n: 2, language: 'de-AT' })
    expect(question).toMatchObject({ needs: ['tools', 'images'], input: { images: 1, opaque: 0 } })
    expect(question?.input.bytes).toBeLessThan(200)
    expect(question?.record).toMatchObject({ end_user: 'acme' })
  })

  describe.each(ROUTES)('by $name', ({ path, model, body, bounded }) => {
    it('lets the call leave, and says so on the answer', async () => {
      asking.decisions.set(() => ({ action: 'allow', reason: 'ok' }))
      const { status, headers, text } = await asking.call(path, body('upstream(output=5)'))
      expect(status, text).toBe(200)
      expect(said(headers)).toEqual(['allow', 'ok', model])
      const { spend_logs_metadata: logged } = (await asking.recordOfLast()).metadata as Record<string, object>
      expect(logged).toMatchObject({ marginwatch_action: 'allow', marginwatch_reason: 'ok' })
    })

    it('refuses the call with its own words', async () => {
      asking.decisions.set(() => ({ action: 'block', reason: 'customer', refusal: REFUSAL }))
      const before = asking.upstream.served().length
      const { status, headers, text } = await asking.call(path, body('upstream(output=5)'))
      expect([status, headers.get('retry-after'), ...said(headers)]).toEqual([402, '86400', 'block', 'customer', model])
      const { error, ...rest } = JSON.parse(text)
      // On the route for Anthropic's messages LiteLLM has types of its own.
      const isAnthropic = path === '/v1/messages'
      expect(rest).toEqual(isAnthropic ? { type: 'error' } : {})
      expect(error).toMatchObject({ message: REFUSAL.message, type: isAnthropic ? 'api_error' : REFUSAL.type })
      expect(asking.upstream.served()).toHaveLength(before)
      const { status: told, metadata } = await asking.recordOfLast()
      const { spend_logs_metadata: logged } = metadata as Record<string, object>
      expect([told, logged]).toMatchObject(['failure', { marginwatch_action: 'block', marginwatch_reason: 'customer' }])
    })

    it('makes it another model, and keeps which one was asked for', async () => {
      const cheaper = path === '/v1/embeddings' ? 'embedding' : 'gpt-4o-mini'
      asking.decisions.set(() => ({ action: 'degrade', reason: 'customer', model: cheaper }))
      const { status, headers, text } = await asking.call(path, body('upstream(output=5)'))
      expect(status, text).toBe(200)
      expect(said(headers)).toEqual(['degrade', 'customer', model])
      expect(served()?.model).toBe(path === '/v1/embeddings' ? 'text-embedding-3-small' : 'gpt-4o-mini')
      const record = await asking.recordOfLast()
      expect(record.request_tags).toEqual(['marginwatch:degrade'])
      const { spend_logs_metadata: logged } = record.metadata as Record<string, object>
      expect(logged).toMatchObject({ marginwatch_action: 'degrade', marginwatch_model_asked: model })
    })

    it.runIf(bounded)('bounds an answer that the client has bounded by more, or not at all', async () => {
      asking.decisions.set(() => ({ action: 'allow', reason: 'ok', max_tokens: 33 }))
      const bounds = [{}, bounded?.(700)]
      for (const [at, bound] of bounds.entries()) {
        const { status, text } = await asking.call(path, body('upstream(output=500)', bound))
        expect(status, text).toBe(200)
        expect(served()).toMatchObject({ maxTokens: 33, usage: { output: 33 } })
        if (at === 1) expect(asking.decisions.asked().at(-1)?.max_tokens).toBe(700)
      }
      await asking.call(path, body('upstream(output=500)', bounded?.(20)))
      expect(served()).toMatchObject({ maxTokens: 20 })
    })

    it('falls back to another model, unless it is told not to', async () => {
      const models = async (fallbacks: string) => {
        asking.decisions.set(() => ({ action: 'allow', reason: 'ok', model: 'falling', fallbacks }))
        const before = asking.upstream.served().length
        await asking.call(path, body('upstream(output=5)', { fallbacks: ['gpt-4o-mini'] }))
        return new Set(
          asking.upstream
            .served()
            .slice(before)
            .map((one) => one.model),
        )
      }
      expect(await models('off')).toEqual(new Set(['gpt-4o']))
      // What the gateway falls back to by its own configuration makes no embeddings.
      const tried = path === '/v1/embeddings' ? ['gpt-4o'] : ['gpt-4o', 'claude-sonnet-4-5-20250929']
      expect(await models('keep')).toEqual(new Set(tried))
    })
  })

  it('removes the fallbacks that a client sends, unless they are allowed', async () => {
    const failing = 'upstream(gpt-4o: status=500)'
    for (const [fallbacks, expected] of [
      ['remove', 500],
      ['keep', 200],
    ] as const) {
      asking.decisions.set(() => ({ action: 'allow', reason: 'ok', client_fallbacks: fallbacks }))
      expect((await asking.call(CHAT, ask(failing, { fallbacks: ['gpt-4o-mini'] }))).status).toBe(expected)
      const override = { fallbacks: [{ 'gpt-4o': ['gpt-4o-mini'] }] }
      const { status } = await asking.call(CHAT, ask(failing, { router_settings_override: override }))
      expect(status).toBe(expected)
    }
  })

  it('is asked for again with the number of tokens when that is wanted', async () => {
    asking.decisions.set(({ input }) =>
      input.tokens === undefined
        ? { action: 'count' }
        : { action: 'allow', reason: 'ok', max_tokens: input.tokens + 100 },
    )
    const { status } = await asking.call(CHAT, ask(`${'word '.repeat(1000)} upstream(output=3000)`))
    const [first, second] = asking.decisions.asked().slice(-2)
    expect([status, second?.call_id]).toEqual([200, first?.call_id])
    const tokens = second?.input.tokens ?? 0
    expect(Math.abs(tokens - 1010)).toBeLessThan(15)
    expect(served()).toMatchObject({ maxTokens: tokens + 100 })
  })

  it('is not asked for where no model is called', async () => {
    const before = asking.decisions.asked().length
    const { status } = await asking.call('/utils/token_counter', { model: 'gpt-4o', prompt: 'Hello' })
    expect([status, asking.decisions.asked().length]).toEqual([200, before])
  })
})
