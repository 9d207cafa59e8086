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
