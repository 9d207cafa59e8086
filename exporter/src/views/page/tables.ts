import type { Nano } from '../../usage.ts'
import { tierName } from './chart.ts'
import { ABSENT, compact, count, money, percent, plural } from './format.ts'
import { type Html, html, name } from './html.ts'
import type { CustomerRow, ModelRow, PageModel, RosterModel, SessionRow, TierRow } from './model.ts'
import { panel } from './panel.ts'
import type { Clock } from './time.ts'

const TOP = 10
type Colours = ReadonlyMap<string | null, string>

export function tierTable(rows: readonly TierRow[], colours: Colours): Html {
  return panel({
    id: 'tiers',
    title: 'By tier',
    note: 'this month',
    columns: [
      { head: 'Tier' },
      { head: 'Today', look: 'n' },
      { head: 'Month', look: 'n' },
      { head: 'Calls', look: 'n desk' },
      { head: 'Customers', look: 'n' },
    ],
    rows: rows.map((row) => [
      tierName(row.tier, colours),
      money(row.today),
      money(row.month),
      html`${count(row.calls)}`,
      html`${count(row.customers)}`,
    ]),
    empty: 'No call this month.',
  })
}

export function modelTable(rows: readonly ModelRow[]): Html {
  return panel({
    id: 'models',
    title: 'By model',
    note: 'this month',
    columns: [
      { head: 'Model' },
      { head: 'Provider', look: 'desk' },
      { head: 'Month', look: 'n' },
      { head: 'Share', look: 'n' },
      { head: 'Calls', look: 'n desk' },
      { head: 'Tokens', look: 'n desk' },
    ],
    rows: rows.map((row) => [
      row.model === null ? html`<i>unknown</i>` : name(row.model),
      row.provider === null ? html`${ABSENT}` : name(row.provider),
      row.month === null ? html`<span class="warn" title="No price is known for it">unpriced</span>` : money(row.month),
      share(row.share),
      html`${count(row.calls)}`,
      compact(row.tokens),
    ]),
    empty: 'No call this month.',
  })
}

export function customerTable(rows: readonly CustomerRow[], colours: Colours, roster?: RosterModel): Html {
  const assumed =
    roster === undefined || roster.assumed === 0
      ? ''
      : ` · ${count(roster.assumed)} of ${plural(roster.customers, 'customer')} assumed from traffic`
  return panel({
    id: 'customers',
    title: 'Dearest customers',
    note: `this month${assumed}`,
    columns: [
      { head: 'Customer' },
      { head: 'Tier', look: 'desk' },
      { head: 'Cost', look: 'n' },
      { head: 'Pays', look: 'n desk' },
      { head: 'Cost / price', look: 'n' },
      { head: 'Calls', look: 'n wide' },
    ],
    rows: rows
      .slice(0, TOP)
      .map((row) => [
        name(row.customer),
        tierName(row.tier, colours),
        money(row.month),
        money(row.price),
        ofPrice(row.month, row.price),
        html`${count(row.calls)}`,
      ]),
    empty: 'No customer had a call with a cost this month.',
  })
}

export function sessionTable(rows: readonly SessionRow[], clock: Clock): Html {
  return panel({
    id: 'sessions',
    title: 'Dearest sessions',
    note: 'today',
    columns: [
      { head: 'Session' },
      { head: 'Customer' },
      { head: 'Cost', look: 'n' },
      { head: 'Calls', look: 'n' },
      { head: 'First', look: 'n wide' },
      { head: 'Last', look: 'n desk' },
    ],
    rows: rows
      .slice(0, TOP)
      .map((row) => [
        name(row.session),
        name(row.customer),
        money(row.cost),
        html`${count(row.calls)}`,
        clock.moment(row.start),
        clock.moment(row.last),
      ]),
    empty: 'No call of today names a session.',
  })
}

export function sourceTable({ sources, ledger }: PageModel, clock: Clock): Html {
  const state = ledger.writable
    ? html`<span class="state ok">writable</span>`
    : html`<span class="state failing">not writable</span>`
  const detail =
    ledger.reason === null ? `${count(ledger.seq)} entries` : `${count(ledger.seq)} entries; ${ledger.reason}`
  return panel({
    id: 'sources',
    title: 'Sources and ledger',
    note: 'health',
    columns: [{ head: 'Name' }, { head: 'State' }, { head: 'Last heard' }, { head: 'Detail', look: 'desk' }],
    rows: [
      ...sources.map((source) => [
        name(source.name),
        html`<span class="state ${source.state.replace(' ', '-')}">${source.state}</span>`,
        source.lastSuccess === null ? html`never` : clock.moment(source.lastSuccess),
        html`${source.detail ?? ''}`,
      ]),
      [html`ledger`, state, html`${ABSENT}`, html`${detail}`],
    ],
    empty: '',
  })
}

/** A share with a bar as long as it. */
function share(ratio: number | null): Html {
  if (ratio === null || !Number.isFinite(ratio)) return html`${ABSENT}`
  const width = Math.max(0, Math.min(100, ratio * 100)).toFixed(1)
  return html`<svg class="share" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true"><rect class="back" width="100" height="1"/><rect class="front" width="${width}" height="1"/></svg><span class="percent">${percent(ratio)}</span>`
}

/** What part of its price a customer has used up; above the whole of it, every further call is a loss. */
function ofPrice(cost: Nano, price: Nano | null | undefined): Html {
  if (price === null || price === undefined) return html`${ABSENT}`
  if (price <= 0n) return html`<span title="It pays nothing">free</span>`
  const ratio = Number((cost * 1_000_000n) / price) / 1_000_000
  if (cost <= price) return html`${percent(ratio)}`
  return html`<strong class="bad" title="It has cost more this month than it pays for the whole of it">${percent(ratio)}</strong>`
}
