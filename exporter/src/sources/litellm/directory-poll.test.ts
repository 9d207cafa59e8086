import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createTraffic, type DirectorySettings, type Litellm, startLitellm } from '@marginwatch/sandbox'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { NOW } from '../../../test/support/litellm.ts'
import { policyWith, World } from '../../../test/support/world.ts'
import type { LitellmPoll } from '../../policy/policy.ts'
import type { Close } from '../source.ts'
import { createDirectory, type DirectoryKeeper } from './directory.ts'
import { DirectoryPoll } from './directory-poll.ts'

const MINUTE = 60_000
const GOLD = { id: 'tier-gold', max: 0.001, soft: 0.0008, duration: '30d', resetAt: '2026-12-01T00:00:00Z' }

let world: World
let directory: DirectoryKeeper
const closers: Close[] = []

beforeEach(() => {
  world = new World()
  directory = createDirectory()
})
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
  world.remove()
})

function pollOf(url: string, key: string, change: Partial<LitellmPoll> = {}): LitellmPoll {
  const times = { everyMs: 10_000, lagMs: MINUTE, backfillMs: MINUTE, directoryMs: 5 * MINUTE, timeoutMs: 600_000 }
  return { url, key, pageSize: 100, ...times, ...change }
}

function poll(settings: LitellmPoll | null): void {
  world.policy = policyWith({ sources: { litellm: { push: true, poll: settings } } })
}

/** A LiteLLM that stands in for the real one, and the poll of it. */
async function standIn(settings: DirectorySettings): Promise<Litellm> {
  const litellm = await startLitellm({ now: () => world.now, record: { slim: true }, directory: settings })
  closers.push(litellm.close)
  poll(pollOf(litellm.url, litellm.masterKey))
  return litellm
}

/** A LiteLLM that answers what the test says. */
async function answering(handler: RequestListener): Promise<string> {
  const server: Server = createServer(handler)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const DESCRIPTION = JSON.stringify({
  openapi: '3.1.0',
  paths: { '/customer/list': {}, '/key/list': {}, '/budget/list': {}, '/public/litellm_model_cost_map': {} },
})

function start(most?: number): void {
  const close = new DirectoryPoll(directory, world.deps, most).open()
  closers.push(close)
}

describe('the directory', () => {
  it('knows customers, keys and budgets once it was read', async () => {
    await standIn({
      customers: [{ id: 'acme', alias: 'Acme Inc', budget: 'tier-gold' }, { id: 'delta' }],
      keys: [
        { alias: 'backend', user: 'ada', team: { id: 't1', alias: 'Core' }, metadata: { customer_id: 'acme' }, max: 5 },
        { alias: null },
      ],
      budgets: [GOLD, { id: 'blocked', max: 1e-9 }, { id: 'endless', max: null }],
    })
    expect(directory.readAt()).toBeNull()
    start()
    await world.idle()
    expect(world.told).toEqual(['ok'])
    expect(directory.readAt()).toBe(NOW)
    expect([...directory.customers().values()]).toEqual([
      {
        id: 'acme',
        alias: 'Acme Inc',
        spend: 0n,
        budgetId: 'tier-gold',
        limit: 1_000_000n,
        resetsAt: Date.UTC(2026, 11, 1),
      },
      { id: 'delta', alias: null, spend: 0n, budgetId: null, limit: null, resetsAt: null },
    ])
    const [backend, unnamed] = [...directory.keys().values()]
    expect(backend).toEqual({
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      alias: 'backend',
      user: 'ada',
      team: 'Core',
      spend: 0n,
      limit: 5_000_000_000n,
      metadata: { customer_id: 'acme' },
    })
    expect(unnamed).toMatchObject({ alias: null, user: null, team: null, limit: null })
    expect([...directory.budgets().values()]).toEqual([
      { id: 'tier-gold', limit: 1_000_000n, softLimit: 800_000n, duration: '30d', resetsAt: Date.UTC(2026, 11, 1) },
      { id: 'blocked', limit: 1n, softLimit: null, duration: null, resetsAt: null },
      { id: 'endless', limit: null, softLimit: null, duration: null, resetsAt: null },
    ])
  })

  it('follows what changes, as often as the policy says', async () => {
    const litellm = await standIn({})
    start()
    await world.idle()
    expect(directory.customers().size).toBe(0)
    const calls = [...createTraffic({ seed: 5 }).calls(NOW, NOW + MINUTE)]
    litellm.add(calls)
    await world.advance(5 * MINUTE - 1000)
    expect(directory.customers().size).toBe(0)
    await world.advance(1000)
    const named = new Set(calls.flatMap(({ customer }) => customer ?? []))
    expect(new Set(directory.customers().keys())).toEqual(named)
    expect(named.size).toBeGreaterThan(0)
    expect(directory.readAt()).toBe(NOW + 5 * MINUTE)
  })

  it('has all keys, however many pages they are', async () => {
    const keys = Array.from({ length: 250 }, (_, i) => ({ alias: `key-${i}` }))
    await standIn({ keys })
    start()
    await world.idle()
    expect([...directory.keys().values()].map(({ alias }) => alias)).toEqual(keys.map(({ alias }) => alias))
  })

  it('leaves out what a version does not have, says so, and finds it within an hour when it is there', async () => {
    const without = ['/budget/list', '/public/litellm_model_cost_map']
    await standIn({ without, budgets: [GOLD], keys: [{ alias: 'a' }] })
    start()
    await world.idle()
    const note = 'This LiteLLM has no /budget/list and /public/litellm_model_cost_map, so that is not read.'
    expect(world.told).toEqual([`note: ${note}`, 'ok'])
    expect(directory.keys().size).toBe(1)
    expect(directory.readAt()).toBe(NOW)
    // The same address, after an upgrade.
    without.length = 0
    await world.advance(55 * MINUTE)
    expect(world.note).toBe(note)
    await world.advance(5 * MINUTE)
    expect(world.note).toBeNull()
    expect(directory.budgets().size).toBe(1)
  })

  it('takes a bounded number of each, and says that there are more', async () => {
    await standIn({ customers: ['a', 'b', 'c'].map((id) => ({ id })), keys: [] })
    start(2)
    await world.idle()
    expect([...directory.customers().keys()]).toEqual(['a', 'b'])
    expect(world.note).toBe('LiteLLM has more than 2 customers; only so many are known here.')
  })

  it('says in a sentence that its key is refused', async () => {
    const litellm = await standIn({})
    poll(pollOf(litellm.url, 'sk-of-somebody'))
    start()
    await world.idle()
    expect(world.told.at(-1)).toBe(
      'LiteLLM refuses customers, keys and budgets to the key of sources.litellm.poll (401). It needs the key of a user with the role proxy_admin_viewer.',
    )
    expect(world.told).not.toContain('ok')
    expect(directory.readAt()).toBeNull()
    // The remedy is taken up at once.
    poll(pollOf(litellm.url, litellm.masterKey))
    await world.advance(5000)
    expect(world.told.at(-1)).toBe('ok')
    expect(world.note).toBeNull()
  })

  it('reads what its key may read, and notes what it may not', async () => {
    const url = await answering((req, res) => {
      if (req.url === '/openapi.json') res.end(DESCRIPTION)
      else if (req.url === '/budget/list')
        res.writeHead(400).end('{"detail":{"error":"Not allowed to access this endpoint, your role=internal_user"}}')
      else if (req.url === '/customer/list')
        res.writeHead(401).end('{"error":{"message":"Admin-only endpoint. Your user role=internal_user"}}')
      else res.end('{"keys":[{"token":"h","key_alias":"own"}],"total_count":1}')
    })
    poll(pollOf(url, 'k'))
    start()
    await world.idle()
    expect(world.told).toEqual([
      'note: LiteLLM refuses customers and budgets to the key of sources.litellm.poll. It needs the key of a user with the role proxy_admin_viewer.',
      'ok',
    ])
    expect([...directory.keys().keys()]).toEqual(['h'])
  })

  it('says that LiteLLM has no database, whichever of its answers tells it', async () => {
    const url = await answering((req, res) => {
      if (req.url === '/openapi.json') res.end(DESCRIPTION)
      else if (req.url === '/customer/list') res.writeHead(500).end('Internal Server Error')
      else if (req.url?.startsWith('/key/list'))
        res.writeHead(500).end('{"error":{"message":"Authentication Error, Database not connected","code":"500"}}')
      else res.writeHead(400).end('{"detail":{"error":"DB not connected. This endpoint needs a database"}}')
    })
    poll(pollOf(url, 'k'))
    start()
    await world.idle()
    expect(world.told).toEqual(['LiteLLM runs without a database, so it has no customers, keys and budgets to read.'])
  })

  it('keeps what it knew while LiteLLM is away or talks nonsense, and says so', async () => {
    const litellm = await standIn({ customers: [{ id: 'acme' }] })
    start()
    await world.idle()
    await litellm.close()
    await world.advance(5 * MINUTE)
    expect(world.told.at(-1)).toContain('LiteLLM cannot be reached')
    expect(directory.customers().size).toBe(1)
    expect(directory.readAt()).toBe(NOW)
  })

  it.each([
    ['/customer/list', '[{"user_id":"a"},', 'broke off'],
    ['/customer/list', '{"detail":"new and strange"}', 'of which none can be understood'],
    ['/customer/list', '[1, 2]', 'of which none can be understood'],
    ['/key/list', '{"detail":"new and strange"}', 'answered without a list'],
    ['/budget/list', 'hello', 'broke off'],
  ])('does not believe %s when it answers %s, and keeps what it knew', async (path, body, said) => {
    const answers: Record<string, string> = {
      '/openapi.json': DESCRIPTION,
      '/customer/list': '[{"user_id":"a"}]',
      '/key/list': '{"keys":[{"token":"h"}],"total_count":1}',
      '/budget/list': '[{"budget_id":"b"}]',
    }
    const url = await answering((req, res) => void res.end(answers[req.url?.split('?')[0] ?? '']))
    poll(pollOf(url, 'k'))
    start()
    await world.idle()
    expect(world.told).toEqual(['ok'])
    answers[path] = body
    await world.advance(5 * MINUTE)
    expect(world.told.at(-1)).toContain(said)
    expect([...directory.customers().keys(), ...directory.keys().keys(), ...directory.budgets().keys()]).toEqual([
      'a',
      'h',
      'b',
    ])
    expect(directory.readAt()).toBe(NOW)
  })

  it('takes numbers that are text, leaves out what it cannot read, and knows no amount that is none', async () => {
    const url = await answering((req, res) => {
      if (req.url === '/openapi.json') res.end(DESCRIPTION)
      else if (req.url?.startsWith('/key')) res.end('{"keys":[]}')
      else if (req.url === '/budget/list')
        res.end(
          '[{"budget_id":"a","max_budget":"2.5"},{"budget_id":null},{"budget_id":"b","max_budget":-1,"budget_reset_at":7}]',
        )
      else res.end('[{"user_id":"a","spend":{"x":1},"litellm_budget_table":[]},{"alias":"nobody"},7]')
    })
    poll(pollOf(url, 'k'))
    start()
    await world.idle()
    expect(world.told).toEqual(['ok'])
    expect([...directory.budgets().values()].map(({ id, limit }) => [id, limit])).toEqual([
      ['a', 2_500_000_000n],
      ['b', null],
    ])
    expect([...directory.customers().values()]).toEqual([{ ...NOTHING, id: 'a' }])
  })

  it('forgets everything when the policy polls another LiteLLM, or none', async () => {
    const litellm = await standIn({ customers: [{ id: 'acme' }], without: ['/budget/list'] })
    start()
    await world.idle()
    poll(null)
    await world.advance(5000)
    expect(directory.customers().size + directory.keys().size).toBe(0)
    expect(directory.readAt()).toBeNull()
    expect(world.note).toBeNull()
    poll(pollOf(litellm.url, litellm.masterKey))
    await world.advance(5000)
    expect(directory.customers().size).toBe(1)
  })

  it('closes in the middle of an exchange without waiting for its end', async () => {
    const asked = new Promise<void>((resolve) => {
      void answering((_req, res) => {
        res.write('{"openapi":')
        resolve()
      }).then((url) => {
        poll(pollOf(url, 'k'))
        start()
      })
    })
    await asked
    await closers.pop()?.()
    expect(world.told).toEqual([])
  })
})

const NOTHING = { id: '', alias: null, spend: null, budgetId: null, limit: null, resetsAt: null }
