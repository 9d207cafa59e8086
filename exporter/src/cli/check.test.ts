import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { runCheck } from './check.ts'

const SHIPPED = fileURLToPath(new URL('../../../marginwatch.yaml', import.meta.url))

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'marginwatch-check-'))
})
afterEach(() => rm(directory, { recursive: true }))

async function check(path: string, env: Record<string, string> = {}): Promise<{ code: number; lines: string[] }> {
  const lines: string[] = []
  const code = await runCheck({ path, env, now: () => Date.UTC(2026, 10, 22), out: (line) => lines.push(line) })
  return { code, lines }
}

async function checkText(text: string, env?: Record<string, string>) {
  const path = join(directory, 'p.yaml')
  await writeFile(path, text)
  const { code, lines } = await check(path, env)
  return { code, lines: lines.map((line) => line.replace(path, 'p.yaml')) }
}

describe('marginwatch check', () => {
  test('prints every problem, one a line in file order, and gives 1', async () => {
    const { code, lines } = await checkText(
      'server:\n  prot: 1\ntiers:\n  t: { price_usd: ten }\nsessions: { idle: 30 }\n',
    )
    expect(code).toBe(1)
    expect(lines).toEqual([
      'p.yaml:2:3: server.prot: unknown key; did you mean port? Allowed here: host, port, keys, body_limit',
      'p.yaml:4:19: tiers.t.price_usd: found "ten", expected dollars as a decimal number, e.g. 49 or 49.90',
      'p.yaml:5:19: sessions.idle: found "30", expected a duration from 1m to 7d in ms, s, m, h, d or w, e.g. 30m',
    ])
  })

  test('says what the shipped file means and gives 0', async () => {
    const { code, lines } = await check(SHIPPED)
    expect(code).toBe(0)
    expect(lines).toEqual([
      `${SHIPPED}: good`,
      'tiers: tier_1 $49, tier_2 $99, tier_3 $199 a customer and month',
      'customers: 0 named here, 0 API keys with an owner',
      "roster: LiteLLM's customers, customers found in traffic; months that are over do not move: a change counts from 2026-11-01 on",
      'litellm: taken by push',
      'langfuse: not used',
      'budgets: a customer and month tier_1 $8, tier_2 $18, tier_3 $35; an agent and month $50; a session $0.50, 50000 tokens a minute, 100 calls; all unknown customers together $100 a month',
      'thresholds: customers 50% log, 80% notify, 95% degrade, 100% block; agents 50% log, 75% log, 90% notify, 100% pause, with 10% grace; 5 of spend; calls without a decision are let through',
      'models: cheaper gpt-4o → gpt-4o-mini, claude-sonnet → claude-haiku, gemini-pro → gemini-flash; auto: simple_lookup → gemini-flash, cost_analysis → gemini-pro, recommendation → claude-sonnet, else gpt-4o-mini',
      'margin: infrastructure is divided among customers by tokens',
      'gateway: 7 models (1 not for chat); a try takes 10m at most and is repeated 2 times; fallbacks gpt-4o → claude-sonnet, gpt-4o-mini → claude-haiku, claude-sonnet → gemini-pro, claude-haiku → gemini-flash; no cache; no traces',
      'customer of a call: end_user, then metadata.customer_id, then tag.customer_id, then header.x-customer-id',
      'prices: production, 0 overrides',
      'listens on: 127.0.0.1:9464, open to this machine, without keys',
      'ledger: events kept for 400d; days begin in UTC',
      expect.stringMatching(/:\d+:1: budgets\.spend\[2\]: hint: high_conversation_cost at \$10 is never reached: /),
    ])
  })

  test('says what another file means, without showing a key', async () => {
    const text = [
      'tiers: { pro: { price_usd: 49.90 } }',
      'customers: [{ id: a, tier: pro, from: 2026-01-01 }, { id: a, tier: pro, from: 2026-02-01 }]',
      'roster: { litellm: off, traffic: off }',
      'api_keys: { k: { customer: a } }',
      'attribution: { customer: [] }',
      'prices: { profile: development, overrides: [{ model: m, input_usd_per_million: 0 }] }',
      `sources: { litellm: { push: false, poll: { url: "http://gateway:4000/", key: "\${LITELLM_KEY}", every: 90s } },`,
      `  langfuse: [{ name: prod, url: "https://lf", public_key: "\${READER}", secret_key: "\${READER}", role: spend },`,
      `    { name: own, url: "http://lf", public_key: "\${READER}", secret_key: "\${READER}", every: 1m, events: on, admin_key: "\${ADMIN}" }] }`,
      `server: { host: "::", keys: { reader: "\${READER}", admin: "\${ADMIN}" } }`,
      'ledger: { retention: forever }',
      'gateway: { models: { a: { model: openai/a }, b: { model: openai/b } }, timeout: 1m, retries: 1, cache: redis, cache_ttl: 1h,',
      '  langfuse: { host: "https://lf.example" }, prometheus: true }',
      'budgets: { agent: { limit_usd: 7, period: day, thresholds: [] }, session: none, tenant_day: { limit_usd: 3 }, customers: { a: { limit_usd: 1 }, b: { limit_usd: 2 } },',
      '  agents: { n: { limit_usd: 1 } }, tiers: { pro: { limit_usd: 4000 } }, total: [{ limit_usd: 1000.5, period: day }],',
      '  customer: { period: week, thresholds: [] }, on_unreachable: block, spend: [] }',
      'margin: { allocate: model_cost, keep: [grafana, prometheus] }',
    ]
    const { code, lines } = await checkText(text.join('\n'), { LITELLM_KEY: 'top', READER: 'secret', ADMIN: 'words' })
    expect(lines).toEqual([
      'p.yaml: good',
      'tiers: pro $49.9 a customer and month',
      'customers: 1 named here, 1 API key with an owner',
      'roster: nobody else; months that are over do not move: a change counts from 2026-11-01 on',
      'litellm: asked at http://gateway:4000 every 90s',
      'langfuse: prod asked at https://lf every 30s, as spend where the gateway knows nothing; own asked at http://lf every 1m, to reconcile, with its queues, with events written onto its traces',
      'budgets: no tier has one; 2 customers have one of their own; a customer and day $3; an agent and day $7; 1 agent has one of its own; sessions have none; all of pro together $4000 a month; everything together $1000.50 a day',
      'thresholds: customers none; agents none; 0 of spend; calls without a decision are refused',
      'models: none has a cheaper one; no routes',
      'margin: infrastructure is divided among customers by model cost, but for grafana, prometheus',
      "gateway: 2 models; a try takes 1m at most and is repeated once; no fallbacks; answers kept for 1h in Redis; traces to https://lf.example; LiteLLM's own metrics",
      'customer of a call: not looked for',
      'prices: development, everything costs nothing, 1 override',
      'listens on: [::]:9464, with a key for reader, admin',
      'ledger: events kept forever; days begin in UTC',
      'p.yaml:9:105: sources.langfuse[1].events: hint: LiteLLM writes its traces to https://lf.example (gateway.langfuse), so these events lie beside none of its calls',
    ])
    expect(code).toBe(0)
    expect(lines.join()).not.toMatch(/top|secret|words/)
  })

  test('says what is read of containers, and that their cost stays unknown without rates', async () => {
    const docker = 'sources: { docker: { url: "tcp://proxy:2375", project: shop } }'
    const rates = 'rates: { containers: [{ cpu_usd_per_hour: 1 }, { from: 2026-12-01, cpu_usd_per_hour: 2 }] }'
    const { lines } = await checkText(`timezone: Asia/Tokyo\n${docker}\n${rates}\n`)
    expect(lines).toContain(
      'containers: those of shop, asked at http://proxy:2375 every 15s, at 2 rates, from 2026-12-01 on',
    )
    expect(lines.join()).not.toContain('hint: what the containers cost')
    expect(lines).toContain(
      'p.yaml:3:23: rates.containers[0]: hint: without memory_usd_per_gib_hour and network_usd_per_gib a part of what containers use has no known cost, so no margin has infrastructure in it; 0 says that it costs nothing',
    )
    const whole = '{ cpu_usd_per_hour: 1, memory_usd_per_gib_hour: 0, network_usd_per_gib: 0 }'
    const { lines: rated } = await checkText(`${docker}\nrates: { containers: ${whole} }\n`)
    expect(rated.join()).not.toContain('rates.containers')
    const { code, lines: without } = await checkText('sources:\n  docker: {}\n')
    expect(without).toContain('containers: all of them, asked at unix:///var/run/docker.sock every 15s, without rates')
    expect(without).toContainEqual(
      expect.stringMatching(/^p\.yaml:2:11: sources\.docker: hint: what the containers cost stays unknown: /),
    )
    expect(code).toBe(0)
  })

  test('gives hints at what a good file says to no effect behind what it means, and 0', async () => {
    const { code, lines } = await checkText('budgets:\n  spend: []\n  agent: none\n  session: { limit_usd: 0.20 }\n')
    expect(lines).toContain(
      'budgets: no tier has one; agents have none; a session $0.20, 50000 tokens a minute, 100 calls',
    )
    expect(lines.at(-2)).toMatch(/^ledger: /)
    expect(lines.at(-1)).toBe(
      'p.yaml:4:3: budgets.session.warn_usd: hint: a warning at $0.30 is never given: the session stops at $0.20',
    )
    expect(code).toBe(0)
  })

  describe('with a file of customers', () => {
    const policy = 'tiers: { pro: { price_usd: [{ usd: 5, from: 2027-01-01 }] } }\nroster: { file: customers.csv }\n'
    const checked = async (rows: string) => {
      await writeFile(join(directory, 'customers.csv'), rows)
      const { code, lines } = await checkText(policy)
      return { code, lines: lines.map((line) => line.replace(`${directory}/`, '')) }
    }

    test('says how many it names, and from when on a change of them counts', async () => {
      const { code, lines } = await checked('id,tier,from\na,pro,2026-01-01\na,pro,2026-06-01\nb,pro,\n')
      expect(lines.slice(1, 4)).toEqual([
        'tiers: pro without a price yet a customer and month',
        'customers: 0 named here, 0 API keys with an owner',
        "roster: 2 customers of customers.csv, LiteLLM's customers, customers found in traffic; months that are over do not move: a change counts from 2026-11-01 on",
      ])
      expect(code).toBe(0)
    })

    test('prints each of its bad rows and gives 1, also when it is not there', async () => {
      expect(await checked('id,tier\na,gold\nb,pro\n,pro\n')).toEqual({
        code: 1,
        lines: [
          'customers.csv:2:1: tier: found "gold", expected one of the tiers pro',
          'customers.csv:4:1: id: missing, expected the name that calls carry for the customer, at most 256 characters',
        ],
      })
      await rm(join(directory, 'customers.csv'))
      const { code, lines } = await checkText(policy)
      expect([code, lines]).toEqual([1, [`${join(directory, 'customers.csv')}:1:1: there is no such file`]])
    })
  })

  test('gives 1 for a file that is not there or cannot be read', async () => {
    expect(await check(join(directory, 'none.yaml'))).toEqual({
      code: 1,
      lines: [`${join(directory, 'none.yaml')}:1:1: there is no such file`],
    })
    expect((await check(directory)).lines).toEqual([`${directory}:1:1: the file cannot be read (EISDIR)`])
  })

  test('says so when nothing is named and nothing comes in', async () => {
    const { lines } = await checkText('sources: { litellm: { push: false } }')
    expect(lines).toContain('tiers: none, so no margin can be told')
    expect(lines).toContain('litellm: not used')
    expect(lines).toContain('gateway: not described here, so marginwatch generate writes nothing')
  })
})
