import type { Nano } from '../../usage.ts'
import { tierName } from './chart.ts'
import { ABSENT, count, dollars, money, percent, plural } from './format.ts'
import { type Html, html, name } from './html.ts'
import type {
  CustomerMarginRow,
  MarginModel,
  MarginRow,
  MonthForecast,
  ReconciliationModel,
  ReconciliationRow,
  TierMarginRow,
} from './margin-model.ts'
import { panel } from './panel.ts'

const TOP = 10
type Colours = ReadonlyMap<string | null, string>

/** The sections about margin; absent while no plan and no customer is known. */
export function marginSections(model: MarginModel, colours: Colours): Html[] {
  if (model.total === null) return []
  return [tierMargins(model, model.total, colours), ...(model.losers > 0 ? [loserTable(model, colours)] : [])]
}

function tierMargins(model: MarginModel, total: MarginRow, colours: Colours): Html {
  return panel({
    id: 'margin',
    title: 'Margin',
    note: summary(total),
    columns: [
      { head: 'Tier' },
      { head: 'Models, infrastructure, rest', look: 'lap' },
      { head: 'Revenue', look: 'n' },
      { head: 'Models', look: 'n desk' },
      { head: 'Infrastructure', look: 'n desk' },
      { head: 'Margin', look: 'n' },
      { head: 'Ratio', look: 'n' },
      { head: 'Target', look: 'n lap' },
      { head: 'Customers', look: 'n lap' },
    ],
    rows: [
      ...model.tiers.map((row) => cells(tierName(row.tier, colours), row)),
      ...(model.tiers.length > 1 ? [cells(html`<strong>All</strong>`, wholeOf(model, total))] : []),
    ],
    empty: '',
    remarks: remarks(model, total),
  })
}

type Line = Omit<TierMarginRow, 'tier'>

function cells(name: Html, row: Line): Html[] {
  return [
    name,
    parts(row),
    html`<span title="${dollars(row.revenueMonth)} in the whole month">${money(row.revenue)}</span>`,
    money(row.modelCost),
    row.infraCost === null ? html`<span class="warn">unknown</span>` : money(row.infraCost),
    money(row.margin),
    ratio(row),
    html`${percent(row.target)}`,
    customers(row),
  ]
}

/** All tiers together, and the infrastructure that is no customer's. */
function wholeOf({ tiers, customers, losers }: MarginModel, total: MarginRow): Line {
  return { ...total, target: null, customers, losing: losers, trial: tiers.reduce((sum, { trial }) => sum + trial, 0) }
}

function summary({ margin, revenue, ratio, infraCost }: MarginRow): string {
  const whole = infraCost === null ? ' before infrastructure' : ''
  const share = ratio === null ? '' : ` · ${shareOf(ratio)}`
  return `so far this month: ${dollars(margin)} of ${dollars(revenue)} earned${share}${whole}`
}

/** What one month of revenue is made of: models, infrastructure, and what is left, as lengths of a bar. */
function parts({ revenue, modelCost, infraCost, target }: Line): Html {
  if (revenue <= 0n) return html`${ABSENT}`
  const width = (part: Nano) => Math.max(0, Math.min(100, (Number(part) / Number(revenue)) * 100))
  const models = width(modelCost)
  const infra = Math.min(100 - models, width(infraCost ?? 0n))
  const mark = target === null ? null : (1 - target) * 100
  return html`<svg class="share parts" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true"><rect class="back" width="100" height="1"/><rect class="front" width="${models.toFixed(1)}" height="1"/><rect class="held" x="${models.toFixed(1)}" width="${infra.toFixed(1)}" height="1"/>${mark === null ? null : html`<rect class="mark" x="${mark.toFixed(1)}" width="0.7" height="1"/>`}</svg>`
}

function ratio({ ratio: found, target, infraCost }: Line): Html {
  if (found === null) return html`<span title="Nothing was earned, so there is no share of it">${ABSENT}</span>`
  const text = html`${shareOf(found)}${infraCost === null ? html`<small title="Infrastructure is not in it">*</small>` : null}`
  return target !== null && found < target
    ? html`<strong class="bad" title="below its target">${text}</strong>`
    : html`<span>${text}</span>`
}

/** Below zero, too. */
export function shareOf(found: number): string {
  return found < 0 ? `−${percent(-found)}` : percent(found)
}

function customers({ customers: all, losing, trial }: Line): Html {
  const also = [losing > 0 ? `${count(losing)} losing` : '', trial > 0 ? `${count(trial)} on trial` : '']
  const said = also.filter((text) => text !== '').join(', ')
  return html`${count(all)}${said === '' ? null : html` <small>${said}</small>`}`
}

/** What must be known beside the numbers. */
function remarks({ infra, forecast, forecastMargin, noForecast }: MarginModel, { revenueMonth }: MarginRow): string[] {
  const said = [`For the whole month customers pay ${dollars(revenueMonth)}.`]
  if (infra.unknown !== null) said.push(`Infrastructure: ${infra.unknown}`)
  if (infra.unallocated > 0n)
    said.push(`${dollars(infra.unallocated)} of ${dollars(infra.total)} for infrastructure belong to no customer.`)
  if (forecast !== null) {
    const margin = forecastMargin === null ? '' : `, and a margin of ${foretold(forecastMargin)}`
    said.push(`By the end of the month: models for ${foretold(forecast)}${margin}.`)
  } else if (noForecast !== null) said.push(`No forecast yet: ${noForecast}`)
  return said
}

function foretold({ low, expected, high }: MonthForecast): string {
  return `${dollars(expected)} (${dollars(low)} to ${dollars(high)})`
}

function loserTable({ losing, losers }: MarginModel, colours: Colours): Html {
  return panel({
    id: 'losing',
    title: 'Customers that lose money',
    note: `so far this month, ${losers > TOP ? `the worst ${TOP} of ${count(losers)}` : 'the worst first'}`,
    columns: [
      { head: 'Customer' },
      { head: 'Tier', look: 'desk' },
      { head: 'Revenue', look: 'n desk' },
      { head: 'Cost', look: 'n' },
      { head: 'Margin', look: 'n' },
    ],
    rows: losing
      .slice(0, TOP)
      .map((row: CustomerMarginRow) => [
        name(row.customer),
        tierName(row.tier, colours),
        money(row.revenue),
        money(row.cost),
        html`<strong class="bad">${money(row.margin)}</strong>`,
      ]),
    empty: '',
  })
}

/** The section about what a trace store has otherwise; absent while nothing was compared. */
export function reconciliationSection(model: ReconciliationModel): Html[] {
  const { days, rows, agreeing } = model
  if (days === null) return []
  return [
    panel({
      id: 'reconciliation',
      title: 'Ledger and Langfuse',
      note: `${days.first} to ${days.last}, by day and model: ${plural(agreeing, 'agrees', 'agree')}, ${plural(rows.length, 'differs', 'differ')}`,
      columns: [
        { head: 'Day' },
        { head: 'Model' },
        { head: 'Ledger', look: 'n desk' },
        { head: 'Langfuse', look: 'n desk' },
        { head: 'Why', look: 'text' },
      ],
      rows: rows
        .slice(0, TOP)
        .map((row) => [
          html`${row.day}`,
          row.model === null ? html`<i>unknown</i>` : name(row.model),
          money(row.here),
          money(row.there),
          html`${reasons(row)}`,
        ]),
      empty: 'Both say the same.',
    }),
  ]
}

function reasons(row: ReconciliationRow): string {
  const calls = (n: number, what: string) => (n > 0 ? [`${plural(n, 'call')} ${what}`] : [])
  return [
    ...calls(row.missingHere, 'only in Langfuse'),
    ...calls(row.missingThere, 'only in the ledger'),
    ...calls(row.price, 'with another price'),
    ...calls(row.tokens, 'with other tokens'),
    ...calls(row.dayBoundary, 'in another day'),
  ].join(', ')
}
