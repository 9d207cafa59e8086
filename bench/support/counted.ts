import type { Client } from './client.ts'
import { total } from './page.ts'

const PATIENCE_MS = 30_000

/** Calls that the program counts on `/metrics`, of the series whose labels hold a text. */
export async function counted(client: Client, label = ''): Promise<number> {
  const page = await client.get('/metrics')
  return total(page.toString('utf8'), 'llm_requests_total', label)
}

/** Asks for the page again and again until it counts something else than `before`. Rejects when that takes too long. */
export async function untilCounted(client: Client, before: number, label = ''): Promise<void> {
  const began = performance.now()
  while ((await counted(client, label)) === before) {
    if (performance.now() - began > PATIENCE_MS)
      throw new Error(`a call was not on the page after ${PATIENCE_MS / 1_000} s`)
  }
}
