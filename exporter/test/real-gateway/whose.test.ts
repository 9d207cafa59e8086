import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { attribute, type Attribution } from '../../src/attribution/attribution.ts'
import { readRecord } from '../../src/sources/litellm/record.ts'
import { readPolicy } from '../../src/policy/read.ts'
import { describeWithFixture } from '../support/fixture.ts'
import type { SlimRecord } from '../support/push-recorder.ts'
import { type Asking, ROUTES, stampOf, startAsking } from './asking.ts'
import { KINDS } from './calls.ts'

/** What of a decision must be what the later event says. */
function whose(record: SlimRecord) {
  const { customer, tier, user, session, agent, trace, operation, queryType, ...who } = attribute(
    readRecord(record),
    attribution(),
  )
  const { environment, project, keyAlias } = who
  return { customer, tier, user, session, agent, trace, operation, queryType, environment, project, keyAlias }
}

function attribution(): Attribution {
  const { policy } = readPolicy('version: 1', { file: 'marginwatch.yaml', env: {} })
  if (!policy) throw new Error('the shortest policy is not good')
  const hash = (text: string) => createHash('sha256').update(text).digest('base64url')
  return { rules: policy.attribution, owners: policy.apiKeys, tierAt: () => null, hash }
}

describeWithFixture('What the gateway asks for a call', () => {
  let asking: Asking
  beforeAll(async () => {
    asking = await startAsking()
  })
  afterAll(() => asking?.close())

  /** Resolves with what was asked since, each with the record of the call that it was asked for. */
  async function pairs(since: number) {
    return Promise.all(
      asking.decisions
        .asked()
        .slice(since)
        .map(async ({ call_id: id, record }) => {
          const fits = (one: SlimRecord) => one.kind === 'call' && stampOf(one) === id
          return [record, await asking.decisions.untilRecord(`the call ${id}`, fits)] as const
        }),
    )
  }

  it.each(KINDS)('says whose it is as its record will, for $name', async (kind) => {
    const since = asking.decisions.asked().length
    await kind.make(asking.gateway, kind.name)
    const found = await pairs(since)
    // A stranger's call is refused before anybody is asked.
    expect(found).toHaveLength(kind.name === 'wrong-key' ? 0 : kind.events.length)
    for (const [asked, told] of found) {
      expect(whose(asked)).toEqual(whose(told))
      if (kind.customer === undefined) expect(whose(asked).customer).toBe(kind.name)
    }
  })

  it.each(ROUTES)('says whose it is by headers, tags and metadata, for $name', async ({ path, body, name }) => {
    const since = asking.decisions.asked().length
    const metadata = { customer_id: 'globex', query_type: 'summary', operation: 'mail', trace_id: 'trace-9' }
    const more = name.includes("Gemini's") ? {} : { metadata, user: 'acme' }
    const headers = {
      'x-litellm-session-id': 'chat-1',
      'x-litellm-tags': 'plan_tier:tier_2,agent_id:researcher',
      'x-user-id': 'ann',
      'x-environment': 'staging',
    }
    const { status, text } = await asking.call(path, body('upstream(output=5)', more), headers)
    expect(status, text).toBe(200)
    const [[asked, told] = []] = await pairs(since)
    expect(asked && whose(asked)).toEqual(told && whose(told))
    expect(asked && whose(asked)).toMatchObject({ session: 'chat-1', tier: 'tier_2', agent: 'researcher', user: 'ann' })
  })

  it.each(ROUTES)('says whose it is by the key, for $name', async ({ path, body }) => {
    const made = (await asking.gateway.call('/key/generate', {
      key_alias: `key-${path}-${Math.random()}`,
      user_id: 'bob',
      metadata: { customer_id: 'initech', plan_tier: 'tier_3', tags: ['query_type:chat'], many: ['a', 'b'] },
    })) as { key: string }
    const since = asking.decisions.asked().length
    const { status, text } = await asking.call(path, body('upstream(output=5)'), {
      authorization: `Bearer ${made.key}`,
    })
    expect(status, text).toBe(200)
    const [[asked, told] = []] = await pairs(since)
    expect(asked && whose(asked)).toEqual(told && whose(told))
    expect(asked && whose(asked)).toMatchObject({ customer: 'initech', user: 'bob', queryType: 'chat' })
  })
})
