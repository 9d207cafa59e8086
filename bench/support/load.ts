/**
 * A gateway under load, in a process of its own: posts LiteLLM's records without texts to the program, so many a second. Started by `startLoad`
 * as `load.js URL RATE`.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { createClient } from './client.ts'
import { createRecords } from './records.ts'

const INTAKE = '/v1/sources/litellm'
const TICK = 20

const [url = '', rate = '0'] = process.argv.slice(2)
const client = createClient(url)
const records = createRecords({ slim: true })
process.once('disconnect', () => process.exit(0))
const begun = performance.now()
process.send?.('posting')
for (let given = 0; ; ) {
  const due = Math.floor(((performance.now() - begun) * Number(rate)) / 1000) - given
  given += due
  // One request at a time, as LiteLLM's callback does; a late one is larger.
  if (due > 0) await client.post(INTAKE, records.body(due)).catch(() => undefined)
  await delay(TICK)
}
