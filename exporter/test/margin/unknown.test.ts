import { afterEach, describe, expect, it } from 'vitest'
import type { Ended } from '../support/decisions.ts'
import type { Page } from '../support/scrape.ts'
import { type MarginProgram, startMarginProgram } from './program.ts'

const HOUR = 3_600_000
const OCTOBER = Date.UTC(2026, 9, 1)
const RATES = 'rates: { containers: [{ cpu_usd_per_hour: 0.03, memory_usd_per_gib_hour: 0.005 }] }\n'
const PLANS = `tiers: { free: { price_usd: 0 }, tier_1: { price_usd: 31 } }
customers: [{ id: ada, tier: tier_1 }, { id: bob, tier: free }]
`
const withRates = (docker: string) => `${PLANS}${RATES}sources: { ${docker} }\n`

let program: MarginProgram | null = null
afterEach(async () => {
  await program?.close()
  program = null
})

async function started(policy: (docker: string) => string): Promise<MarginProgram> {
  program = await startMarginProgram({ now: OCTOBER, policy })
  return program
}

function call(customer: string, start: number, usd: number): Ended {
  return { callId: `${customer} ${start}`, customer, input: 100, output: 0, usd, start: start / 1000 }
}

function family({ families }: Page, name: string): [string, string][] {
  const samples = families.find((one) => one.name === name)?.samples ?? []
  return samples.map(({ labels, value }) => [Object.values(labels).join(), value])
}

/** What the page says of the month: above the table, and below it. */
async function margin(of: MarginProgram): Promise<string> {
  const markup = await of.eventually('the page', async () => {
    const text = await of.page()
    return text.includes('id="margin"') ? text : null
  })
  return /<section [^>]*id="margin">([\s\S]*?)<\/section>/.exec(markup)?.[1] ?? ''
}

/** The engine answers again, at once by the clock. */
async function comesBack(of: MarginProgram): Promise<void> {
  of.engine.trouble = 'none'
  await of.eventually('its answer', async () => {
    const up = family(await of.scrape(), 'marginwatch_source_up').find(([source]) => source === 'docker')
    return up?.[1] === '1' ? true : null
  })
}

/** What rests on infrastructure; a series that is there would look whole. */
const RESTING = [
  ...['llm_tier_infra_cost_usd', 'llm_tier_margin_usd', 'llm_tier_margin_ratio'],
  ...['llm_customer_margin_usd', 'llm_infra_unallocated_usd'],
]

async function expectUnknown(of: MarginProgram, why: RegExp): Promise<void> {
  const page = await of.scrape()
  expect(RESTING.filter((name) => family(page, name).length > 0)).toEqual([])
  expect(family(page, 'llm_infra_unknown')).toEqual([['', '1']])
  const shown = await margin(of)
  expect(shown).toMatch(/earned · -?[\d.]+% before infrastructure<\/small>/)
  expect(shown).toContain('<span class="warn">unknown</span>')
  expect(shown).toMatch(new RegExp(`<li>Infrastructure: ${why.source}</li>`))
}

async function expectKnown(of: MarginProgram): Promise<void> {
  const page = await of.scrape()
  expect(RESTING.filter((name) => family(page, name).length === 0)).toEqual([])
  expect(family(page, 'llm_infra_unknown')).toEqual([['', '0']])
  const shown = await margin(of)
  expect(shown).not.toContain('before infrastructure')
  expect(shown).not.toContain('Infrastructure: ')
}

describe('what nobody can know of a margin', () => {
  it('is a ratio where nothing was earned: a plan that is free has none', async () => {
    const of = await started(withRates)
    of.run('api', 1, 2 ** 30)
    await of.to(OCTOBER + 12 * HOUR)
    await of.calls([call('ada', OCTOBER + HOUR, 0.1), call('bob', OCTOBER + HOUR, 0.1)])
    await expectKnown(of)
    const page = await of.scrape()
    // Half a day of $31 a month, of which 0.1 and half of 12 × 0.035 are gone: 0.5 − 0.31; ÷ 0.5 = 0.38.
    expect(family(page, 'llm_tier_margin_ratio')).toEqual([['tier_1', '0.38']])
    expect(family(page, 'llm_tier_margin_usd')).toEqual([
      ['free', '-0.31'],
      ['tier_1', '0.19'],
    ])
    expect(await margin(of)).toContain('<span title="Nothing was earned, so there is no share of it">–</span>')
  })

  it('is all of it while nobody has said what anybody pays: the page shows what calls cost, and no loss', async () => {
    const of = await started(() => '')
    await of.to(OCTOBER + 12 * HOUR)
    await of.calls([call('ada', OCTOBER + HOUR, 0.1)])
    const markup = await of.eventually('the page', async () => {
      const text = await of.page()
      return text.includes('id="customers"') ? text : null
    })
    expect(markup).not.toContain('id="margin"')
    expect(markup).not.toContain('id="losing"')
  })

  it('is what containers cost without rates: amounts are kept, and the margin is one before infrastructure', async () => {
    const of = await started((docker) => `${PLANS}sources: { ${docker} }\n`)
    of.run('api', 1, 2 ** 30)
    await of.to(OCTOBER + 12 * HOUR)
    await of.calls([call('ada', OCTOBER + HOUR, 0.1)])
    const rates = 'there are no rates for what is metered \\(rates.containers\\)'
    // Twelve hours of processor and of memory.
    await expectUnknown(of, new RegExp(`${rates}; 24 metered amounts have no known cost \\(cpu, memory\\)`))
    // With rates from now on the day is not whole either: what was metered before has no cost.
    await of.policy(withRates)
    await of.to(OCTOBER + 13 * HOUR)
    await expectUnknown(of, /24 metered amounts have no known cost \(cpu, memory\)/)
  })

  it('is what containers cost that nobody reads', async () => {
    const of = await started(() => PLANS)
    await of.to(OCTOBER + 12 * HOUR)
    await of.calls([call('ada', OCTOBER + HOUR, 0.1)])
    await expectUnknown(of, /nothing meters the infrastructure \(sources.docker does\)/)
  })

  it('is what containers cost while their engine is away, for as long as it is and after a restart meanwhile', async () => {
    const of = await started(withRates)
    of.run('api', 1, 2 ** 30)
    await of.to(OCTOBER + 2 * HOUR)
    await of.calls([call('ada', OCTOBER + HOUR, 0.1)])
    await expectKnown(of)
    of.engine.trouble = 'broken'
    await of.to(OCTOBER + 5 * HOUR)
    await expectUnknown(of, /nothing was metered for 3 hours/)
    await of.stop()
    await of.start()
    // It has had no time to answer yet, and nobody knows that it will not.
    await of.to(OCTOBER + 6 * HOUR)
    await expectUnknown(of, /nothing was metered for 4 hours/)
  })

  it('stays so when the engine is back: what nobody saw has no cost, and what comes has', async () => {
    const of = await started(withRates)
    of.run('api', 1, 2 ** 30)
    await of.to(OCTOBER + 2 * HOUR)
    await of.calls([call('ada', OCTOBER + HOUR, 0.1)])
    of.engine.trouble = 'broken'
    await of.to(OCTOBER + 5 * HOUR)
    await comesBack(of)
    await of.to(OCTOBER + 8 * HOUR)
    await expectUnknown(of, /1 metered amount has no known cost \(memory\)/)
    // Processors were counted all the time, 8 hours at 0.03; memory in 5 of them at 0.005.
    expect(family(await of.scrape(), 'infra_cost_usd_total')).toEqual([
      ['container,cpu,api', '0.24'],
      ['container,memory,api', '0.025'],
    ])
    await of.stop()
    await of.start()
    await expectUnknown(of, /1 metered amount has no known cost \(memory\)/)
  })

  it('stays so when no container that was seen before is there any more', async () => {
    const of = await started(withRates)
    of.run('api', 1, 2 ** 30)
    await of.to(OCTOBER + 2 * HOUR)
    await of.calls([call('ada', OCTOBER + HOUR, 0.1)])
    of.engine.trouble = 'broken'
    await of.to(OCTOBER + 5 * HOUR)
    of.engine.containers.length = 0
    await comesBack(of)
    await of.to(OCTOBER + 8 * HOUR)
    await expectUnknown(of, /1 metered amount has no known cost \(memory\)/)
    await of.stop()
    await of.start()
    await of.to(OCTOBER + 9 * HOUR)
    await expectUnknown(of, /1 metered amount has no known cost \(memory\)/)
  })

  it('is not what a source has read as nothing: days without containers cost nothing', async () => {
    const of = await started(withRates)
    of.run('api', 1, 2 ** 30)
    await of.to(OCTOBER + 2 * HOUR)
    await of.calls([call('ada', OCTOBER + HOUR, 0.1)])
    of.engine.containers.length = 0
    await of.to(OCTOBER + 200 * HOUR)
    await of.stop()
    await of.start()
    await of.to(OCTOBER + 201 * HOUR)
    await expectKnown(of)
  })
})
