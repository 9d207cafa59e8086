import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { budgetOf, tellEnd } from '../support/decisions.ts'
import { eventually } from '../support/eventually.ts'
import { type Exporter, startExporter } from '../support/exporter.ts'

let exporter: Exporter | null = null
afterEach(async () => {
  await exporter?.close()
  exporter = null
})

const TIERS = 'tiers: { tier_1: { price_usd: 49, budget_usd: 1 }, tier_2: { price_usd: 99, budget_usd: 2 } }\n'

it('a customer by REST has the tier of its calls and the budget of its tier at once, in the running program and after its end', async () => {
  exporter = await startExporter({ policy: TIERS })
  const url = () => exporter?.program.url ?? ''
  const customer = async (id: string) => {
    const answer = await fetch(`${url()}/api/customers/${id}`)
    return answer.ok ? ((await answer.json()) as { data: { tier: string; origin: string } }).data : null
  }
  const body = JSON.stringify({ tier: 'tier_2', by: 'ada', reason: 'contract' })
  expect((await fetch(`${url()}/api/admin/customers/acme`, { method: 'PUT', body })).status).toBe(200)
  await tellEnd(url(), { callId: randomUUID(), customer: 'acme', usd: 0.5 })
  // It refuses to explain while the ledger is read.
  const limit = () =>
    budgetOf(url(), 'customer', { customer: 'acme' }).then(
      ({ limit_usd }) => limit_usd,
      () => null,
    )
  await eventually('the budget', async () => ((await limit()) === '2' ? true : null))
  await eventually('the spend of its tier', async () => {
    const shown = await (await fetch(`${url()}/metrics`)).text()
    return /^llm_spend_usd\{.*tier="tier_2".*\} 0\.5/m.test(shown) ? true : null
  })
  await exporter.restart()
  expect(await customer('acme')).toMatchObject({ tier: 'tier_2', origin: 'rest' })
  await eventually('the budget after the restart', async () => ((await limit()) === '2' ? true : null))
})

it('a file of customers is followed by the running program', async () => {
  exporter = await startExporter({ policy: TIERS })
  const { url } = exporter.program
  // It lies beside the policy, in the folder above that of the ledger.
  const file = join(dirname(exporter.data), 'customers.csv')
  await writeFile(file, 'id,tier\nacme,tier_1\n')
  await exporter.write(`${TIERS}roster: { file: customers.csv }\n`)
  const tier = async () => {
    const answer = await fetch(`${url}/api/customers/acme`)
    return answer.ok ? ((await answer.json()) as { data: { tier: string } }).data.tier : null
  }
  await eventually('the file', async () => ((await tier()) === 'tier_1' ? true : null))
  await writeFile(file, 'id,tier\nacme,tier_2\n')
  await eventually('the other tier', async () => ((await tier()) === 'tier_2' ? true : null))
  expect(exporter.program.output()).not.toContain('rows of the file are bad')
})

it('a file of customers as a spreadsheet saves it, with bad rows, loses no good one, and each bad one is told with line, found and expected', async () => {
  exporter = await startExporter({ policy: TIERS })
  const { url } = exporter.program
  const file = join(dirname(exporter.data), 'customers.csv')
  const rows = [
    'ID;Tier;From;Price USD;Contact',
    'acme;tier_1;2026-01-31;39.50;"Ann; sales"',
    'beta;gold;;;',
    'gamma;tier_1;31.01.2026;;',
    'delta;tier_2;;;',
    'delta;tier_1;;;',
    ';tier_1;;;',
    'epsilon;tier_2;;;',
  ]
  await writeFile(file, `\uFEFF${rows.join('\r\n')}\r\n`)
  await exporter.write(`${TIERS}roster: { file: customers.csv }\n`)
  interface List {
    readonly data: readonly { readonly customer: string; readonly tier: string; readonly price_usd: number }[]
    readonly notes: readonly string[]
  }
  const list = async () => (await (await fetch(`${url}/api/customers`)).json()) as List
  const { data, notes } = await eventually('the file', async () => {
    const found = await list()
    return found.data.length > 0 ? found : null
  })
  expect(data.map(({ customer, tier, price_usd }) => [customer, tier, price_usd])).toEqual([
    ['acme', 'tier_1', 39.5],
    ['epsilon', 'tier_2', 99],
  ])
  const told = [
    '3:1: tier: found "gold", expected one of the tiers tier_1, tier_2',
    '4:1: from: found "31.01.2026", expected a date such as 2026-01-31',
    '6:1: the same customer with the same from as line 5; remove one, or give it a from of its own',
    '7:1: id: missing, expected the name that calls carry for the customer, at most 256 characters',
  ].map((problem) => `${file}:${problem}`)
  expect(notes).toEqual(told)
  const page = await (await fetch(`${url}/page/fragment`)).text()
  for (const problem of told.slice(0, 3)) expect(page).toContain(`<br>${problem.replaceAll('"', '&quot;')}`)
  expect(page).toContain('And 1 more')
  for (const problem of told) expect(exporter.program.output()).toContain(JSON.stringify(problem))
})
