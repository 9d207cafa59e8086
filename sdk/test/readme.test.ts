import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { block, KEY, startStandIn } from './support/stand-in.ts'

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')

afterEach(() => vi.unstubAllEnvs())

test('the ten lines of the README are those of the example, and do what they say', async () => {
  expect(read('../README.md')).toContain(`\`\`\`js\n${read('../example.mjs')}\`\`\``)
  const exporter = await startStandIn()
  vi.stubEnv('MARGINWATCH_URL', exporter.url)
  vi.stubEnv('MARGINWATCH_GATEWAY_KEY', KEY)
  vi.stubEnv('PORT', '0')
  const example: string = new URL('../example.mjs', import.meta.url).pathname
  const { server }: { server: Server } = await import(example)
  if (!server.listening) await new Promise((resolve) => server.once('listening', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const ask = (customer: string) => fetch(url, { headers: { 'x-customer': customer } })

  const allowed = await ask('acme')
  expect(await allowed.text()).toBe('asking gpt-4o\n')
  expect(allowed.headers.get('x-marginwatch-action')).toBe('allow')
  exporter.decide = () => block([])
  const refused = await ask('beta')
  expect(refused.status).toBe(429)
  expect(await refused.json()).toEqual({
    error: { message: 'Your plan is used up until 1 December.', type: 'customer_budget_exceeded', retry_after: 3600 },
  })

  await new Promise((resolve) => server.close(resolve))
  await exporter.close()
})
