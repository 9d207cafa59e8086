import { describe, expect, it } from 'vitest'
import { hashKey, storedKey } from '../../../src/ledger/key.ts'
import { correction, DAY, observation, score, T0, usage } from '../../support/entries.ts'
import { holdLedger, type OpenLedger } from './fixture.ts'

const DAY_OF_T0 = T0 / DAY

const stored = (key: string): string => {
  const { high, low } = hashKey(key)
  return storedKey(high, low)
}

/** What every engine answers about what trace stores saw, compared with rows made by hand. */
export function testObserved(engine: string, openEngine: OpenLedger): void {
  describe(`the queries about observations on ${engine}`, () => {
    const held = holdLedger(openEngine)

    it('observed_tools counts the latest version of each run of a tool by name and outcome', async () => {
      const tool = { what: 'tool', name: 'search' } as const
      const edited = observation('t2', tool)
      await held.append(
        observation('t1', tool),
        edited,
        observation('t3', { ...tool, project: 'other' }),
        observation('t3', { ...tool, key: 'another source', source: 'elsewhere' }),
        observation('t4', { ...tool, name: null }),
        observation('c', { name: 'search' }),
        observation('before', { ...tool, start: T0 - 1 }),
        observation('after', { ...tool, start: T0 + DAY }),
        observation('moved', { ...tool, key: 'moved:1' }),
      )
      await held.append(
        { ...edited, key: 't2:2', status: 'failed' },
        observation('moved', { ...tool, key: 'moved:2', start: T0 + DAY }),
      )
      expect(await held.ask('observed_tools', { from: T0, to: T0 + DAY })).toEqual([
        { name: '', status: 'success', calls: 1n },
        { name: 'search', status: 'failed', calls: 1n },
        { name: 'search', status: 'success', calls: 3n },
      ])
    })

    it('tool_runs counts each run once by its first version, and what later ones change beside it, in any pieces', async () => {
      const tool = { what: 'tool', name: 'search' } as const
      const first = observation('t1', tool)
      const later = { after: 0, to: 0 }
      await held.append(first, observation('t2', tool), observation('c', { name: 'search' }))
      later.to = held.ledger.health().seq
      const search = { name: 'search', first_seq: expect.anything(), first_at: expect.anything() }
      expect(await held.ask('tool_runs', { after: 0, to: later.to })).toMatchObject([
        { ...search, status: 'success', n: 2n, up: 0n, down: 0n },
      ])
      later.after = later.to
      await held.append({ ...first, key: 't1:2' }, { ...first, key: 't1:3', status: 'failed' })
      await held.append(
        { ...first, key: 't1:4', status: 'failed', name: 'find' },
        { ...first, key: 't1:5', what: 'step' },
      )
      await held.append({ ...first, key: 't1:6' })
      later.to = held.ledger.health().seq
      const changes = [
        { name: 'search', status: 'failed', n: 0n, up: 1n, down: 1n },
        { name: 'search', status: 'success', n: 0n, up: 1n, down: 1n },
        { name: 'find', status: 'failed', n: 0n, up: 1n, down: 1n },
      ]
      const byName = (rows: readonly object[]) =>
        rows.map((row) => JSON.stringify(row, (_, n) => (typeof n === 'bigint' ? Number(n) : n))).sort()
      const sums = (rows: readonly Readonly<Record<string, unknown>>[]) =>
        byName(rows.map(({ name, status, n, up, down }) => ({ name, status, n, up, down })))
      expect(sums(await held.ask('tool_runs', later))).toEqual(byName(changes))
      expect(await held.ask('tool_runs', { after: later.to, to: later.to + 9 })).toEqual([])
    })

    it('tool_runs goes on counting what retention has taken, to the last one', async () => {
      const tool = { what: 'tool', name: 'search' } as const
      const edited = observation('t1', tool)
      await held.append(edited, observation('t2', { ...tool, start: T0 + DAY }))
      await held.append({ ...edited, key: 't1:2', status: 'failed' })
      const all = () => held.ask('tool_runs', { after: 0, to: held.ledger.health().seq })
      const before = await all()
      expect(before).toHaveLength(2)
      await held.ledger.retire(DAY_OF_T0 + 1)
      expect(await held.ledger.read(0, 10, 'observation')).toHaveLength(1)
      expect(await all()).toEqual(before)
      await held.reopen()
      expect(await all()).toEqual(before)
    })

    it('scores of observations are averaged by name, model, class of question and prompt; a later version stands over one before', async () => {
      const prompt = { promptName: 'greet', promptVersion: '3' }
      const edited = score('s2', { observation: 'o1', value: 1 })
      await held.append(
        usage('a', { queryType: 'action', promptName: 'own', promptVersion: '9' }),
        usage('b', { queryType: 'recall', promptName: 'own', promptVersion: '9' }),
        observation('o1', { call: 'a', ...prompt }),
        observation('o2', { call: 'b' }),
        observation('o3', { model: 'm3' }),
        score('s1', { observation: 'o1', value: 0.5 }),
        edited,
        score('s3', { observation: 'o2', value: 4 }),
        score('s4', { observation: 'o3', value: 2 }),
        score('s5', { observation: 'nobody saw it', value: 8 }),
        score('s6', { observation: 'o1', value: null, category: 'good' }),
        score('s7', { observation: 'o1', value: 3, name: 'polite' }),
        score('early', { observation: 'o1', at: T0 - 1 }),
        score('late', { observation: 'o1', at: T0 + DAY }),
      )
      await held.append({ ...edited, key: 's2:2', value: 0 })
      const helpful = { name: 'helpful', query_type: '', prompt_name: '', prompt_version: '', n: 1n }
      const action = { model: 'openai/gpt-4o', query_type: 'action', prompt_name: 'greet', prompt_version: '3' }
      expect(await held.ask('scores', { from: T0, to: T0 + DAY })).toEqual([
        { ...helpful, model: '', average: 8 },
        { ...helpful, model: 'm3', average: 2 },
        { ...helpful, ...action, n: 2n, average: 0.25 },
        {
          ...helpful,
          model: 'openai/gpt-4o',
          query_type: 'recall',
          prompt_name: 'own',
          prompt_version: '9',
          average: 4,
        },
        { ...helpful, ...action, name: 'polite', average: 3 },
      ])
    })

    it('a score of a trace counts once for each combination of names among the calls of the trace', async () => {
      const trace = { trace: 't' }
      await held.append(
        usage('a', { queryType: 'action' }),
        usage('b', { queryType: 'action' }),
        usage('c', { queryType: 'recall', model: 'm2' }),
        observation('oa', { call: 'a', ...trace }),
        observation('ob', { call: 'b', ...trace }),
        observation('oc', { call: 'c', ...trace }),
        observation('tool', { what: 'tool', model: 'm9', ...trace }),
        observation('far', { project: 'other', model: 'm9', key: 'far', ...trace }),
        score('s1', { ...trace, value: 1 }),
        score('s2', { trace: 'unseen', value: 0 }),
      )
      const helpful = { name: 'helpful', prompt_name: '', prompt_version: '', n: 1n }
      expect(await held.ask('scores', { from: T0, to: T0 + DAY })).toEqual([
        { ...helpful, model: '', query_type: '', average: 0 },
        { ...helpful, model: 'm2', query_type: 'recall', average: 1 },
        { ...helpful, model: 'openai/gpt-4o', query_type: 'action', average: 1 },
      ])
    })

    it('double_counted lists calls of a trace store that the gateway has reported since, until they are taken back', async () => {
      const own = (id: string, over = {}) =>
        usage(`langfuse:prod:${id}`, { source: 'langfuse', user: 'ann', agent: 'sorter', queryType: 'recall', ...over })
      const repriced = own('o2', { basis: 'unpriced', cost: null })
      const elsewhere = usage('litellm:c4', { source: 'litellm' })
      await held.append(
        own('o1'),
        observation('o1', { call: 'litellm:c1' }),
        repriced,
        correction(repriced, { cost: 70n, basis: 'priced' }),
        observation('o2', { call: 'litellm:c2', source: 'langfuse:prod' }),
        own('o3'),
        observation('o3', { call: 'litellm:c3' }),
        elsewhere,
        observation('o4', { call: 'litellm:c4' }),
        own('o5'),
        observation('o5', { call: null }),
      )
      const asked = (limit = 10) => held.ask('double_counted', { limit })
      expect(await asked()).toEqual([])
      await held.append(usage('litellm:c1'), usage('litellm:c2'))
      const rows = await asked()
      expect(rows.map(({ key, call, cost }) => [key, call, cost])).toEqual([
        [stored('langfuse:prod:o1'), stored('litellm:c1'), 225_000n],
        [stored('langfuse:prod:o2'), stored('litellm:c2'), 70n],
      ])
      expect(rows[0]).toMatchObject({
        seq: expect.any(BigInt),
        start: BigInt(T0),
        source: 'langfuse',
        customer: 'acme',
        tier: 'tier_1',
        user: 'ann',
        session: '',
        agent: 'sorter',
        trace: '',
        operation: 'chat',
        query_type: 'recall',
        model: 'openai/gpt-4o',
        provider: 'openai',
        environment: 'production',
        status: 'success',
        basis: 'gateway',
        input: 10n,
        cache_read: 0n,
        output: 20n,
      })
      expect(await asked(1)).toEqual(rows.slice(0, 1))
      await held.append(correction(own('o1'), { key: 'back', calls: -1, cost: -225_000n, of: String(rows[0]?.key) }))
      expect(await asked()).toEqual(rows.slice(1))
      await held.append(correction(repriced, { key: 'back 2', calls: -1, cost: -70n }))
      expect(await asked()).toEqual([])
    })

    it('double_counted goes by the latest version of the observation', async () => {
      const first = observation('o1', { call: 'litellm:c1' })
      await held.append(usage('langfuse:prod:o1', { source: 'langfuse:prod' }), first, usage('litellm:c1'))
      expect(await held.ask('double_counted', { limit: 10 })).toHaveLength(1)
      await held.append({ ...first, key: 'o1:2', call: 'litellm:c2' })
      expect(await held.ask('double_counted', { limit: 10 })).toEqual([])
    })
  })
}
