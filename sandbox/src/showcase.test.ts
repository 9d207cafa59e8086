import { describe, expect, test } from 'vitest'
import type { Call } from './call.ts'
import { CAST, rushCost } from './cast.ts'
import { createCompany } from './company.ts'
import type { Answer } from './decisions/wire.ts'
import { decidedCall } from './litellm/decided.ts'
import { questionOf } from './litellm/question.ts'
import { runShowcase } from './showcase.ts'

const FROM = Date.UTC(2026, 10, 1)
const company = createCompany(1)
const no = (status = 402, retry_after?: number) =>
  ({
    action: 'block',
    refusal: { status, type: 'x', message: 'No.', ...(retry_after ? { retry_after } : {}) },
  }) as const

/** Plays for so many seconds of a clock that moves on when everybody waits. */
async function play(seconds: number, answer: (call: Call) => Partial<Answer>): Promise<Call[]> {
  const stop = new AbortController()
  const made: Call[] = []
  const waiting: { readonly until: number; readonly go: () => void }[] = []
  let time = FROM
  const over = runShowcase({
    company,
    seed: 1,
    now: () => time,
    sleep: (ms) => new Promise((resolve) => waiting.push({ until: time + ms, go: resolve })),
    signal: stop.signal,
    server: {
      begin: async (call) => {
        const given = { version: 1, action: 'allow', reason: 'ok', ...answer(call) } as const
        const { refusal, reason } = given
        return decidedCall(call, refusal ? { kind: 'refused', refusal, reason } : { kind: 'decided', answer: given })
      },
      add: (calls) => void made.push(...calls),
    },
  })
  while (waiting.length > 0) {
    waiting.sort((a, b) => a.until - b.until)
    const next = waiting.shift()
    time = next?.until ?? time
    if (time > FROM + seconds * 1000) stop.abort()
    next?.go()
    await new Promise(setImmediate)
  }
  await over
  return made
}

const of = (calls: readonly Call[], { customer }: { readonly customer: string }) =>
  calls.filter((call) => call.customer === customer)
const spent = (calls: readonly Call[]) => calls.reduce((sum, { cost }) => sum + (cost ?? 0n), 0n)

describe('the cast', () => {
  test('are customers and agents of the company, each in one role', () => {
    const roles = Object.values(CAST)
    const ids = company.customers.map(({ id }) => id)
    expect(roles.filter(({ customer }) => !ids.includes(customer))).toEqual([])
    expect(new Set(roles.map(({ customer }) => customer)).size).toBe(roles.length)
    const agents = company.agents.map(({ name }) => name)
    expect(roles.filter(({ agent }) => agent !== null && !agents.includes(agent))).toEqual([])
  })
})

describe('while nobody stops them', () => {
  test('each spends within a minute what limits are reckoned by, in calls that cost the same', async () => {
    const calls = await play(60, () => ({}))
    for (const role of [CAST.warned, CAST.degraded, CAST.blocked, CAST.paused]) {
      const rush = of(calls, role).filter(({ session }) => session !== null)
      expect(new Set(rush.map(({ cost }) => cost))).toEqual(new Set([rushCost(role)]))
      expect(rush.length).toBeGreaterThanOrEqual(30)
    }
    expect(spent(of(calls, CAST.runaway))).toBeGreaterThan(500_000_000n)
    expect(new Set(of(calls, CAST.runaway).map(({ session }) => session)).size).toBe(1)
  })

  test('those who rush bound their answers, so that little more is held for them than they cost', async () => {
    const calls = await play(20, () => ({}))
    for (const call of calls) expect(questionOf(call).max_tokens).toBeLessThanOrEqual(1_024)
    const bounds = of(calls, CAST.warned).map((call) => questionOf(call).max_tokens)
    expect(new Set(bounds)).toEqual(new Set([256]))
  })

  test('who is only warned soon spends hardly anything', async () => {
    const calls = of(await play(30 * 60, () => ({})), CAST.warned)
    const later = calls.filter(({ session }) => session === null)
    expect(later.length).toBeGreaterThan(40)
    expect(spent(later)).toBeLessThan(10n * rushCost(CAST.warned))
  })
})

describe('when they are told', () => {
  test('that a cheaper model answers, the rush of its customer is over', async () => {
    const cheaper = { action: 'degrade', model: 'claude-haiku' } as const
    let asked = 0
    const calls = await play(120, ({ customer }) => (customer === CAST.degraded.customer && ++asked > 5 ? cheaper : {}))
    const rush = of(calls, CAST.degraded).filter(({ session }) => session !== null)
    expect(rush.length).toBe(6)
    expect(rush.at(-1)?.model?.group).toBe('claude-haiku')
    expect(of(calls, CAST.degraded).length).toBeGreaterThan(7)
  })

  test('no, they ask for less three times more, and then now and again', async () => {
    const calls = await play(120, ({ customer }) => (customer === CAST.blocked.customer ? no() : {}))
    const refused = of(calls, CAST.blocked)
    expect(refused[1]?.model?.group).not.toBe(refused[0]?.model?.group)
    expect(refused.filter(({ session }) => session !== null).length).toBe(4)
    expect(refused.length).toBeGreaterThan(6)
    expect(refused.length).toBeLessThan(12)
    expect(new Set(refused.map(({ outcome }) => outcome))).toEqual(new Set(['blocked']))
  })

  test('to wait, they wait and go on', async () => {
    let asked = 0
    const calls = await play(60, ({ customer }) =>
      customer === CAST.runaway.customer && ++asked === 3 ? no(429, 20) : {},
    )
    const [, , third, fourth] = of(calls, CAST.runaway)
    expect((fourth?.start ?? 0) - (third?.start ?? 0)).toBeGreaterThanOrEqual(20_000)
  })

  test('that a conversation is over, the agent stops, and later begins another one', async () => {
    const sessions = new Map<string, number>()
    const calls = await play(600, ({ customer, session }) => {
      if (customer !== CAST.runaway.customer) return {}
      const made = (sessions.get(session ?? '') ?? 0) + 1
      sessions.set(session ?? '', made)
      return made > 10 ? no() : {}
    })
    expect(of(calls, CAST.runaway).filter(({ outcome }) => outcome === 'blocked').length).toBe(11 * sessions.size)
    expect(sessions.size).toBeGreaterThan(1)
    expect([...sessions.values()]).toEqual([...sessions.values()].map(() => 21))
  })
})

test('the same seed asks the same', async () => {
  const asked = async () => (await play(60, () => ({}))).map(({ hookId, start, customer }) => [hookId, start, customer])
  expect(await asked()).toEqual(await asked())
})
