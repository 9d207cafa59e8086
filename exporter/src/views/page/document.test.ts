import { nano } from '@marginwatch/pricing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { EMPTY, FULL, TROUBLED } from '../../../test/page/models.ts'
import { type BudgetsModel, NO_BUDGETS } from './budget-model.ts'
import { renderFragment, renderPage } from './document.ts'
import { gatewayVariables } from './empty.ts'
import { NO_MARGIN } from './margin-model.ts'
import type { PageModel } from './model.ts'

const LINKS = { style: '/page/page.1.css', script: '/page/page.2.js', icon: '/page/icon.3.svg' }

/** Text of the cells of the table under an id, row by row. */
function rows(text: string, id: string): string[][] {
  const section = new RegExp(`<section [^>]*id="${id}">([\\s\\S]*?)</section>`).exec(text)?.[1] ?? ''
  const body = /<tbody>([\s\S]*)<\/tbody>/.exec(section)?.[1] ?? ''
  return [...body.matchAll(/<tr>([\s\S]*?)<\/tr>/g)].map((row) =>
    [...(row[1] ?? '').matchAll(/<t[hd][^>]*>([\s\S]*?)<\/t[hd]>/g)].map((cell) =>
      (cell[1] ?? '').replace(/<[^>]*>/g, ''),
    ),
  )
}

describe('the page', () => {
  test('shows spend of today, of the week and of the month', () => {
    const text = renderFragment(FULL)
    for (const amount of ['$412.74', '$3,108.22', '$11,964.06', '18,204 calls', '$598.45', '$14,210.99'])
      expect(text).toContain(amount)
  })

  test('shows tiers, models, customers and sessions in the order of the model', () => {
    const text = renderFragment(FULL)
    expect(rows(text, 'tiers').map((row) => row[0])).toEqual(['free', 'pro', 'enterprise'])
    expect(rows(text, 'models')[0]).toEqual([
      'claude-sonnet-4-5',
      'anthropic',
      '$5,210.11',
      '43.5%',
      '120,444',
      '1.21B',
    ])
    expect(rows(text, 'customers')[0]).toEqual([
      'northwind-logistics',
      'enterprise',
      '$2,204.12',
      '$2,000.00',
      '110.2%',
      '40,113',
    ])
    expect(rows(text, 'sessions')[1]).toEqual(['refactor-billing-1', 'globex', '$0.4488', '373', '11:52', '13:51'])
  })

  test('shows ten customers and ten sessions, however many there are', () => {
    const twice: PageModel = {
      ...FULL,
      topCustomers: [...FULL.topCustomers, ...FULL.topCustomers],
      topSessions: [...FULL.topSessions, ...FULL.topSessions],
    }
    expect(rows(renderFragment(twice), 'customers')).toHaveLength(10)
    expect(rows(renderFragment(twice), 'sessions')).toHaveLength(10)
  })

  test('marks a customer only once it has cost more than it pays', () => {
    const pays = (month: string, price: string | null) =>
      renderFragment({
        ...FULL,
        margin: NO_MARGIN,
        topCustomers: [
          { customer: 'a', tier: null, month: nano(month), calls: 1, price: price === null ? null : nano(price) },
        ],
      })
    expect(pays('49.000000001', '49')).toContain('class="bad"')
    expect(pays('49', '49')).not.toContain('class="bad"')
    expect(rows(pays('5', null), 'customers')[0]?.slice(3, 5)).toEqual(['–', '–'])
    expect(rows(pays('5', '0'), 'customers')[0]?.slice(3, 5)).toEqual(['$0.00', 'free'])
  })

  test('says how many customers are assumed from traffic, and nothing where none is', () => {
    const heading = (assumed: number) => {
      const roster = { customers: 64, assumed, leftOut: 0, notes: [] }
      return /<h2 id="h-customers">[\s\S]*?<\/h2>/.exec(renderFragment({ ...FULL, roster }))?.[0]
    }
    expect(heading(6)).toContain('this month · 6 of 64 customers assumed from traffic')
    expect(heading(0)).toContain('<small>this month</small>')
  })

  test('is well formed in each state: what opens closes, in order', () => {
    for (const model of [EMPTY, FULL, TROUBLED]) expect(unbalanced(renderPage(model, LINKS))).toEqual([])
  })

  test('has one main, labelled sections, and heads for each column and row', () => {
    const text = renderPage(FULL, LINKS)
    for (const once of ['<header>', '<main ', '<footer>', '<h1>']) expect(text.split(once)).toHaveLength(2)
    for (const [table] of text.matchAll(/<table>[\s\S]*?<\/table>/g)) {
      expect(table).not.toMatch(/<th(?! scope="(col|row)")[ >]/)
      expect(table.match(/<tr>/g)?.length).toBe((table.match(/<tr><th scope="(row|col)"/g) ?? []).length)
    }
    for (const [, id] of text.matchAll(/aria-labelledby="([^"]+)"/g)) expect(text).toContain(`id="${id}"`)
    const ids = [...text.matchAll(/ id="([^"]+)"/g)].map((match) => match[1])
    expect(new Set(ids).size).toBe(ids.length)
  })

  test('brings no style, script or handler of its own, so that the policy need not allow any', () => {
    const text = renderPage(TROUBLED, LINKS)
    expect(text).not.toMatch(/ style=| on[a-z]+=|<style|javascript:/)
    expect(text.match(/<script[^>]*>/g)).toEqual([`<script src="${LINKS.script}" defer>`])
    expect(text).not.toMatch(/(src|href)="(?!\/)/)
  })

  test('is the same text for the same model at another second, so that it need not be sent again', () => {
    expect(renderFragment({ ...FULL, now: FULL.now + 1000 })).toBe(renderFragment(FULL))
  })
})

describe('what is not known', () => {
  test('is a dash in every place, never a zero', () => {
    const text = renderFragment({
      ...FULL,
      spend: EMPTY.spend,
      byTier: [{ tier: null, today: null, month: null, calls: null, customers: null }],
      byModel: [{ model: null, provider: null, month: null, share: null, calls: null, tokens: null }],
    })
    expect(rows(text, 'tiers')).toEqual([['no tier', '–', '–', '–', '–']])
    expect(rows(text, 'models')).toEqual([['unknown', '–', 'unpriced', '–', '–', '–']])
    expect(text.match(/<p class="big">–<\/p>/g)).toHaveLength(3)
    expect(/<section class="tiles[\s\S]*?<\/section>/.exec(text)?.[0]).not.toContain('$0')
  })

  test('is told apart from a true zero', () => {
    const text = renderFragment({ ...FULL, spend: { ...FULL.spend, today: 0n, todayCalls: 0 } })
    expect(text).toContain('$0.00</data>')
    expect(text).toContain('0 calls')
  })
})

describe('the chart', () => {
  const bars = (text: string) => [
    ...text.matchAll(/<rect class="(t\d)" x="(\d+)" y="([\d.]+)" width="8" height="([\d.]+)"\/>/g),
  ]

  test('draws a bar a day and tier, stacked from the ground, none above the top', () => {
    const drawn = bars(renderFragment(FULL))
    expect(drawn).toHaveLength(30 * 3)
    for (const day of new Set(drawn.map((bar) => bar[2]))) {
      let ground = 100
      for (const [, , , y, height] of drawn.filter((bar) => bar[2] === day)) {
        expect(Number(y) + Number(height)).toBeCloseTo(ground, 2)
        ground = Number(y)
      }
      expect(ground).toBeGreaterThanOrEqual(0)
    }
  })

  test('gives each tier the colour of its place, wherever it is named', () => {
    const text = renderFragment(FULL)
    expect(text.match(/class="key t1"><\/span><bdi>pro</g)?.length).toBeGreaterThan(3)
    expect(text).not.toMatch(/class="key t1"><\/span><bdi>(?!pro)/)
  })

  test('has one colour for all tiers beyond the eighth', () => {
    const byTier = Array.from({ length: 12 }, (_, i) => ({
      tier: `tier ${i}`,
      today: 1n,
      month: 1n,
      calls: 1,
      customers: 1,
    }))
    const cost = new Map(byTier.map((row) => [row.tier, nano('1')]))
    expect(bars(renderFragment({ ...FULL, byTier, days: [{ date: '2026-11-22', cost }] })).at(-1)?.[1]).toBe('t7')
  })

  test('is left out when no day has a cost', () => {
    const days = [{ date: '2026-11-22', cost: new Map([['pro', 0n]]) }]
    expect(renderFragment({ ...FULL, days })).not.toContain('<svg viewBox="0 0 10')
  })

  test('draws nothing below the ground for a day whose corrections exceed its cost', () => {
    const days = [
      { date: '2026-11-21', cost: new Map([['pro', nano('-3')]]) },
      { date: '2026-11-22', cost: new Map([['pro', nano('4')]]) },
    ]
    const text = renderFragment({ ...FULL, days })
    expect(bars(text)).toHaveLength(1)
    expect(text).toContain('−$3.00')
  })
})

describe('a banner', () => {
  const kinds = (model: PageModel) =>
    [...renderFragment(model).matchAll(/<p class="banner (\w+)">/g)].map((match) => match[1])

  test('says which customers are not as the files say, and how many more traffic names than can be taken', () => {
    const banners = (leftOut: number, ...notes: string[]) =>
      renderFragment({ ...FULL, roster: { customers: 1, assumed: 0, leftOut, notes } })
    expect(banners(0)).not.toContain('files say')
    expect(banners(0, 'a: <b>', 'c', 'd', 'e', 'f')).toContain(
      '<strong>Not all customers are as the files say.</strong><br>a: &lt;b&gt;<br>c<br>d<br>And 2 more, all of them at <a href="/api/customers?limit=1">/api/customers</a>.',
    )
    expect(banners(7)).toContain('<strong>7 customers more</strong> than can be taken from traffic')
  })

  test('is absent when all is well', () => expect(kinds(FULL)).toEqual([]))

  test('stands for each thing that is wrong, gravest first', () => {
    expect(kinds(TROUBLED)).toEqual(['bad', 'warn', 'warn', 'warn', 'info', 'warn', 'warn', 'warn', 'warn', 'info'])
    const text = renderFragment(TROUBLED)
    for (const said of [
      'No space is left on the disk',
      'is silent',
      'No call for 35 min',
      'is behind',
      'more than ten minutes old',
      'Answered 401',
      'Agent <bdi title="invoice-matcher">invoice-matcher</bdi> is paused',
      '12 calls went out without a decision',
      '1 call was never heard of again',
      '42 calls of 1 model',
      'Demo.',
    ])
      expect(text).toContain(said)
  })

  test('of a source never heard of says so', () => {
    const silent = { name: 'a', state: 'silent', since: null, lastSuccess: null, detail: null } as const
    expect(renderFragment({ ...FULL, sources: [silent] })).toContain('never heard of')
  })

  test('does not change while the state does not, so that no reader of a screen hears it again', () => {
    const live = (model: PageModel) => /<div class="banners"[\s\S]*?<\/div>/.exec(renderFragment(model))?.[0]
    expect(live({ ...TROUBLED, now: TROUBLED.now + 60_000 })).toBe(live(TROUBLED))
  })

  test('the demo is in the title too', () => {
    expect(renderPage({ ...FULL, demo: true }, LINKS)).toContain('<title>Marginwatch (demo)</title>')
    expect(renderPage(FULL, LINKS)).not.toContain('demo')
  })
})

describe('before anything has arrived', () => {
  test('the page says how to point LiteLLM here, in lines that LiteLLM takes', () => {
    const text = renderFragment(EMPTY)
    expect(text).toContain('Nothing has arrived yet')
    const [lines = '', variables = ''] = [...text.matchAll(/<pre[^>]*><code>([\s\S]*?)<\/code>/g)].map(([, one]) => one)
    expect(parse(lines.replaceAll('&quot;', '"'))).toEqual({ litellm_settings: { callbacks: ['marginwatch.gateway'] } })
    expect(variables).toBe('MARGINWATCH_URL=http://127.0.0.1:9464\n')
  })

  test('the lines carry a place for the key when one is needed', () => {
    expect(gatewayVariables({ url: 'https://costs.example/v1/sources/litellm', keyed: true })).toBe(
      'MARGINWATCH_URL=https://costs.example\nMARGINWATCH_INGEST_KEY=YOUR-INGEST-KEY\n',
    )
  })

  test('sources and ledger are shown all the same', () => {
    expect(rows(renderFragment(EMPTY), 'sources')).toEqual([['ledger', 'writable', '–', '0 entries']])
  })

  test('a single call ends it, even one without a price', () => {
    expect(renderFragment({ ...EMPTY, spend: { ...EMPTY.spend, monthCalls: 1 } })).not.toContain(
      'Nothing has arrived yet',
    )
  })
})

test('no name from outside becomes markup, wherever it stands', () => {
  const text = fc.string({
    unit: fc.oneof(fc.constantFrom(...`<>"'&=/ \`\n`), fc.string({ unit: 'binary', maxLength: 1 })),
    minLength: 1,
    maxLength: 40,
  })
  fc.assert(
    fc.property(text, text, (a, b) => {
      const page = renderPage(hostile(a, b), LINKS)
      expect(shape(page)).toBe(shape(renderPage(hostile('plain', 'other'), LINKS)))
    }),
    { numRuns: 200 },
  )
})

/** A model whose every name from outside is one of two texts. */
function hostile(a: string, b: string): PageModel {
  const tier = `1${a}`
  return {
    ...TROUBLED,
    byTier: [{ tier, today: 1n, month: 1n, calls: 1, customers: 1 }],
    byModel: [{ model: a, provider: b, month: 1n, share: 1, calls: 1, tokens: 1 }],
    days: [
      {
        date: '2026-11-22',
        cost: new Map([
          [tier, 1n],
          [`2${b}`, 1n],
        ]),
      },
    ],
    topCustomers: [{ customer: a, tier: `2${b}`, month: 1n, calls: 1, price: null }],
    topSessions: [{ session: b, customer: a, cost: 1n, calls: 1, start: 0, last: 0 }],
    budgets: hostileBudgets(a, b),
    sources: [{ name: a, state: 'failing', since: 0, lastSuccess: 0, detail: b }],
    ledger: { seq: 1, writable: false, reason: a },
  }
}

function hostileBudgets(a: string, b: string): BudgetsModel {
  const sums = {
    limit: 2n,
    spent: 1n,
    held: 0n,
    period: b,
    resetAt: 0,
    doing: null,
    threshold: 1,
    next: { do: b, amount: 1n },
  }
  const crossed = { at: 0, session: null, threshold: 1, period: a, spent: 1n, limit: 1n, action: a }
  return {
    ...NO_BUDGETS,
    nearLimit: [
      { ...sums, scope: 'customer', customer: a, agent: null, tier: `2${b}` },
      { ...sums, scope: 'agent', customer: null, agent: b, tier: null },
    ],
    crossings: [
      { ...crossed, scope: 'customer', subject: a, name: `1${b}` },
      { ...crossed, scope: 'session', subject: b, session: a, name: '' },
    ],
    agents: [{ agent: a, paused: { since: 0, by: b, reason: a, trace: b }, spent: 1n, limit: null }],
    stopped: [{ session: a, customer: b, at: 0, spent: 1n, limit: 1n }],
  }
}

/** The tags of a page and the names of their attributes, without any value; titles come and go with a name's length. */
function shape(page: string): string {
  const tags = page.match(/<[^>]*>/g) ?? []
  return tags.map((tag) => tag.replace(/ title="[^"<>]*"/, '').replace(/="[^"<>]*"/g, '=')).join('')
}

const VOID = new Set(['meta', 'link', 'img', '!doctype'])

/** Tags that close what is not open, or stay open. */
function unbalanced(page: string): string[] {
  const open: string[] = []
  for (const [tag, slash, name = ''] of page.matchAll(/<(\/?)([!\w]+)[^>]*>/g)) {
    if (VOID.has(name) || tag.endsWith('/>')) continue
    if (slash === '') open.push(name)
    else if (open.pop() !== name) return [tag, ...open]
  }
  return open
}
