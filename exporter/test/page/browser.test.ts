import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { nano } from '@marginwatch/pricing'
import type { Browser, BrowserContextOptions, Page, Route } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { securityHeaders } from '../../src/http/headers.ts'
import { bearerKey } from '../../src/http/keys.ts'
import { notFound } from '../../src/http/problem.ts'
import type { Listening } from '../../src/http/server.ts'
import type { PageModel } from '../../src/views/page/model.ts'
import { pageRouter } from '../../src/views/page/router.ts'
import { describeWith } from '../support/installed.ts'
import { launch } from './chromium.ts'
import { EMPTY, FULL, TROUBLED } from './models.ts'
import { serve } from '../support/http.ts'

const PHONE = { width: 375, height: 812 }
const DESK = { width: 1280, height: 900 }

const FAINT_TEXTS = new URL('./faint-texts.js', import.meta.url)

describeWith(['chromium'], 'the page in a browser', ([path]) => {
  let browser: Browser
  let server: Listening
  let model: PageModel
  let key: string | null
  let complaints: string[]
  /** A folder for pictures of the page, to be looked at; none are taken without it. */
  let pictures: string | undefined

  beforeAll(async () => {
    browser = await launch(path)
    pictures = process.env.PICTURES
  })
  afterAll(() => browser?.close())

  beforeEach(async () => {
    model = FULL
    key = null
    complaints = []
    server = await serve((app) => {
      app.use(securityHeaders)
      app.use(
        bearerKey({
          keys: () => ({ reader: key, ingest: null, gateway: null, admin: null }),
          role: 'reader',
          loopback: true,
        }),
      )
      app.use(pageRouter({ read: () => model }))
      app.use(notFound)
    })
  })
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close()
    await server.close()
  })

  async function open(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await browser.newContext({ viewport: DESK, ...options })
    const page = await context.newPage()
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
    })
    page.on('pageerror', (error) => complaints.push(String(error)))
    await page.addInitScript(
      "document.addEventListener('securitypolicyviolation', (event) => console.error('CSP: ' + event.violatedDirective))",
    )
    await page.goto(server.url)
    return page
  }

  const big = (page: Page) => page.locator('.tile:not(.margin) .big').first()
  const spent = (today: string): PageModel => ({ ...model, spend: { ...model.spend, today: nano(today) } })

  /** Resolves with the next answer to a question for the changing part. */
  const asked = (page: Page) => page.waitForResponse((answer) => answer.url().endsWith('/page/fragment'))

  test.each<[string, PageModel, BrowserContextOptions]>([
    ['full-light', FULL, { colorScheme: 'light' }],
    ['full-dark', FULL, { colorScheme: 'dark' }],
    ['full-phone', FULL, { viewport: PHONE }],
    ['full-laptop', FULL, { viewport: { width: 1160, height: 800 } }],
    ['full-narrow', FULL, { viewport: { width: 960, height: 800 } }],
    ['full-tablet', FULL, { viewport: { width: 800, height: 1100 } }],
    ['full-wide', FULL, { viewport: { width: 1600, height: 1000 } }],
    ['trouble-laptop', TROUBLED, { viewport: { width: 1160, height: 800 } }],
    ['trouble-light', TROUBLED, { colorScheme: 'light' }],
    ['trouble-dark-phone', TROUBLED, { colorScheme: 'dark', viewport: PHONE }],
    ['empty-light', EMPTY, { colorScheme: 'light' }],
    ['empty-phone', EMPTY, { viewport: PHONE }],
  ])('%s is drawn without a complaint, and nothing is cut off at its side', async (picture, shown, options) => {
    model = shown
    const page = await open(options)
    await page.getByText('live', { exact: true }).waitFor()
    if (pictures) await page.screenshot({ path: join(pictures, `${picture}.png`), fullPage: true })
    // The tables that are open, and the page itself.
    const wider = await page.evaluate(`[document.documentElement, ...document.querySelectorAll('.scroll')]
        .filter((element) => element.checkVisibility() && element.scrollWidth > element.clientWidth)
        .map((element) => element.textContent.slice(0, 60))`)
    expect(wider).toEqual([])
    expect(complaints).toEqual([])
  })

  test('numbers change when the model does, in place: scroll, focus and opened details stay', async () => {
    const page = await open({ viewport: { width: 1280, height: 400 } })
    expect(await big(page).textContent()).toBe('$412.74')
    await page.locator('details summary').click()
    await page.locator('#customers .scroll').focus()
    await page.evaluate('window.scrollTo(0, 300)')
    model = spent('413.5')
    await page.getByText('$413.50').waitFor()
    const state = await page.evaluate(`({
      scroll: window.scrollY,
      focus: document.activeElement.getAttribute('aria-labelledby'),
      open: document.querySelector('details').open,
    })`)
    expect(state).toEqual({ scroll: 300, focus: 'h-customers', open: true })
    expect(complaints).toEqual([])
  })

  test('an unchanged model is answered with 304 and leaves the page untouched', async () => {
    const page = await open()
    await asked(page)
    await page.evaluate(`new MutationObserver(() => { document.title = 'changed' }).observe(
      document.getElementById('main'), { subtree: true, childList: true, attributes: true, characterData: true })`)
    expect((await asked(page)).status()).toBe(304)
    expect((await asked(page)).status()).toBe(304)
    expect(await page.title()).toBe('Marginwatch')
  })

  test('rows that come, go and change places are those of the model', async () => {
    const page = await open()
    const rows = page.locator('#customers tbody th')
    const [first, second, ...rest] = model.topCustomers
    model = { ...model, topCustomers: [second, first, rest[2]].filter((row) => row !== undefined) }
    await rows.nth(3).waitFor({ state: 'detached' })
    expect(await rows.allTextContents()).toEqual(model.topCustomers.map((row) => row.customer))
    model = EMPTY
    await page.getByText('Nothing has arrived yet').waitFor()
    model = FULL
    await rows.nth(9).waitFor()
    expect(await page.locator('.tile').count()).toBe(5)
    expect(complaints).toEqual([])
  })

  test('a name that is markup is shown as text and does nothing', async () => {
    const hostile = '"><img src=x onerror="document.title=1">'
    model = { ...FULL, topCustomers: [{ customer: hostile, tier: hostile, month: 1n, calls: 1, price: null }] }
    const page = await open()
    await asked(page)
    expect(await page.locator('#customers tbody th bdi').getAttribute('title')).toBe(hostile)
    expect(await page.locator('main img').count()).toBe(0)
    expect(complaints).toEqual([])
  })

  test('when the exporter is gone the page says so and keeps the last numbers, and recovers', async () => {
    const page = await open()
    await asked(page)
    await page.route('**/page/fragment', (route) => route.abort())
    await page.getByText('connection lost').waitFor()
    expect(await big(page).textContent()).toBe('$412.74')
    await page.unroute('**/page/fragment')
    await page.getByText('live', { exact: true }).waitFor()
  })

  test('a new version of the program makes the page load anew', async () => {
    const page = await open()
    await asked(page)
    const changed = async (route: Route) => {
      const answer = await route.fetch()
      await route.fulfill({
        response: answer,
        headers: { ...answer.headers(), 'page-script': '/page/page.other.js' },
      })
    }
    await page.route('**/page/fragment', changed, { times: 1 })
    await page.waitForEvent('load')
  })

  test('a hidden page asks nothing, and at once when it is shown again', async () => {
    const page = await open()
    await asked(page)
    const show = (hidden: boolean) =>
      page.evaluate(`Object.defineProperty(document, 'hidden', { configurable: true, get: () => ${hidden} })
        document.dispatchEvent(new Event('visibilitychange'))`)
    await show(true)
    let questions = 0
    page.on('request', () => {
      questions += 1
    })
    // Longer than the page waits between two questions, told by the browser's own clock.
    await page.evaluate('new Promise((resolve) => setTimeout(resolve, 2500))')
    expect(questions).toBe(0)
    const next = asked(page)
    await show(false)
    await next
  })

  test('without scripts the numbers are there and the page loads itself anew', async () => {
    const page = await open({ javaScriptEnabled: false })
    expect(await big(page).textContent()).toBe('$412.74')
    expect(await page.locator('noscript meta[http-equiv="refresh"]').count()).toBe(1)
  })

  test('a page that needs a key opens with it as the password of any user, and goes on asking with it', async () => {
    key = 'read-me'
    const page = await open({ httpCredentials: { username: 'me', password: 'read-me' } })
    model = spent('500.25')
    await page.getByText('$500.25').waitFor()
    key = 'changed'
    await page.getByText('key no longer accepted').waitFor()
  })

  test.each(['light', 'dark'] as const)(
    'text is at least 4.5 times lighter or darker than its ground (%s)',
    async (colorScheme) => {
      model = TROUBLED
      const page = await open({ colorScheme })
      const look = () => page.evaluate<{ checked: number; faint: string[] }>(readFileSync(FAINT_TEXTS, 'utf8'))
      const troubled = await look()
      expect(troubled.faint).toEqual([])
      expect(troubled.checked).toBeGreaterThan(100)
      model = EMPTY
      await page.getByText('Nothing has arrived yet').waitFor()
      expect((await look()).faint).toEqual([])
    },
  )
})
