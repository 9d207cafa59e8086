import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startUpstream, type Upstream } from '@marginwatch/sandbox'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { describeWithFixture } from '../support/fixture.ts'
import { gatewayConfig } from '../support/gateway-config.ts'
import { scratch } from '../support/ledger.ts'
import { type RealGateway, startRealGateway } from '../support/real-gateway.ts'

const messages = (content: string) => [{ role: 'user', content }]
type Way = readonly [path: string, body: (text: string) => object]
const chat = (model: string, more: object = {}): Way => [
  '/v1/chat/completions',
  (text) => ({ model, messages: messages(text), ...more }),
]
const anthropicMessages = (model: string, more: object = {}): Way => [
  '/v1/messages',
  (text) => ({ model, max_tokens: 1000, messages: messages(text), ...more }),
]
const responses = (model: string, more: object = {}): Way => ['/v1/responses', (input) => ({ model, input, ...more })]
const STREAM = { stream: true }
const WAYS: Readonly<Record<string, Way>> = {
  'gpt-4o': chat('gpt-4o'),
  'gpt-4o, streamed': chat('gpt-4o', STREAM),
  'gpt-4o-mini': chat('gpt-4o-mini'),
  'gpt-4o by responses': responses('gpt-4o'),
  'gpt-4o by responses, streamed': responses('gpt-4o', STREAM),
  claude: chat('claude'),
  'claude, streamed': chat('claude', STREAM),
  'claude by messages': anthropicMessages('claude'),
  'claude by messages, streamed': anthropicMessages('claude', STREAM),
  gemini: chat('gemini'),
  'gemini, streamed': chat('gemini', STREAM),
  embedding: ['/v1/embeddings', (input) => ({ model: 'embedding', input })],
}
/** Shows that it was loaded, and what it sees. */
const HOOK = `import os
from litellm.integrations.custom_logger import CustomLogger

print("probe sees", os.environ.get("PROBE"), os.environ.get("MARGINWATCH_STRAY"), flush=True)
instance = CustomLogger()
`

describeWithFixture('the real LiteLLM of the tests', () => {
  let upstream: Upstream
  let gateway: RealGateway
  let folder: Awaited<ReturnType<typeof scratch>>
  beforeAll(async () => {
    upstream = await startUpstream()
    folder = await scratch()
    const hook = join(folder.path, 'probe.py')
    await writeFile(hook, HOOK)
    process.env.MARGINWATCH_STRAY = 'stray'
    const config = gatewayConfig({ upstream: upstream.url, litellm: { callbacks: ['probe.instance'] } })
    gateway = await startRealGateway({ config, hooks: [hook], env: { PROBE: 'a value' } })
  })
  afterAll(async () => {
    delete process.env.MARGINWATCH_STRAY
    await gateway?.close()
    await upstream?.close()
    await folder?.remove()
  })

  const post = (path: string, body: object) =>
    fetch(gateway.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.masterKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  const ask = async (name: string, [path, body]: Way, script: string) => {
    const answer = await post(path, { ...body(`Hello. upstream(${script})`), user: name })
    const text = await answer.text()
    return { status: answer.status, text }
  }
  /** The rows of calls that were made under this name, once there are so many. */
  const rowsOf = (name: string, count = 1) =>
    eventually(`${count} rows of ${name}`, async () => {
      const rows = (await gateway.spendLog()).filter((row) => row.end_user === name)
      return rows.length < count ? null : rows
    })

  it('loads the hook, and shows it the environment that it is given and no other', () => {
    expect(gateway.logs()).toContain('probe sees a value None\n')
  })

  // At once: each waits for its row.
  it.concurrent.each(Object.entries(WAYS))(
    'answers by %s, and tells its tokens and cost in the spend log',
    async (name, way) => {
      const { status, text } = await ask(name, way, 'input=1000 cache_read=200 output=50 reasoning=7 chunks=2')
      expect(status, text).toBe(200)
      const isText = name !== 'embedding'
      expect(text).toContain(isText ? ' word word' : '"embedding":[')
      const [row] = await rowsOf(name)
      const spend = SPEND[name.split(/,| by/)[0] ?? ''] ?? 0
      expect(row).toMatchObject({ prompt_tokens: 1200, completion_tokens: isText ? 57 : 0 })
      expect(row).toMatchObject({ spend: expect.closeTo(spend, 12) })
    },
  )

  it('tries again where it is told to', async () => {
    const script = 'status=429 times=2) upstream(output=9'
    const before = upstream.served().length
    expect((await ask('again', chat('retried'), script)).status).toBe(200)
    const tries = upstream.served().slice(before)
    expect(tries.map(({ status }) => status)).toEqual([429, 429, 200])
    expect((await ask('once', chat('gpt-4o'), 'status=429')).status).toBe(429)
    expect(upstream.served()).toHaveLength(before + 4)
  })

  it('falls back to another provider', async () => {
    expect((await ask('fallen', chat('falling'), 'output=9')).status).toBe(200)
    const tries = upstream.served().slice(-2)
    expect(tries.map(({ path, status }) => [path, status])).toEqual([
      ['/v1/chat/completions', 500],
      ['/v1/messages', 200],
    ])
    const [row] = await rowsOf('fallen')
    expect(row).toMatchObject({ model: 'anthropic/claude-sonnet-4-5-20250929', completion_tokens: 9 })
  })

  it('caches only what asks for it', async () => {
    const cached = chat('gpt-4o', { cache: { 'use-cache': true } })
    const calls = async (way: Way, text: string) => {
      const before = upstream.served().length
      for (let i = 0; i < 2; i++) expect((await ask('caching', way, text)).status).toBe(200)
      return upstream.served().length - before
    }
    expect(await calls(cached, 'output=21')).toBe(1)
    expect(await calls(chat('gpt-4o'), 'output=22')).toBe(2)
  })

  it('hands limits of output on', async () => {
    await ask('limited', chat('gpt-4o', { max_tokens: 5 }), 'output=500')
    expect(upstream.served().at(-1)).toMatchObject({ maxTokens: 5, usage: { output: 5 } })
    await ask('limited', chat('gemini', { max_tokens: 5 }), 'output=500')
    expect(upstream.served().at(-1)).toMatchObject({ maxTokens: 5, usage: { output: 5 } })
  })

  it('keeps its rows over a restart and over a kill, and tells how it ended', async () => {
    await rowsOf('limited', 2)
    const before = (await gateway.spendLog()).length
    // It finishes in good order, and then raises the signal again.
    expect(await gateway.stop()).toBe('SIGTERM')
    expect(gateway.logs()).toContain('Application shutdown complete.')
    await expect(fetch(`${gateway.url}/health/liveliness`)).rejects.toThrow('fetch failed')
    await gateway.restart()
    expect(await gateway.spendLog()).toHaveLength(before)
    expect((await ask('later', chat('gpt-4o'), 'output=9')).status).toBe(200)
    await rowsOf('later')
    await gateway.kill()
    await gateway.restart()
    expect(await gateway.spendLog()).toHaveLength(before + 1)
    expect(gateway.logs().match(/probe sees/g)).toHaveLength(3)
  })
})

/** 1,000 tokens of input, 200 read from the cache and 57 of output, at each model's prices in dollars. */
const SPEND: Readonly<Record<string, number>> = {
  'gpt-4o': (1000 * 2.5 + 200 * 1.25 + 57 * 10) / 1e6,
  'gpt-4o-mini': (1000 * 0.15 + 200 * 0.075 + 57 * 0.6) / 1e6,
  claude: (1000 * 3 + 200 * 0.3 + 57 * 15) / 1e6,
  gemini: (1000 * 0.3 + 200 * 0.03 + 57 * 2.5) / 1e6,
  embedding: (1200 * 0.02) / 1e6,
}

describeWithFixture('a real LiteLLM that cannot start', () => {
  it('is reported with its log', async () => {
    const starting = startRealGateway({ config: gatewayConfig({ upstream: 'http://127.0.0.1:9' }), workers: 1.5 })
    await expect(starting).rejects.toThrow(/litellm ended with 2 and wrote:\n.*'1.5' is not a valid integer/s)
  })
})

describeWithFixture('a real LiteLLM with two workers', () => {
  it('is ready when both are', async () => {
    const gateway = await startRealGateway({ config: gatewayConfig({ upstream: 'http://127.0.0.1:9' }), workers: 2 })
    try {
      expect(gateway.logs().match(/Application startup complete/g)).toHaveLength(2)
    } finally {
      await gateway.close()
    }
  })
})
