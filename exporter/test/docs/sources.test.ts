import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pino } from 'pino'
import { type App, startApp } from '../../src/app.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { readPolicy } from '../../src/policy/read.ts'
import { readReport } from '../../src/sources/litellm/gateway-report.ts'
import { scratch } from '../support/ledger.ts'
import { blocks, listed, read, tableRows } from './pages.ts'

const PAGE = read('docs/sources.md')
const NOW = Date.parse('2026-11-22T12:45:33.229Z')
const KEYS = { reader: 'read-me', ingest: 'feed-me' }
const ENV = { MARGINWATCH_READER_KEY: KEYS.reader, MARGINWATCH_INGEST_KEY: KEYS.ingest }

/** Rows of the page's table of endpoints. */
const ENDPOINTS = tableRows(PAGE).flatMap(([address = '', key = '']) => {
  const [, method = '', path = ''] = /^`(GET|POST) (\/\S*)`$/.exec(address) ?? []
  return path === '' ? [] : [{ method, path, role: key.replaceAll('`', '') }]
})
const ENDPOINT_EXAMPLES = PAGE.slice(PAGE.indexOf('## Endpoints'))
const [INPUT = '', ...OUTPUTS] = blocks(ENDPOINT_EXAMPLES, 'json')
const [ACCEPTED, AGAIN, BROKEN, QUARANTINE, READY, NO_KEY] = OUTPUTS.map((text): unknown => JSON.parse(text))

function documentedPolicy(): Policy {
  const [yaml = ''] = blocks(ENDPOINT_EXAMPLES, 'yaml')
  const { policy } = readPolicy(yaml, { file: 'docs/sources.md', env: ENV })
  if (!policy) throw new Error('the policy of docs/sources.md is not good')
  return { ...policy, server: { ...policy.server, port: 0 } }
}

describe('docs/sources.md', () => {
  let app: App
  let folder: Awaited<ReturnType<typeof scratch>>

  beforeAll(async () => {
    folder = await scratch()
    const policy = documentedPolicy()
    app = await startApp({
      policy: { current: () => policy, lastReload: () => ({ ok: true, problems: [] }), onChange: () => undefined },
      directory: folder.path,
      demo: false,
      log: pino({ level: 'silent' }),
      now: () => NOW,
      random: () => 0.5,
      sleep: (ms, signal) => delay(ms, undefined, { signal }).catch(() => undefined),
    })
  })
  afterAll(async () => {
    await app.close()
    await folder.remove()
  })

  async function ask(path: string, key: string | null, body?: string) {
    const answer = await fetch(`${app.url}${path}`, {
      headers: key === null ? {} : { Authorization: `Bearer ${key}` },
      ...(body === undefined ? {} : { method: 'POST', body }),
    })
    return { status: answer.status, text: await answer.text() }
  }
  const post = async (body: string) => {
    const { status, text } = await ask('/v1/sources/litellm', KEYS.ingest, body)
    return { status, body: JSON.parse(text) as unknown }
  }

  test('answers its examples as it says, in their order', async () => {
    expect(await post(INPUT)).toEqual({ status: 200, body: ACCEPTED })
    expect(JSON.parse((await ask('/v1/sources/litellm/quarantine', KEYS.ingest)).text)).toEqual(QUARANTINE)
    expect(JSON.parse((await ask('/readyz', KEYS.reader)).text)).toEqual(READY)
    expect(await post(INPUT)).toEqual({ status: 200, body: AGAIN })
    const shown = (await ask('/metrics', KEYS.reader)).text.split('\n')
    const [lines = ''] = blocks(ENDPOINT_EXAMPLES, 'text')
    expect(lines.trim().split('\n')).toSatisfy((expected: string[]) => expected.every((line) => shown.includes(line)))
    const { position } = BROKEN as { position: { offset: number } }
    expect(await post(INPUT.slice(0, position.offset))).toEqual({ status: 400, body: BROKEN })
  })

  test.each(ENDPOINTS)('names for $method $path the key that it needs', async ({ method, path, role }) => {
    const body = method === 'POST' ? { body: '[]' } : {}
    const bare = await ask(path, null, body.body)
    if (role === 'none') expect(bare.status).toBe(200)
    else {
      expect(bare.status).toBe(401)
      expect((await ask(path, KEYS[role as keyof typeof KEYS], body.body)).status).toBe(200)
    }
    if (path === '/metrics') expect(JSON.parse(bare.text)).toEqual(NO_KEY)
  })

  test('names, with docs/budgets.md and docs/roster.md, every address that the program has', () => {
    const others = ['docs/budgets.md', 'docs/roster.md'].flatMap((page) =>
      [...read(page).matchAll(/^\| `(?:GET|POST|PUT|DELETE) (\/\S+)`/gm)].map(([, path = '']) => path),
    )
    expect(routes()).toEqual([...new Set([...ENDPOINTS.map(({ path }) => path), ...others])].sort())
  })
})

test('docs/sources.md shows a header of the gateway that is understood', () => {
  const [header = ''] = blocks(PAGE.slice(PAGE.indexOf('**What the gateway says of itself**')), 'json')
  expect(readReport(header.replaceAll('\n', ''))).toMatchObject({ events: 12, oldest: 1795351531500 })
})

/** The addresses that the sources of the program give to express, constants put in. */
function routes(): string[] {
  const found = new Set<string>()
  for (const file of listed('exporter/src/*.ts', 'exporter/src/**/*.ts')) {
    if (file.endsWith('.test.ts')) continue
    const text = read(file)
    const constants = new Map(
      [...text.matchAll(/^const (\w+) = '(\/[^']*)'$/gm)].map(([, name = '', value = '']) => [name, value]),
    )
    const written =
      /\b(?:router|Router\(\))\s*\.(?:get|post|put|patch|delete|route)\(\s*(?:['`]([^'`]+)['`]|([A-Z]\w*))/g
    for (const [, literal, constant = ''] of text.matchAll(written)) {
      found.add(
        literal?.replace(/\$\{(\w+)\}/g, (_, name) => constants.get(name) ?? '') ?? constants.get(constant) ?? '',
      )
    }
  }
  return [...found].sort()
}
