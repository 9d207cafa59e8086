import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { scratch } from '../support/ledger.ts'
import { type Program, runProgram, startProgram } from '../support/program.ts'
import { scrape } from '../support/scrape.ts'
import { varied } from '../support/varied.ts'

const calls = varied(5, Date.now())

let folder: Awaited<ReturnType<typeof scratch>>
let file: string
beforeEach(async () => {
  folder = await scratch()
  file = join(folder.path, 'policy.yaml')
})
afterEach(() => folder.remove())

/** The customer that a key's owner gives; a change of it shows which policy is in force. */
const policy = (owner: string, more = '') =>
  `version: 1\nserver: { port: 0 }\nattribution: { customer: [] }\napi_keys:\n  app-production: { customer: ${owner} }\n${more}`

/** As editors do: a new file in the old one's place. */
async function replaceFile(text: string): Promise<void> {
  await writeFile(`${file}.new`, text)
  await rename(`${file}.new`, file)
}

describe('a policy while the program runs', () => {
  let program: Program
  let next = 0

  beforeEach(async () => {
    await writeFile(file, policy('first'))
    const args = ['serve', '--no-demo', '--config', file, '--data', join(folder.path, 'data')]
    program = await startProgram({ args })
  })
  afterEach(() => program.kill())

  /** Sends a call and returns the customer under which it was counted. */
  async function customerNow(): Promise<string> {
    const before = await customers()
    do next++
    while (calls.record(next).metadata.user_api_key_alias !== 'app-production')
    const body = JSON.stringify(calls.record(next))
    const response = await fetch(`${program.url}/v1/sources/litellm`, { method: 'POST', body })
    expect(await response.json()).toMatchObject({ accepted: 1, refusedCount: 0 })
    const after = await customers()
    return [...after].find(([customer, n]) => n !== before.get(customer))?.[0] ?? 'none'
  }

  async function customers(): Promise<Map<string, number>> {
    const sums = new Map<string, number>()
    const { families } = await scrape(program.url)
    for (const { labels, value } of families.find(({ name }) => name === 'llm_customer_requests_total')?.samples ?? [])
      sums.set(labels.customer ?? '', (sums.get(labels.customer ?? '') ?? 0) + Number(value))
    return sums
  }

  /** Asks until the gauge has this value. */
  function reloadSuccess(value: '0' | '1'): Promise<true> {
    return eventually(`marginwatch_policy_reload_success is ${value}`, async () => {
      const { families } = await scrape(program.url)
      const [sample] = families.find(({ name }) => name === 'marginwatch_policy_reload_success')?.samples ?? []
      return sample?.value === value ? true : null
    })
  }

  function inForce(): Promise<true> {
    return eventually('a new policy is in force', () =>
      program.output().includes('a new one is in force') ? true : null,
    )
  }

  async function readyz(): Promise<{ ready: boolean; policy: { ok: boolean; problems: string[] } }> {
    const response = await fetch(`${program.url}/readyz`)
    return (await response.json()) as { ready: boolean; policy: { ok: boolean; problems: string[] } }
  }

  it('is taken up when its file was changed', async () => {
    expect(await customerNow()).toBe('first')
    await replaceFile(policy('second'))
    await inForce()
    expect(await customerNow()).toBe('second')
    await reloadSuccess('1')
  })

  it('is taken up on SIGHUP, and one that did not change does no harm', async () => {
    program.signal('SIGHUP')
    await replaceFile(policy('second'))
    program.signal('SIGHUP')
    await inForce()
    expect(await customerNow()).toBe('second')
  })

  it('is read again on SIGHUP, where nothing but the signal asks for it', async () => {
    await replaceFile(policy('second', 'sesions: {}\n'))
    await eventually('it was refused', () => (program.output().includes('policy refused') ? true : null))
    program.signal('SIGHUP')
    await eventually('it was refused a second time', () =>
      /policy refused[\s\S]*policy refused/.test(program.output()) ? true : null,
    )
    expect(await customerNow()).toBe('first')
  })

  it('stays as it was when the file has a mistake, says so everywhere, and is taken up when it is mended', async () => {
    await reloadSuccess('1')
    await replaceFile(policy('second', 'sessions: { idle: 30 }\n'))
    await reloadSuccess('0')
    expect(await customerNow()).toBe('first')
    const problem = `${file}:6:19: sessions.idle: found "30", expected a duration from 1m to 7d in ms, s, m, h, d or w, e.g. 30m`
    expect(await readyz()).toMatchObject({ ready: true, policy: { ok: false, problems: [problem] } })
    expect(program.output()).toContain('policy refused; the one before stays in force')
    await replaceFile(policy('third'))
    await reloadSuccess('1')
    expect(await customerNow()).toBe('third')
    expect(await readyz()).toMatchObject({ ready: true, policy: { ok: true, problems: [] } })
  })
})

describe('marginwatch check', () => {
  it('says what a good file means, and exits with 0', async () => {
    await writeFile(file, policy('first'))
    const { code, stdout, stderr } = await runProgram({ args: ['check', file] })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(new RegExp(`^${file}: good\n`))
    expect(stdout).toContain('1 API key with an owner')
  })

  it('names every mistake of a bad file, a line each, and exits with 1', async () => {
    await writeFile(file, policy('first', 'sesions: {}\nmetrics: { customers: many }\n'))
    const { code, stdout, stderr } = await runProgram({ args: ['check', file] })
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    expect(stdout.split('\n').map((line) => line.replace(file, 'p').slice(0, 60))).toEqual([
      expect.stringMatching(/^p:6:1: sesions: unknown key; did you mean sessions\?/),
      expect.stringMatching(/^p:7:23: metrics\.customers: found "many", expected/),
      '',
    ])
  })
})
