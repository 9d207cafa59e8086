import { startLangfuse } from '@marginwatch/sandbox'
import { NOW } from '../../../test/support/litellm.ts'
import { testSource } from '../../../test/support/source-contract.ts'
import { langfuseProject, policyWith } from '../../../test/support/world.ts'
import { langfuseSources } from './sources.ts'

const MINUTE = 60_000

testSource('langfuse', async (world) => {
  const langfuse = await startLangfuse({ now: () => world.now, sleep: () => new Promise(() => {}) })
  const project = langfuseProject({ url: langfuse.url, ...langfuse.keys, role: 'spend', backfillMs: 60 * MINUTE })
  world.policy = policyWith({ sources: { langfuse: [project] } })
  const [source] = langfuseSources(['main'])
  if (source === undefined) throw new Error('a unit was expected')
  return {
    source,
    // What was seen of it, and that it counts, since nobody else has told of it.
    leaves: 2,
    start: () => world.idle(),
    async deliver(secret) {
      const said = { input: secret, output: secret, statusMessage: `{"content": "${secret}"}` }
      const call = { type: 'GENERATION', model: 'gpt-4o', usage: { input: 10 }, level: 'ERROR' } as const
      if (langfuse.rows().length === 0) langfuse.put({ id: 'a', start: NOW - 20 * MINUTE, ...call, ...said })
      // Longer than any pause behind a failure.
      await world.advance(3 * MINUTE)
      return world.ledger.size > 0
    },
    async hang() {
      const before = langfuse.stats().requests['/v2/observations'] ?? 0
      langfuse.set({ fault: { kind: 'slow', ms: 86_400_000, path: '/v2/observations' } })
      // It wakes, asks, and is never answered.
      void world.advance(MINUTE)
      while ((langfuse.stats().requests['/v2/observations'] ?? 0) === before)
        await new Promise((resolve) => setImmediate(resolve))
    },
    stop: () => langfuse.close(),
  }
})
