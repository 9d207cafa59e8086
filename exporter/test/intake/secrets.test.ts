import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { RowReader } from '../../src/ledger/ledger.ts'
import type { Json } from '../../src/sources/litellm/read.ts'
import { pushed } from '../support/litellm.ts'
import { scratch } from '../support/ledger.ts'
import { type Program, startProgram } from '../support/program.ts'
import { push } from '../support/push.ts'
import { readLedger } from '../support/sql-truth.ts'

/** One of each kind; none of them may be found anywhere afterwards. */
const SECRETS = {
  question: 'WHISPERED-QUESTION',
  answer: 'WHISPERED-ANSWER',
  key: 'sk-proj-Zx9Hidden0Key1Abcd',
  webToken: 'eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0',
  address: 'jane.doe@hidden-mail.example',
  bearer: 'hidden-bearer-0123456789',
}
const { question, answer, key, webToken, address, bearer } = SECRETS

/** What a client or a provider may have put into every place that is read or quoted. */
function tainted(id: string, change: Json = {}): Json {
  const record = pushed('hdrs')
  const metadata = record.metadata as Json
  const tool_calls = [{ function: { name: address, arguments: question } }]
  return {
    ...record,
    id,
    litellm_call_id: id,
    startTime: Date.now() / 1000,
    endTime: Date.now() / 1000 + 1,
    messages: [{ role: 'user', content: question }],
    response: { id, choices: [{ finish_reason: key, message: { role: 'assistant', content: answer, tool_calls } }] },
    call_type: address,
    custom_llm_provider: key,
    model: address,
    end_user: address,
    trace_id: key,
    session_id: address,
    model_group: key,
    requester_ip_address: address,
    request_tags: [`plan_tier:${address}`, `agent:${key}`, `operation:${webToken}`, `query_type:${address}`, address],
    metadata: {
      ...metadata,
      prompt_management_metadata: { prompt_id: key, prompt_version: address },
      user_api_key_alias: key,
      user_api_key_hash: key,
      user_api_key_user_id: address,
      user_api_key_user_email: address,
      spend_logs_metadata: { customer_id: address, note: `written by ${address}`, tools_invoked: [key, address] },
      requester_metadata: { trace_id: webToken, headers: { authorization: `Bearer ${bearer}`, cookie: webToken } },
      requester_custom_headers: { 'x-user-id': address, 'x-operation': key },
    },
    ...change,
  }
}

const said = `litellm.BadRequestError: messages=[{'role': 'user', 'content': '${question}'}] for ${address} with key ${key}, Authorization: Bearer ${bearer}`
const failure = (id: string, change: Json = {}): Json =>
  tainted(id, {
    status: 'failure',
    error_str: said,
    error_information: {
      error_class: key,
      error_code: '400',
      error_message: said,
      traceback: `File "${address}": ${question}`,
    },
    response: {},
    ...change,
  })

/** Posts good records, bad ones, and bodies that are none. Returns all that was answered. */
async function sendAll({ url }: Program): Promise<string[]> {
  const bodies = [
    JSON.stringify([tainted('a'), failure('b')]),
    JSON.stringify([
      tainted(key, { prompt_tokens: -1 }),
      failure(address, { startTime: question }),
      tainted('c', { response_cost: question }),
      tainted('d', { model: address, total_tokens: key }),
      { ...tainted('e'), id: null, litellm_call_id: null },
    ]),
    `[${JSON.stringify(tainted('f'))}, {"content": "${question}", "key": ${key}}]`,
    `[${JSON.stringify(tainted('g'))}, "${question}", ${answer}`,
    `${question} ${key}`,
  ]
  const answers = []
  for (const body of bodies) answers.push((await push(url, body, { key: bearer, headers: { 'x-note': address } })).text)
  return answers
}

async function pages({ url }: Program): Promise<string[]> {
  const paths = ['/', '/page/fragment', '/metrics', '/readyz', '/v1/sources/litellm/quarantine', `/${key}?q=${address}`]
  return Promise.all(paths.map(async (path) => (await fetch(`${url}${path}`)).text()))
}

async function files(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const found = entries.filter((entry) => entry.isFile())
  return Promise.all(
    found.map(async ({ name, parentPath }) => `${name} ${await readFile(join(parentPath, name), 'latin1')}`),
  )
}

/** Every row of every table: in the file itself the engine packs texts. */
async function tables(rows: RowReader): Promise<string[]> {
  const names = await rows("SELECT table_name AS name FROM information_schema.tables WHERE table_type = 'BASE TABLE'")
  const texts = names.map(async ({ name }) => {
    const all = await rows(`SELECT * FROM "${String(name)}"`)
    return JSON.stringify(all, (_, value) => (typeof value === 'bigint' ? String(value) : value))
  })
  return Promise.all(texts)
}

it('no prompt, answer, key or e-mail address is in any answer, page, log line or file', async () => {
  const folder = await scratch()
  const args = ['serve', '--no-demo', '--port', '0', '--data', folder.path, '--log-level', 'trace']
  let program = await startProgram({ args })
  const answers = await sendAll(program)
  // Ten good calls beside the bad ones: the test would prove nothing if they were refused.
  expect(answers[0]).toContain('"accepted":2')
  expect(answers.map((text) => /"accepted":(\d+)/.exec(text)?.[1])).toEqual(['2', '0', '1', '1', '0'])
  const shown = [...answers, ...(await pages(program)), program.output()]
  // As a crash leaves them: the write-ahead log holds texts as they are.
  await program.kill()
  shown.push(...(await files(folder.path)))
  program = await startProgram({ args })
  shown.push(...(await pages(program)))
  expect(await program.stop()).toBe(0)
  shown.push(program.output(), ...(await files(folder.path)), ...(await readLedger(folder.path, tables)))
  await folder.remove()
  expect(shown.join('')).toContain('hash:')
  for (const [what, secret] of Object.entries(SECRETS)) {
    const found = shown.filter((text) => text.includes(secret)).map((text) => around(text, secret))
    expect(found, what).toEqual([])
  }
})

function around(text: string, secret: string): string {
  const at = text.indexOf(secret)
  return text.slice(Math.max(0, at - 100), at + secret.length + 20)
}
