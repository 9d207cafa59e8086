import { nano } from '@marginwatch/pricing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FULL } from '../../../test/page/models.ts'
import { ask, serve } from '../../../test/support/http.ts'
import type { Listening } from '../../http/server.ts'
import type { PageModel } from './model.ts'
import { pageRouter } from './router.ts'

let server: Listening
let model: PageModel

beforeEach(async () => {
  model = FULL
  server = await serve((app) => app.use(pageRouter({ read: () => model })))
})
afterEach(() => server.close())

test('the page is HTML, whole, and never cached', async () => {
  const got = await ask(server, '/')
  expect(got.status).toBe(200)
  expect(got.headers['content-type']).toBe('text/html; charset=utf-8')
  expect(got.headers['cache-control']).toBe('no-store')
  expect(got.body).toMatch(/^<!doctype html>[\s\S]*<\/html>\n$/)
})

test('all that the page loads comes from here, with its type, to be kept for ever', async () => {
  const links = [...(await ask(server, '/')).body.matchAll(/(?:href|src)="(\/page\/[^"]+)"/g)].map(
    (match) => match[1] ?? '',
  )
  expect(new Set(links.map((link) => link.split('.').at(-1)))).toEqual(new Set(['svg', 'css', 'js']))
  const types = { svg: 'image/svg+xml', css: 'text/css; charset=utf-8', js: 'text/javascript; charset=utf-8' }
  for (const link of links) {
    const got = await ask(server, link)
    expect(got.status).toBe(200)
    expect(Object.values(types)).toContain(got.headers['content-type'])
    expect(got.headers['cache-control']).toContain('immutable')
    expect(got.body.length).toBeGreaterThan(100)
  }
})

test('the fragment is what stands in the page', async () => {
  const fragment = (await ask(server, '/page/fragment')).body
  expect((await ask(server, '/')).body).toContain(`<main id="main">\n${fragment}</main>`)
})

test('an unchanged fragment is not sent again, and its time is', async () => {
  const first = await ask(server, '/page/fragment')
  const tag = String(first.headers.etag)
  model = { ...model, now: model.now + 2000 }
  // A browser's fetch with a tag of its own says that it will have nothing from a cache.
  const headers = { 'if-none-match': tag, 'cache-control': 'no-cache' }
  const second = await ask(server, '/page/fragment', { headers })
  expect(second).toMatchObject({ status: 304, body: '' })
  expect(second.headers['as-of']).toBe('22 Nov 2026, 14:02:33 UTC')
  model = { ...model, spend: { ...model.spend, today: nano('1') } }
  const third = await ask(server, '/page/fragment', { headers })
  expect(third.status).toBe(200)
  expect(third.headers.etag).not.toBe(tag)
})

test('a fragment names the script that can draw it', async () => {
  const { headers } = await ask(server, '/page/fragment')
  expect((await ask(server, '/')).body).toContain(`<script src="${headers['page-script']}"`)
})

test('nothing here can be changed', async () => {
  for (const path of ['/', '/page/fragment']) {
    expect(await ask(server, path, { method: 'POST' })).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } })
    expect(await ask(server, path, { method: 'HEAD' })).toMatchObject({ status: 200, body: '' })
  }
})
