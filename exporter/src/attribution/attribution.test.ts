import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ATTRIBUTES, type Attribution, attribute, type Rules } from './attribution.ts'
import type { Facts, Place } from './facts.ts'
import { rosterOf } from './roster.ts'

const place = (where: Place['in'], name: string): Place => ({ in: where, name })
const RULES: Rules = {
  customer: [
    place('header', 'X-Customer'),
    place('metadata', 'customer_id'),
    place('tag', 'customer_id'),
    place('field', 'end_user'),
  ],
  tier: [place('tag', 'plan_tier')],
  user: [place('metadata', 'user_id'), place('field', 'user')],
  session: [place('metadata', 'session_id'), place('field', 'trace_id')],
  agent: [place('tag', 'agent')],
  trace: [place('field', 'trace_id')],
  operation: [place('tag', 'feature')],
  query_type: [place('tag', 'query_type')],
  model_asked: [place('field', 'model_group')],
  model_used: [],
  environment: [place('tag', 'environment')],
  project: [place('metadata', 'cloud.project')],
  prompt_name: [],
  prompt_version: [],
  tools: [place('metadata', 'tools_invoked')],
}
const hash = (text: string) => `h${text.length.toString().padStart(3, '0')}${text.slice(-4)}0000`
const how: Attribution = { rules: RULES, owners: {}, tierAt: () => null, hash }
const facts = (part: Partial<Facts> = {}): Facts => ({
  start: Date.UTC(2026, 10, 22),
  fields: {},
  tags: [],
  metadata: {},
  headers: {},
  keyAlias: null,
  ...part,
})
const UUID = '16f98492-11a2-4f8e-8f19-fdcea8645b13'

describe('attribute', () => {
  it('takes the first place of a rule that holds a value', () => {
    const everywhere = facts({
      headers: { 'x-customer': 'from-header' },
      metadata: { customer_id: 'from-metadata' },
      tags: ['customer_id:from-tag'],
      fields: { end_user: 'from-field' },
    })
    expect(attribute(everywhere, how).customer).toBe('from-header')
    expect(attribute({ ...everywhere, headers: { 'x-customer': ' ' } }, how).customer).toBe('from-metadata')
    expect(attribute({ ...everywhere, headers: {}, metadata: { customer_id: null } }, how).customer).toBe('from-tag')
    expect(attribute(facts({ fields: { end_user: 42 } }), how).customer).toBe('42')
  })

  it('knows nobody when no place holds a value, and takes the words for nothing as nothing', () => {
    expect(attribute(facts(), how).customer).toBeNull()
    for (const nothing of ['', '  ', 'None', 'null', null, {}, [], Number.NaN])
      expect(attribute(facts({ fields: { end_user: nothing } }), how).customer).toBeNull()
  })

  it('reads tags written with a colon or an equals sign, and drops those that LiteLLM adds', () => {
    const who = attribute(facts({ tags: ['feature=chat', 'agent: planner', 'User-Agent: curl/7.88.1', 'vip'] }), how)
    expect(who).toMatchObject({ operation: 'chat', agent: 'planner', metadata: { tags: 'vip' } })
    expect(JSON.stringify(who)).not.toContain('curl')
  })

  it('gives what the call does not say from the owner of its API key', () => {
    const owners = { 'app-key': { customer: 'acme', tier: 'tier_2', user: 'joe', agent: 'bot', environment: 'prod' } }
    const owned = { ...how, owners }
    expect(attribute(facts({ keyAlias: 'app-key' }), owned)).toMatchObject({
      customer: 'acme',
      tier: 'tier_2',
      user: 'joe',
      agent: 'bot',
      environment: 'prod',
      keyAlias: 'app-key',
    })
    const said = facts({ keyAlias: 'app-key', fields: { end_user: 'beta' }, tags: ['agent:own'] })
    expect(attribute(said, owned)).toMatchObject({ customer: 'beta', agent: 'own' })
    expect(attribute(facts({ keyAlias: 'constructor' }), owned).customer).toBeNull()
  })

  it("takes the tier from the roster at the call's start, else from the key's owner, else from the tag", () => {
    const change = Date.UTC(2026, 10, 1)
    const tierAt = rosterOf([
      { id: 'acme', tier: 'tier_1', from: null, to: null },
      { id: 'acme', tier: 'tier_3', from: change, to: null },
    ])
    const owners = { k: { customer: null, tier: 'tier_2', user: null, agent: null, environment: null } }
    const call = { fields: { end_user: 'acme' }, tags: ['plan_tier:free'], keyAlias: 'k' }
    expect(attribute(facts({ ...call, start: change - 1 }), { ...how, tierAt, owners }).tier).toBe('tier_1')
    expect(attribute(facts({ ...call, start: change }), { ...how, tierAt, owners }).tier).toBe('tier_3')
    expect(attribute(facts({ ...call, fields: {} }), { ...how, tierAt, owners }).tier).toBe('tier_2')
    expect(attribute(facts({ ...call, keyAlias: null, fields: {} }), { ...how, tierAt, owners }).tier).toBe('free')
  })

  it('takes a session only when the client named it', () => {
    expect(attribute(facts({ fields: { trace_id: 'sess-1' } }), how).session).toBe('sess-1')
    expect(attribute(facts({ fields: { trace_id: UUID } }), how)).toMatchObject({ session: null, trace: UUID })
    const inHeader = facts({ fields: { trace_id: UUID }, headers: { 'x-litellm-session-id': UUID } })
    expect(attribute(inHeader, how).session).toBe(UUID)
    expect(attribute(facts({ metadata: { session_id: UUID } }), how).session).toBe(UUID)
  })

  it('never lets a key or an e-mail address into a label, and gives the same hash to the same one', () => {
    const one = attribute(
      facts({ fields: { end_user: 'jane@example.com', user: 'sk-abcdef123456' }, tags: ['note:bob@example.com'] }),
      how,
    )
    expect(one.customer).toBe(`hash:${hash('jane@example.com').slice(0, 8)}`)
    expect(one.user).toMatch(/^hash:.{8}$/)
    expect(one.metadata.note).toMatch(/^hash:.{8}$/)
    expect(JSON.stringify(one)).not.toMatch(/@|sk-/)
    expect(attribute(facts({ fields: { end_user: ' jane@example.com ' } }), how).customer).toBe(one.customer)
  })

  it('finds the tier of a customer whom the roster holds by e-mail address', () => {
    const tierAt = rosterOf([{ id: 'jane@example.com', tier: 'tier_1', from: null, to: null }])
    expect(attribute(facts({ fields: { end_user: 'jane@example.com' } }), { ...how, tierAt }).tier).toBe('tier_1')
  })

  it('bounds long names and keeps two of them apart', () => {
    const long = (end: string) =>
      attribute(facts({ fields: { end_user: 'x'.repeat(5000) + end } }), how).customer as string
    expect(long('aaaa')).toHaveLength(128)
    expect(long('aaaa')).not.toBe(long('bbbb'))
  })

  it('keeps a small map of the rest, without what became an attribute and without text', () => {
    const metadata = {
      customer_id: 'acme',
      ticket: 7,
      prompt: 'tell me a secret',
      notes: 'y'.repeat(300),
      user_api_key_hash: 'abc',
      nested: { a: 1 },
      __proto__: 'x',
      ...Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`k${i}`, i])),
    }
    const kept = attribute(facts({ metadata }), how).metadata
    expect(kept.ticket).toBe('7')
    expect(Object.keys(kept)).toHaveLength(16)
    for (const left of ['customer_id', 'prompt', 'notes', 'user_api_key_hash', 'nested'])
      expect(kept).not.toHaveProperty(left)
  })

  it('takes tools from a list or from one text, without repeating one', () => {
    expect(attribute(facts({ metadata: { tools_invoked: ['search', 'sql', 'search'] } }), how).tools).toEqual([
      'search',
      'sql',
    ])
    expect(attribute(facts({ metadata: { tools_invoked: 'search, sql' } }), how).tools).toEqual(['search', 'sql'])
  })

  it('reads inside nested metadata', () => {
    expect(attribute(facts({ metadata: { cloud: { project: 'p-1' } } }), how).project).toBe('p-1')
  })

  it('never throws and never exceeds its bounds, whatever a record holds', () => {
    const anything = fc.dictionary(fc.string(), fc.anything({ maxDepth: 2 }))
    const call = fc.record({
      fields: anything,
      metadata: anything,
      headers: anything,
      tags: fc.array(fc.anything({ maxDepth: 1 })),
    })
    const places = fc.array(fc.record({ in: fc.constantFrom('field', 'tag', 'metadata', 'header'), name: fc.string() }))
    fc.assert(
      fc.property(call, places, (part, anywhere) => {
        const rules = Object.fromEntries(ATTRIBUTES.map((one) => [one, anywhere])) as unknown as Rules
        const { metadata, tools, ...names } = attribute(facts(part), { ...how, rules })
        for (const value of Object.values(names))
          expect(value === null || (value.length > 0 && value.length <= 128)).toBe(true)
        expect(Object.keys(metadata).length).toBeLessThanOrEqual(16)
        expect(tools.length).toBeLessThanOrEqual(16)
      }),
    )
  })
})

describe('rosterOf', () => {
  it('holds from its first moment and no longer at its end', () => {
    const tierAt = rosterOf([{ id: 'a', tier: 't', from: 10, to: 20 }])
    expect([9, 10, 19, 20].map((at) => tierAt('a', at))).toEqual([null, 't', 't', null])
    expect(tierAt('b', 15)).toBeNull()
  })
})
