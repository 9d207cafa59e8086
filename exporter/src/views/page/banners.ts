import type { SourceState } from '../health/readings.ts'
import { budgetBanners } from './budget-banners.ts'
import { count, plural } from './format.ts'
import { type Html, html, name } from './html.ts'
import type { PageModel } from './model.ts'
import type { Clock } from './time.ts'

/**
 * What must be known before any number is believed, gravest first. The texts stay the same while the state does: they lie in
 * a live region, and a reader of the screen must not hear them anew every minute.
 */
export function banners(model: PageModel, clock: Clock): Html {
  const all = [
    ...ledgerBanner(model),
    ...model.sources.flatMap((source) => sourceBanner(source, clock)),
    ...budgetBanners(model.budgets, clock).map((text) => banner('warn', text)),
    ...rosterBanner(model),
    ...unpricedBanner(model),
    ...demoBanner(model),
  ]
  return html`<div class="banners" role="status">${all}</div>`
}

function banner(kind: 'bad' | 'warn' | 'info', text: Html): Html {
  return html`<p class="banner ${kind}">${text}</p>
`
}

function ledgerBanner({ ledger }: PageModel): Html[] {
  if (ledger.writable) return []
  const why = ledger.reason ?? 'The reason is not known; see the log.'
  return [
    banner(
      'bad',
      html`<strong>The ledger cannot be written.</strong> New calls are refused until it can; whoever sends them keeps them. ${why}`,
    ),
  ]
}

function sourceBanner(source: SourceState, clock: Clock): Html[] {
  const who = name(source.name)
  const why = source.detail ?? ''
  const heard =
    source.lastSuccess === null ? html`never heard of` : html`last heard of at ${clock.moment(source.lastSuccess)}`
  switch (source.state) {
    case 'ok':
      return []
    case 'degraded':
      return [banner('warn', html`<strong>${who} is behind</strong>: the latest calls are missing below. ${why}`)]
    case 'silent':
      return [
        banner(
          'warn',
          html`<strong>${who} is silent</strong>, ${heard}: what it has not told is missing below. ${why}`,
        ),
      ]
    case 'failing':
      return [
        banner(
          'warn',
          html`<strong>${who} is failing</strong>, ${since(source, clock)}: what it has not told is missing below. ${why}`,
        ),
      ]
    case 'catching up':
      return [
        banner(
          'info',
          html`<strong>${who} is catching up</strong> with calls of the past: sums below still rise. ${why}`,
        ),
      ]
  }
}

function since(source: SourceState, clock: Clock): Html {
  return source.since === null ? html`since the start` : html`since ${clock.moment(source.since)}`
}

function unpricedBanner({ unpriced }: PageModel): Html[] {
  if (unpriced.calls === 0) return []
  const text = html`<strong>${plural(unpriced.calls, 'call')} of ${plural(unpriced.models, 'model')} without a price</strong> this month: their cost is missing below. Give the models a price under <code>prices.overrides</code> in the policy file.`
  return [banner('warn', text)]
}

const MOST_NOTES = 3

function rosterBanner({ roster }: PageModel): Html[] {
  if (roster === undefined) return []
  const { notes, leftOut } = roster
  const more =
    notes.length > MOST_NOTES
      ? html`<br>And ${count(notes.length - MOST_NOTES)} more, all of them at <a href="/api/customers?limit=1">/api/customers</a>.`
      : html``
  const said = notes.slice(0, MOST_NOTES).map((note) => html`<br>${note}`)
  return [
    ...(notes.length === 0
      ? []
      : [banner('warn', html`<strong>Not all customers are as the files say.</strong>${said}${more}`)]),
    ...(leftOut === 0
      ? []
      : [
          banner(
            'warn',
            html`<strong>${plural(leftOut, 'customer')} more</strong> than can be taken from traffic: name the customers in a file, under <code>roster.file</code> in the policy file.`,
          ),
        ]),
  ]
}

function demoBanner({ demo }: PageModel): Html[] {
  if (!demo) return []
  return [
    banner(
      'info',
      html`<strong>Demo.</strong> These are calls of a recorded trace, replayed: nobody’s customers, nobody’s bill. Start with a source of your own, or with <code>--no-demo</code>, to see yours.`,
    ),
  ]
}
