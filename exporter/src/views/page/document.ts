import type { Nano } from '../../usage.ts'
import { banners } from './banners.ts'
import { budgetSections } from './budget-tables.ts'
import { spendChart, tierColours } from './chart.ts'
import { emptyState, isEmpty } from './empty.ts'
import { count, dollars, money, plural } from './format.ts'
import { type Html, html } from './html.ts'
import type { MarginModel } from './margin-model.ts'
import { marginSections, reconciliationSection, shareOf } from './margin-tables.ts'
import type { PageModel } from './model.ts'
import { NO_QUALITY } from './quality-model.ts'
import { qualitySections } from './quality-tables.ts'
import { customerTable, modelTable, sessionTable, sourceTable, tierTable } from './tables.ts'
import { clock } from './time.ts'

/** Addresses of what the page loads from its own origin. */
export interface PageLinks {
  readonly style: string
  readonly script: string
  readonly icon: string
}

/** The whole page. It works without its script: then it loads itself anew every ten seconds. */
export function renderPage(model: PageModel, links: PageLinks): string {
  const title = model.demo ? 'Marginwatch (demo)' : 'Marginwatch'
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<link rel="icon" href="${links.icon}" type="image/svg+xml">
<link rel="stylesheet" href="${links.style}">
<script src="${links.script}" defer></script>
<noscript><meta http-equiv="refresh" content="10"></noscript>
</head>
<body>
<header>
<h1><img src="${links.icon}" alt="" width="24" height="24">Marginwatch${model.demo ? html` <span class="badge">demo</span>` : null}</h1>
<p class="asof"><span id="live" role="status"></span> <span>as of <span id="asof">${asOf(model)}</span></span></p>
</header>
<main id="main">
${fragment(model)}</main>
<footer>
<p>Amounts are rounded for reading; rest the pointer on one for the exact sum. Days and months are cut in ${model.timezone}.</p>
<p><a href="/metrics">Metrics</a> <a href="/readyz">Readiness</a></p>
</footer>
</body>
</html>
`.text
}

/** What changes: the inside of the page's main element. The same model gives the same text, whenever it is asked. */
export function renderFragment(model: PageModel): string {
  return fragment(model).text
}

/** When the numbers were read: `22 Nov 2026, 14:02:31 UTC`. Apart from the fragment, which would never be the same twice. */
export function asOf({ timezone, now }: PageModel): string {
  return `${clock(timezone, now).full(now)} ${timezone}`
}

function fragment(model: PageModel): Html {
  const time = clock(model.timezone, model.now)
  const colours = tierColours(model)
  const numbers = isEmpty(model)
    ? [emptyState(model)]
    : [
        tiles(model),
        ...marginSections(model.margin, colours),
        spendChart(model, colours) ?? html``,
        ...budgetSections(model.budgets, colours, time),
        tierTable(model.byTier, colours),
        modelTable(model.byModel),
        customerTable(model.topCustomers, colours, model.roster),
        sessionTable(model.topSessions, time),
        ...qualitySections(model.quality ?? NO_QUALITY),
        ...reconciliationSection(model.reconciliation),
      ]
  return html`${banners(model, time)}
<div class="grid">
${numbers}${sourceTable(model, time)}</div>
`
}

function tiles({ spend, sources, ledger, margin }: PageModel): Html {
  const ok = sources.filter((source) => source.state === 'ok').length
  const ill = ok < sources.length || !ledger.writable
  return html`<section class="tiles wide" aria-label="Margin and spend">
${marginTile(margin)}${tile('Today', spend.today, [calls(spend.todayCalls), before('yesterday', spend.yesterday)])}
${tile('This week', spend.week, [html`since Monday`])}
${tile('This month', spend.month, [calls(spend.monthCalls), before('last month', spend.lastMonth)])}
<div class="tile"><h2>Sources</h2><p class="big${ill ? ' ill' : ''}">${count(ok)}<small> of ${count(sources.length)} ok</small></p><p class="sub">${ledger.writable ? plural(ledger.seq, 'entry', 'entries') : 'ledger not writable'}</p></div>
</section>
`
}

/** Absent while no plan and no customer is known. */
function marginTile({ total }: MarginModel): Html | null {
  if (total === null) return null
  const { ratio, margin, revenue, infraCost } = total
  const big = ratio === null ? money(margin) : html`<span title="${dollars(margin)}">${shareOf(ratio)}</span>`
  const less = infraCost === null ? ', before infrastructure' : ''
  return html`<div class="tile margin"><h2>Margin this month</h2><p class="big">${big}</p><p class="sub">${dollars(margin)} of ${dollars(revenue)}${less}</p></div>
`
}

function tile(title: string, amount: Nano | null, notes: readonly (Html | null)[]): Html {
  const said = notes.filter((note) => note !== null)
  return html`<div class="tile"><h2>${title}</h2><p class="big">${money(amount)}</p><p class="sub">${said.map((note, i) => (i === 0 ? note : html` · ${note}`))}</p></div>`
}

function calls(n: number | null): Html | null {
  return n === null ? null : html`${plural(n, 'call')}`
}

function before(when: string, amount: Nano | null | undefined): Html | null {
  return amount === null || amount === undefined ? null : html`${when} ${money(amount)}`
}
