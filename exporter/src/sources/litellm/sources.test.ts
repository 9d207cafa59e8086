import { request } from 'node:http'
import { expect, it } from 'vitest'
import { NOW, pushed } from '../../../test/support/litellm.ts'
import { type Served, serve } from '../../../test/support/router.ts'
import { testSource } from '../../../test/support/source-contract.ts'
import { SpendLog } from '../../../test/support/spend-log.ts'
import { policyWith, World } from '../../../test/support/world.ts'
import { runSources } from '../runner.ts'
import { createDirectory } from './directory.ts'
import { litellmSources } from './sources.ts'

testSource('litellm', async () => {
  let served: Served | null = null
  const post = (body: string) => fetch(`${served?.url}/v1/sources/litellm`, { method: 'POST', body })
  return {
    source: litellmSources(createDirectory())[0],
    async start(running) {
      served = await serve(running.routes)
    },
    async deliver(secret) {
      const record = { ...pushed('hdrs'), messages: [{ role: 'user', content: secret }], error_str: secret }
      return (await post(JSON.stringify([record]))).status === 200
    },
    async hang() {
      const half = request(`${served?.url}/v1/sources/litellm`, { method: 'POST' }).on('error', () => {})
      await new Promise((resolve) => half.write('[{', resolve))
    },
    stop: async () => served?.close(),
  }
})

testSource('litellm_poll', async (world) => {
  const spendLog = new SpendLog()
  await spendLog.open()
  const poll = {
    url: spendLog.url,
    key: 'sk-viewer-key',
    everyMs: 10_000,
    lagMs: 900_000,
    backfillMs: 3_600_000,
    directoryMs: 300_000,
    pageSize: 100,
    timeoutMs: 600_000,
  }
  world.policy = policyWith({ sources: { litellm: { push: true, poll } } })
  return {
    source: litellmSources(createDirectory())[1],
    start: () => world.idle(),
    async deliver(secret) {
      if (spendLog.rows.length === 0) spendLog.add('a', NOW, { messages: secret, response: { content: secret } })
      // Longer than any pause behind a failure.
      await world.advance(120_000)
      return world.ledger.size > 0
    },
    async hang() {
      const asked = new Promise<void>((resolve) => {
        spendLog.instead = () => {
          resolve()
          return true
        }
      })
      // The poll sleeps for ever once it waits for an answer, so the clock is not waited for.
      void world.advance(10_000)
      await asked
    },
    stop: () => spendLog.close(),
  }
})

it('a call of a key whose owner only LiteLLM knows is the owner’s', async () => {
  const directory = createDirectory()
  const nothing = { spend: null, limit: null, team: null, user: null }
  const key = { ...nothing, hash: 'h', alias: 'backend', metadata: { customer_id: 'acme' } }
  directory.keep({ keys: new Map([['h', key]]) })
  const world = new World()
  const running = runSources([litellmSources(directory)[0]], world.recorder, world.deps)
  const served = await serve(running.routes)
  const record = pushed('stream_mock')
  const metadata = { ...(record.metadata as object), user_api_key_alias: 'backend', user_api_key_end_user_id: null }
  const body = JSON.stringify({ ...record, end_user: null, metadata })
  expect((await fetch(`${served.url}/v1/sources/litellm`, { method: 'POST', body })).status).toBe(200)
  expect([...world.ledger.values()].map(({ customer }) => customer)).toEqual(['acme'])
  await served.close()
  world.remove()
})
