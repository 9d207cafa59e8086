import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startUpstream, type Upstream } from './server.ts'

let upstream: Upstream
beforeAll(async () => {
  upstream = await startUpstream({ now: () => Date.UTC(2026, 10, 18) })
})
afterAll(() => upstream.close())

const post = (path: string, body: object, signal?: AbortSignal) =>
  fetch(upstream.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    ...(signal && { signal }),
  })
const say = (script: string) => [{ role: 'user', content: `Hello. upstream(${script})` }]
const last = () => upstream.served().at(-1)

/** The data of a stream's events; `[DONE]` as it is. */
async function events(answer: Response): Promise<unknown[]> {
  const blocks = (await answer.text()).split('\n\n').filter((block) => block !== '')
  return blocks.map((block) => {
    const text = /^data: (.*)$/m.exec(block)?.[1] ?? ''
    return text === '[DONE]' ? text : JSON.parse(text)
  })
}

const TOKENS = 'input=1000 cache_read=200 cache_write_5m=30 cache_write_1h=4 output=50 reasoning=7'
const OPENAI = { input: 1034, cacheRead: 200, cacheWrite5m: 0, cacheWrite1h: 0, output: 50, reasoning: 7 }

interface Spoken {
  readonly name: string
  readonly path: string
  readonly streamPath?: string
  readonly body: (text: string, most?: number) => object
  /** What the answer tells of the tokens above, whole or as a part of the last events. */
  readonly usage: object
  readonly find: (data: unknown) => unknown
  readonly served: object
  readonly error: object
}

const contents = (text: string) => [{ role: 'user', parts: [{ text }] }]
const messages = (content: string) => [{ role: 'user', content }]
type Deep = Record<string, Record<string, unknown> | undefined>

const SPOKEN: readonly Spoken[] = [
  {
    name: 'OpenAI chat',
    path: '/v1/chat/completions',
    body: (text, most) => ({
      model: 'gpt-4o',
      messages: messages(text),
      max_tokens: most,
      stream_options: { include_usage: true },
    }),
    usage: {
      prompt_tokens: 1234,
      completion_tokens: 57,
      total_tokens: 1291,
      prompt_tokens_details: { cached_tokens: 200 },
      completion_tokens_details: { reasoning_tokens: 7 },
    },
    find: (data) => (data as Deep).usage,
    served: OPENAI,
    error: { error: { type: 'server_error' } },
  },
  {
    name: 'OpenAI responses',
    path: '/v1/responses',
    body: (text, most) => ({ model: 'gpt-4o', input: text, max_output_tokens: most }),
    usage: {
      input_tokens: 1234,
      input_tokens_details: { cached_tokens: 200 },
      output_tokens: 57,
      output_tokens_details: { reasoning_tokens: 7 },
      total_tokens: 1291,
    },
    find: (data) => (data as Deep).usage ?? (data as Deep).response?.usage,
    served: OPENAI,
    error: { error: { type: 'server_error' } },
  },
  {
    name: 'Anthropic',
    path: '/v1/messages',
    body: (text, most) => ({ model: 'claude', messages: messages(text), max_tokens: most ?? 4096 }),
    usage: {
      input_tokens: 1000,
      cache_read_input_tokens: 200,
      cache_creation_input_tokens: 34,
      cache_creation: { ephemeral_5m_input_tokens: 30, ephemeral_1h_input_tokens: 4 },
      output_tokens: 57,
    },
    find: (data) => (data as Deep).usage,
    served: { input: 1000, cacheRead: 200, cacheWrite5m: 30, cacheWrite1h: 4, output: 57, reasoning: 0 },
    error: { type: 'error', error: { type: 'api_error' } },
  },
  {
    name: 'Gemini',
    path: '/v1beta/models/gemini-2.5-flash:generateContent',
    streamPath: '/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse',
    body: (text, most) => ({ contents: contents(text), generationConfig: { maxOutputTokens: most } }),
    usage: {
      promptTokenCount: 1234,
      cachedContentTokenCount: 200,
      candidatesTokenCount: 50,
      thoughtsTokenCount: 7,
      totalTokenCount: 1291,
    },
    find: (data) => (data as Deep).usageMetadata,
    served: OPENAI,
    error: { error: { code: 500, status: 'INTERNAL' } },
  },
]

describe.each(SPOKEN)('an answer of $name', ({ path, streamPath = path, body, usage, find, served, error }) => {
  it('tells the chosen tokens in its own words, and they are counted', async () => {
    const answer = await post(path, body(`upstream(${TOKENS})`))
    expect(find(await answer.json())).toMatchObject(usage)
    expect(last()).toMatchObject({ stream: false, status: 200, usage: served, end: 'whole' })
  })

  it('tells the same at the end of a stream', async () => {
    const answer = await post(streamPath, { ...body(`upstream(${TOKENS})`), stream: true })
    expect(answer.headers.get('content-type')).toBe('text/event-stream')
    const told = (await events(answer)).map(find).filter((one) => one !== undefined && one !== null)
    expect(told.at(-1)).toMatchObject(usage)
    expect(last()).toMatchObject({ path: streamPath.replace(/\?.*/, ''), stream: true, usage: served, end: 'whole' })
  })

  it('is never longer than the request allows, reasoning first', async () => {
    await post(path, body('upstream(output=5000 reasoning=60)', 100))
    expect(last()).toMatchObject({ maxTokens: 100 })
    const { output = 0, reasoning = 0 } = last()?.usage ?? {}
    expect(output + reasoning).toBe(100)
    await post(path, body('upstream(output=5000 reasoning=60)', 40))
    expect((last()?.usage?.output ?? 0) + (last()?.usage?.reasoning ?? 0)).toBe(40)
  })

  it('has as many pieces as chosen, and as many words as tokens of output', async () => {
    const answer = await post(streamPath, { ...body('upstream(output=10 chunks=3)'), stream: true })
    const text = await answer.text()
    expect([...text.matchAll(/"(?:content|text|delta)":"((?: word)+)"/g)].map(([, piece]) => piece)).toEqual(
      expect.arrayContaining([' word word word', ' word word word word']),
    )
  })

  it('calls the chosen tools', async () => {
    const answer = await post(path, body('upstream(tool=search,book)'))
    const text = await answer.text()
    expect(text).toContain('"name":"search"')
    expect(text).toContain('"name":"book"')
    const streamed = await post(streamPath, { ...body('upstream(tool=search)'), stream: true })
    expect(await streamed.text()).toContain('"name":"search"')
  })

  it('is an error where the script says so, in its own words', async () => {
    const answer = await post(path, body('upstream(status=500)'))
    expect(answer.status).toBe(500)
    expect(await answer.json()).toMatchObject(error)
    expect(last()).toMatchObject({ status: 500, usage: null, end: 'whole' })
    const tooMany = await post(streamPath, { ...body('upstream(status=429 after=3)'), stream: true })
    expect([tooMany.status, tooMany.headers.get('retry-after')]).toEqual([429, '3'])
    expect((await post(path, body('upstream(status=429)'))).headers.get('retry-after')).toBe(null)
  })

  it('breaks off where the script says so', async () => {
    const streamed = await post(streamPath, { ...body('upstream(output=9 chunks=9 cut=2)'), stream: true })
    const pieces: string[] = []
    const reading = (async () => {
      for await (const part of streamed.body?.pipeThrough(new TextDecoderStream()) ?? []) pieces.push(part)
    })()
    await expect(reading).rejects.toThrow('terminated')
    expect(pieces.join('').match(/ word/g)).toHaveLength(2)
    expect(last()).toMatchObject({ status: 200, end: 'cut' })

    await expect((await post(path, body('upstream(cut=0)'))).json()).rejects.toThrow('terminated')
    await expect(post(path, body('upstream(reset=yes)'))).rejects.toThrow('fetch failed')
    expect(last()).toMatchObject({ status: 0, usage: null, end: 'cut' })
  })
})

describe('the upstream', () => {
  it('answers in a few words where nobody says anything, and takes the input for as long as it is', async () => {
    const question = { model: 'gpt-4o', messages: [{ role: 'user', content: 'x'.repeat(4000) }] }
    const { choices, usage } = (await (await post('/v1/chat/completions', question)).json()) as {
      choices: { message: { content: string }; finish_reason: string }[]
      usage: { prompt_tokens: number; completion_tokens: number }
    }
    expect(choices[0]).toMatchObject({ message: { content: ' word'.repeat(12) }, finish_reason: 'stop' })
    expect(usage.prompt_tokens).toBeGreaterThan(1000)
    expect(usage.completion_tokens).toBe(12)
  })

  it('gives a vector for each input, as numbers or as bytes', async () => {
    const ask = async (more: object) => {
      const answer = await post('/v1/embeddings', { model: 'text-embedding-3-small', ...more })
      return (await answer.json()) as { data: { embedding: number[] | string }[]; usage: object }
    }
    const { data, usage } = await ask({ input: ['a', 'upstream(input=90 cache_read=9)'], dimensions: 3 })
    expect(data.map(({ embedding }) => embedding.length)).toEqual([3, 3])
    expect(usage).toEqual({ prompt_tokens: 99, total_tokens: 99 })
    expect(last()?.usage).toMatchObject({ input: 99, output: 0 })
    expect((await ask({ input: [1, 2, 3] })).data).toHaveLength(1)
    const [coded] = (await ask({ input: 'a', encoding_format: 'base64' })).data
    expect(Buffer.from(String(coded?.embedding), 'base64')).toHaveLength(8 * 4)
  })

  it('tells no usage where the script or the request does not want it', async () => {
    const body = { model: 'gpt-4o', messages: say('usage=none') }
    expect(await (await post('/v1/chat/completions', body)).json()).not.toHaveProperty('usage')
    const streamed = await post('/v1/chat/completions', { ...body, messages: say('output=3'), stream: true })
    expect(await streamed.text()).not.toContain('usage')
    expect(last()?.usage?.output).toBe(3)
  })

  it('obeys a limit of Gemini in either spelling', async () => {
    const path = '/v1beta/models/gemini-2.5-flash:generateContent'
    for (const config of [
      { generationConfig: { max_output_tokens: 5 } },
      { generation_config: { maxOutputTokens: 5 } },
    ]) {
      await post(path, { contents: contents('upstream(output=9)'), ...config })
      expect(last()).toMatchObject({ maxTokens: 5, usage: { output: 5 } })
    }
  })

  it('takes a script from its address too, where the text does not say otherwise', async () => {
    const at = `/${encodeURIComponent('upstream(status=500 output=3)')}/v1/chat/completions`
    expect((await post(at, { model: 'gpt-4o', messages: [] })).status).toBe(500)
    expect((await post('/upstream(status=500)/v1/chat/completions', { model: 'gpt-4o' })).status).toBe(500)
    expect((await post(at, { model: 'gpt-4o', messages: say('status=200') })).status).toBe(200)
    expect(last()).toMatchObject({ path: '/v1/chat/completions', usage: { output: 3 } })
  })

  it('holds answers until they are released, and says that it does', async () => {
    const body = { model: 'gpt-4o', messages: say('hold=gate') }
    const answers = [post('/v1/chat/completions', body), post('/v1/chat/completions', body)]
    await upstream.held('gate', 2)
    const before = upstream.served().length
    upstream.release('gate')
    await Promise.all(answers)
    await (await post('/v1/chat/completions', body)).json()
    expect(upstream.served()).toHaveLength(before + 3)
  })

  it('holds a stream after so many pieces, and notes a caller who leaves', async () => {
    const leaving = new AbortController()
    const body = { model: 'gpt-4o', messages: say('output=4 hold=middle hold_at=2'), stream: true }
    const answer = await post('/v1/chat/completions', body, leaving.signal)
    await upstream.held('middle')
    const before = upstream.served().length
    leaving.abort()
    await expect(answer.text()).rejects.toThrow('abort')
    while (upstream.served().length === before) await new Promise((resolve) => setImmediate(resolve))
    expect(last()).toMatchObject({ status: 200, end: 'left' })
  })

  it('waits as long as it is told before the first byte and between the pieces', async () => {
    const started = performance.now()
    const body = { model: 'gpt-4o', messages: say('first=60 every=30 output=3 chunks=3'), stream: true }
    const answer = await post('/v1/chat/completions', body)
    const first = performance.now() - started
    await answer.text()
    expect(first).toBeGreaterThan(55)
    expect(performance.now() - started).toBeGreaterThan(115)
  })

  it('refuses what it does not understand with a sentence', async () => {
    const bad = await post('/v1/messages', { model: 'claude', messages: say('lentgh=3') })
    expect(bad.status).toBe(400)
    expect(await bad.json()).toMatchObject({ type: 'error', error: { message: expect.stringContaining('lentgh=3') } })
    const broken = await fetch(`${upstream.url}/v1/chat/completions`, { method: 'POST', body: '[1' })
    expect(broken.status).toBe(400)
    expect((await post('/v1/files', {})).status).toBe(404)
    expect((await fetch(`${upstream.url}/%zz`)).status).toBe(404)
  })
})
