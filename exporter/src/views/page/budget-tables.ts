import type { Nano } from '../../usage.ts'
import type { AgentRow, BudgetRow, BudgetsModel, CrossingRow, Paused, StoppedSession } from './budget-model.ts'
import { tierName } from './chart.ts'
import { ABSENT, money, percent, plural } from './format.ts'
import { type Html, html, name } from './html.ts'
import { panel } from './panel.ts'
import type { Clock } from './time.ts'

const TOP = 10
type Colours = ReadonlyMap<string | null, string>

/** The sections about budgets; those that have nothing to show are absent. */
export function budgetSections(model: BudgetsModel, colours: Colours, clock: Clock): Html[] {
  const { nearLimit, crossings, agents, stopped, runawaySessions } = model
  const stacked = [
    ...(agents.length > 0 ? [agentTable(agents, clock)] : []),
    ...(stopped.length + runawaySessions > 0 ? [stoppedTable(stopped, runawaySessions, clock)] : []),
  ]
  const beside = [
    ...(crossings.length > 0 ? [crossingTable(crossings, clock)] : []),
    ...(stacked.length > 0 ? [html`<div class="stack">${stacked}</div>`] : []),
  ]
  return [
    ...(nearLimit.length > 0 ? [budgetTable(model, colours, clock)] : []),
    ...(beside.length > 0 ? [html`<div class="beside">${beside}</div>`] : []),
  ]
}

function budgetTable({ nearLimit, leftOut }: BudgetsModel, colours: Colours, clock: Clock): Html {
  return panel({
    id: 'budgets',
    title: 'Budgets near their limit',
    note: leftOut > 0 ? `the nearest ${nearLimit.length} of ${nearLimit.length + leftOut}` : 'nearest first',
    columns: [
      { head: 'Budget' },
      { head: 'Tier', look: 'lap' },
      { head: 'Used', look: 'n' },
      { head: 'Spent', look: 'n desk' },
      { head: 'Held', look: 'n wide' },
      { head: 'Limit', look: 'n desk' },
      { head: 'Begins anew', look: 'n lap' },
      { head: 'Its calls' },
      { head: 'Next', look: 'lap' },
    ],
    rows: nearLimit.map((row) => [
      html`${subjectName(row.scope, subjectOf(row))} <small class="desk">${row.scope === 'tenant_day' ? '' : row.period}</small>`,
      row.tier === null || row.scope === 'tier' ? html`${ABSENT}` : tierName(row.tier, colours),
      used(row),
      money(row.spent),
      money(row.held),
      money(row.limit),
      clock.moment(row.resetAt),
      doing(row.doing),
      html`${next(row)}`,
    ]),
    empty: '',
  })
}

function crossingTable(rows: readonly CrossingRow[], clock: Clock): Html {
  return panel({
    id: 'crossings',
    title: 'Crossings',
    note: 'latest first',
    columns: [
      { head: 'When' },
      { head: 'Budget' },
      { head: 'Reached' },
      { head: 'Spent', look: 'n wide' },
      { head: 'Then', look: 'wide' },
    ],
    rows: rows
      .slice(0, TOP)
      .map((row) => [
        clock.moment(row.at),
        subjectName(row.scope, row.scope === 'session' ? (row.session ?? row.subject) : row.subject),
        row.name === ''
          ? html`${share(row.threshold)} <small class="desk">of ${money(row.limit)}</small>`
          : name(row.name),
        money(row.spent),
        html`${then(row.action)}`,
      ]),
    empty: '',
  })
}

function agentTable(rows: readonly AgentRow[], clock: Clock): Html {
  const paused = rows.filter((row) => row.paused !== null).length
  return panel({
    id: 'agents',
    title: 'Agents',
    note: paused === 0 ? 'none is paused' : `${paused} paused`,
    columns: [
      { head: 'Agent' },
      { head: 'State' },
      { head: 'Spent', look: 'n desk' },
      { head: 'Limit', look: 'n desk' },
      ...(paused === 0 ? [] : [{ head: 'Why', look: 'text' as const }]),
    ],
    rows: rows
      .slice(0, TOP)
      .map((row) => [
        name(row.agent),
        row.paused === null
          ? html`<span class="state ok">runs</span>`
          : html`<span class="state failing">paused</span>`,
        money(row.spent),
        money(row.limit),
        ...(paused === 0 ? [] : [row.paused === null ? html`` : why(row.paused, clock)]),
      ]),
    empty: '',
  })
}

function why({ since, by, reason, trace }: Paused, clock: Clock): Html {
  return html`${reason === '' ? 'no reason was given' : reason} <small>by ${name(by)}, ${clock.moment(since)}${trace === null ? null : html`, trace ${name(trace)}`}</small>`
}

function stoppedTable(rows: readonly StoppedSession[], runaway: number, clock: Clock): Html {
  const past = runaway === 0 ? '' : `, ${plural(runaway, 'runaway')} now`
  return panel({
    id: 'stopped',
    title: 'Sessions stopped',
    note: `today${past}`,
    columns: [
      { head: 'Session' },
      { head: 'Customer' },
      { head: 'Spent', look: 'n' },
      { head: 'Cap', look: 'n' },
      { head: 'When', look: 'desk' },
    ],
    rows: rows
      .slice(0, TOP)
      .map((row) => [name(row.session), name(row.customer), money(row.spent), money(row.limit), clock.moment(row.at)]),
    empty: 'None reached its cap today.',
  })
}

function subjectOf({ scope, customer, agent, tier }: BudgetRow): string {
  if (scope === 'tier') return tier ?? ''
  return (scope === 'agent' ? agent : customer) ?? ''
}

function subjectName(scope: BudgetRow['scope'], subject: string): Html {
  switch (scope) {
    case 'global':
      return html`<i>everything</i>`
    case 'unknown_customers':
      return html`<i>unknown</i> <small class="desk">customers</small>`
    case 'customer':
      return name(subject)
    case 'tenant_day':
      return html`${name(subject)} <small>a day</small>`
    case 'tier':
    case 'agent':
    case 'session':
      return html`<small>${scope}</small> ${name(subject)}`
  }
}

/** What a threshold does. */
const THEN: ReadonlyMap<string, string> = new Map([
  ['log', 'recorded'],
  ['notify', 'notice'],
  ['degrade', 'cheaper model'],
  ['block', 'refused'],
  ['pause', 'paused'],
])

function then(action: string): string {
  return THEN.get(action) ?? action
}

function next({ next, limit }: BudgetRow): string {
  if (next === null || limit <= 0n) return ABSENT
  return `${then(next.do)} at ${share(Math.round(Number((next.amount * 100_000n) / limit) / 10))}`
}

function doing(action: string | null): Html {
  if (action === 'degrade') return html`<span class="state degraded">cheaper model</span>`
  if (action === 'block' || action === 'pause') return html`<span class="state failing">${then(action)}</span>`
  return html`<span class="state ok">as asked</span>`
}

/** Hundredths of a percent as people read them. */
function share(basisPoints: number): string {
  return `${basisPoints / 100}%`
}

/** How much of the limit is spent, with a bar of what is spent and, paler, of what is held. */
function used({ spent, held, limit, doing }: BudgetRow): Html {
  if (limit <= 0n) return html`${ABSENT}`
  const end = (amount: Nano) => Math.max(0, Math.min(100, Number((amount * 10_000n) / limit) / 100))
  const [first, last] = [end(spent), end(spent + held)]
  const colour = doing === null ? '' : doing === 'degrade' ? 'near' : 'past'
  const heldBar =
    last > first
      ? html`<rect class="held ${colour}" x="${first.toFixed(2)}" width="${(last - first).toFixed(2)}" height="1"/>`
      : null
  return html`<svg class="share" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true"><rect class="back" width="100" height="1"/><rect class="front ${colour}" width="${first.toFixed(2)}" height="1"/>${heldBar}</svg><span class="percent">${percent(Number((spent * 1_000_000n) / limit) / 1_000_000)}</span>`
}
