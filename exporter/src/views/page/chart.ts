import type { Nano } from '../../usage.ts'
import { dollars, money, roundDollars } from './format.ts'
import { type Html, html, name } from './html.ts'
import type { Day, PageModel } from './model.ts'
import { dayName } from './time.ts'

/** How the style sheet numbers its colours: `t0` … `t7`, the last for every tier beyond. */
const COLOURS = 8
const DAYS = 30

/** Tier → CSS class of its colour, in the order of the tiers; tiers that only older days know come after. */
export function tierColours(model: PageModel): Map<string | null, string> {
  const older = new Set(model.days.flatMap((day) => [...day.cost.keys()]))
  const inOrder = new Set([...model.byTier.map((row) => row.tier), ...[...older].sort()])
  return new Map([...inOrder].map((tier, i) => [tier, `t${Math.min(i, COLOURS - 1)}`]))
}

/** A tier with the sample of its colour. */
export function tierName(tier: string | null, colours: ReadonlyMap<string | null, string>): Html {
  return html`<span class="key ${colours.get(tier) ?? 'none'}"></span>${tier === null ? html`<i>no tier</i>` : name(tier)}`
}

/** Spend by day, stacked by tier: bars, a legend, and the same as a table. Null when no day has any cost. */
export function spendChart(model: PageModel, colours: ReadonlyMap<string | null, string>): Html | null {
  const days = model.days.slice(-DAYS)
  const tiers = [...colours.keys()].filter((tier) => days.some((day) => (day.cost.get(tier) ?? 0n) !== 0n))
  const top = axisTop(days)
  if (tiers.length === 0 || top === 0n) return null
  return html`<section aria-labelledby="h-days" class="panel wide">
<h2 id="h-days">Spend by day <small>last ${days.length} days</small></h2>
<div class="chart">
<div class="axis" aria-hidden="true"><span>${roundDollars(top)}</span><span>${roundDollars(top / 2n)}</span><span>$0</span></div>
<svg viewBox="0 0 ${days.length * 10} 100" preserveAspectRatio="none" role="img" aria-label="${summary(days)}">
<path class="lines" d="M0 .5H${days.length * 10}M0 50H${days.length * 10}M0 99.5H${days.length * 10}"/>
${days.map((day, i) => bar(day, i, { top, tiers, colours }))}
</svg>
<div class="dates" aria-hidden="true">${dates(days)}</div>
</div>
<p class="legend">${tiers.map((tier) => html`<span>${tierName(tier, colours)}</span> `)}</p>
${table(days, tiers)}
</section>`
}

interface Bars {
  readonly top: Nano
  readonly tiers: readonly (string | null)[]
  readonly colours: ReadonlyMap<string | null, string>
}

function bar(day: Day, i: number, { top, tiers, colours }: Bars): Html {
  let y = 100
  const parts: Html[] = []
  for (const tier of tiers) {
    const height = Number(((day.cost.get(tier) ?? 0n) * 100_000n) / top) / 1000
    if (height <= 0) continue
    y -= height
    parts.push(
      html`<rect class="${colours.get(tier) ?? 'none'}" x="${i * 10 + 1}" y="${y.toFixed(3)}" width="8" height="${height.toFixed(3)}"/>`,
    )
  }
  const said = tiers
    .filter((tier) => day.cost.has(tier))
    .map((tier) => `\n${tier ?? 'no tier'} ${dollars(day.cost.get(tier) ?? 0n)}`)
  const title = `${dayName(day.date)}: ${dollars(total(day))}`
  return html`<g><title>${title}${said.map((line) => html`${line}`)}</title><rect class="day" x="${i * 10}" y="0" width="10" height="100"/>${parts}</g>`
}

function dates(days: readonly Day[]): Html[] {
  const shown = [days[0], days[Math.floor((days.length - 1) / 2)], days.at(-1)]
  return shown.map((day) => html`<span>${day ? dayName(day.date) : ''}</span>`)
}

function summary(days: readonly Day[]): string {
  const sum = days.reduce((all, day) => all + total(day), 0n)
  const last = days.at(-1)
  return `Bars of spend by day and tier: ${dollars(sum)} in ${days.length} days${last ? `, ${dollars(total(last))} on the last` : ''}. The table below has the same numbers.`
}

function table(days: readonly Day[], tiers: readonly (string | null)[]): Html {
  const heads = tiers.map(
    (tier) => html`<th scope="col" class="n">${tier === null ? html`<i>no tier</i>` : name(tier)}</th>`,
  )
  const rows = days
    .toReversed()
    .map(
      (day) =>
        html`<tr><th scope="row">${dayName(day.date)}</th>${tiers.map((tier) => html`<td class="n">${money(day.cost.get(tier))}</td>`)}<td class="n">${money(total(day))}</td></tr>`,
    )
  return html`<details><summary>The same as a table</summary>
<div class="scroll" tabindex="0" role="region" aria-label="Spend by day and tier"><table>
<thead><tr><th scope="col">Day</th>${heads}<th scope="col" class="n">Total</th></tr></thead>
<tbody>${rows}</tbody></table></div></details>`
}

function total(day: Day): Nano {
  let sum = 0n
  for (const cost of day.cost.values()) sum += cost
  return sum
}

/** Height of a day's bar: corrections may leave a tier below zero on a day, which no bar can show. */
function positive(day: Day): Nano {
  let sum = 0n
  for (const cost of day.cost.values()) if (cost > 0n) sum += cost
  return sum
}

/** The smallest 1, 2, 5 × 10ⁿ that no day exceeds, so that the axis has round numbers; 0 when no day has a cost. */
function axisTop(days: readonly Day[]): Nano {
  let largest = 0n
  for (const sum of days.map(positive)) if (sum > largest) largest = sum
  if (largest === 0n) return 0n
  for (let unit = 1n; ; unit *= 10n) {
    for (const step of [1n, 2n, 5n]) if (unit * step >= largest) return unit * step
  }
}
