// Floods the built ledger and its view with names that nobody foresaw, in a process of its own, so that its memory can be
// measured. Arguments: a folder, how many customers. Prints a line of JSON; leaves the last page of metrics in the folder.
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openPriceBook } from '@marginwatch/pricing'
import { createCalendar } from '../../dist/calendar.js'
import { LABEL_BOUNDS } from '../../dist/catalogue.js'
import { openDuckdbLedger } from '../../dist/ledger/duckdb/open.js'
import { readPolicy } from '../../dist/policy/read.js'
import { contextOf } from '../../dist/sources/litellm/context.js'
import { readPushed } from '../../dist/sources/litellm/pushed.js'
import { capture } from '../../dist/views/metrics/capture.js'
import { HISTOGRAM_SPECS } from '../../dist/views/metrics/distributions.js'
import { createWriter } from '../../dist/views/metrics/exposition.js'
import { openLedgerView } from '../../dist/views/metrics/ledger-view.js'

const [folder, customers] = [process.argv[2], Number(process.argv[3])]
const MODELS = 5_000
const BATCH = 1_000
const NOW = Date.UTC(2026, 10, 18, 12)
const now = () => NOW

const hash = (text) => createHash('sha256').update(text).digest('base64url')
const { policy } = readPolicy('version: 1\n', { file: 'policy', env: {} })
const prices = openPriceBook({})
const context = contextOf({ policy: () => policy, prices: () => prices, now, hash })

/** What may stand in a name: each kind with a number, so that no two are the same. */
const JUNK = [
  (n) => `ünïcödé 模型 🙂 ${n}`,
  (n) => `"quoted" \\ {x="${n}"} # EOF`,
  (n) => `line\nfeed\r\ttab\u0000null\u001fseparator\u2028${n}`,
  (n) => `\ud800half a character ${n}`,
  (n) => `\u202eright to left ${n}`,
  (n) => `</script><script>alert(${n})</script>`,
  (n) => `' OR 1=1; DROP TABLE event; -- ${n}`,
  (n) => `plain-${n}`,
]
/** Names that mean something here, or to the language. */
const SPECIAL = ['other', 'unknown', 'unattributed', '__proto__', 'constructor', 'None', '']

function junk(n, salt) {
  if (n % 50 === salt % 50) return SPECIAL[n % SPECIAL.length]
  if (n % 31 === salt % 31) return `${'x'.repeat(10_000)}${n}`
  return JUNK[(n + salt) % JUNK.length](n)
}

/** Numbers without a pattern, the same in each run. */
const mixed = (n, salt) => Math.imul((n + 1) * 2654435761 + salt * 40503, 2246822519) >>> 0

const modelOf = (n) => junk(mixed(n, 2) % MODELS, 1)

function recordOf(n) {
  const failed = n % 17 === 0
  const nanos = mixed(n, 1) % 2_000_000_000
  const model = modelOf(n)
  const record = {
    id: `answer-${n}`,
    litellm_call_id: `call-${n}`,
    status: failed ? 'failure' : 'success',
    call_type: 'acompletion',
    startTime: (NOW - (n % 3_600_000)) / 1000,
    endTime: (NOW - (n % 3_600_000) + 900) / 1000,
    model: model === '' ? 'm' : model,
    custom_llm_provider: junk(mixed(n, 3) % 300, 2),
    end_user: junk(n, 3),
    trace_id: junk(n, 4),
    request_tags: [
      `plan_tier:${junk(mixed(n, 5) % 100, 5)}`,
      `operation:${junk(mixed(n, 6) % 1000, 6)}`,
      `query_type:${junk(mixed(n, 7) % 500, 7)}`,
      `environment:${junk(mixed(n, 8) % 100, 8)}`,
      `agent:${junk(mixed(n, 9) % 1000, 9)}`,
      `user_id:${junk(n, 10)}`,
      `session_id:${junk(n, 11)}`,
    ],
    prompt_tokens: failed ? 0 : 10 + (n % 1000),
    completion_tokens: failed ? 0 : n % 300,
    response_cost: failed ? 0 : nanos / 1e9,
    error_information: failed ? { error_class: junk(mixed(n, 12) % 500, 12), error_message: junk(n, 13) } : {},
    // Names that got series of their own, so that it is their combinations that are too many.
    model_group: modelOf(mixed(n, 17) % 100),
    metadata: {
      user_api_key_alias: junk(n, 14),
      requester_metadata: { [junk(n, 15)]: junk(n, 16) },
      original_model_group: modelOf(mixed(mixed(n, 18) >>> 7, 19) % 100),
      attempted_fallbacks: n % 3,
    },
  }
  return { record, nanos: failed ? 0 : nanos }
}

/** A try that failed before the call of this number was answered. */
function attemptOf(n) {
  const { record } = recordOf(n * 17)
  return { ...record, marginwatch: 1, kind: 'attempt', n: 1, litellm_call_id: `call-${n}` }
}

async function openAll() {
  const calendar = createCalendar('UTC')
  const ledger = await openDuckdbLedger({
    file: join(folder, 'ledger.duckdb'),
    calendar,
    bounds: LABEL_BOUNDS,
    customerIdleMs: policy.metrics.customerIdleMs,
    dedupeWindowMs: policy.ledger.dedupeWindowMs,
    histograms: HISTOGRAM_SPECS,
    now,
    delayMs: 0,
  })
  return { calendar, ledger, view: await openLedgerView(ledger, calendar, now, () => false) }
}

async function pageOf(view, writer) {
  const slices = []
  const onFault = (_, error) => {
    throw error
  }
  const families = Array.from(view.collect(), capture)
  for await (const slice of writer.render(families, { format: 'text', onFault })) slices.push(slice)
  return Buffer.concat(slices).toString()
}

/** After everything that can be collected was. */
async function memory() {
  for (let i = 0; i < 2; i++) {
    globalThis.gc()
    await new Promise(setImmediate)
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  return { heap: heapUsed, external, rss }
}

const { calendar, ledger, view } = await openAll()
const writer = createWriter()
let cost = 0n
let calls = 0
/** What was used after each five thousand calls, from when what is bounded is full. */
const memories = []

async function flood(from, to) {
  for (let start = from; start < to; start += BATCH) {
    const batch = []
    for (let n = start; n < Math.min(start + BATCH, to); n++) {
      const { record, nanos } = recordOf(n)
      const { usage, fallback } = readPushed(record, context)
      batch.push(usage)
      if (fallback !== null) batch.push(fallback)
      if (n % 5 === 0) batch.push(readPushed(attemptOf(n), context))
      cost += BigInt(nanos)
      calls++
    }
    const receipt = await ledger.append(batch)
    if (receipt.accepted !== batch.length) throw new Error(`accepted ${receipt.accepted} of ${batch.length}`)
    // As if somebody scraped now and then.
    if (start % (25 * BATCH) === 0) await pageOf(view, writer)
    if (calls > 0.4 * customers && calls % (5 * BATCH) === 0) memories.push({ calls, ...(await memory()) })
  }
}

await flood(0, customers)
const page = await pageOf(view, writer)
writeFileSync(join(folder, 'page'), page)

const fresh = await openLedgerView(ledger, calendar, now, () => false)
const again = await pageOf(fresh, createWriter())
const [sum] = (
  await ledger.snapshot((rows) =>
    rows('SELECT count(*) AS calls, sum(cost)::HUGEINT AS cost, count(DISTINCT customer) AS customers FROM event'),
  )
).state
await fresh.close()
await view.close()
await ledger.close()
const sameFromSnapshot = page.split('\n').sort().join('\n') === again.split('\n').sort().join('\n')
const report = {
  calls,
  cost: String(cost),
  sql: { calls: Number(sum.calls), cost: String(sum.cost), customers: Number(sum.customers) },
  memories,
  sameFromSnapshot,
}
process.stdout.write(`${JSON.stringify(report)}\n`)
