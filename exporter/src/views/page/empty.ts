import { type Html, html } from './html.ts'
import type { PageModel } from './model.ts'

/** True while the ledger holds nothing that this page could show. */
export function isEmpty({ spend, byModel, topCustomers, days }: PageModel): boolean {
  const nothing = byModel.length === 0 && topCustomers.length === 0 && days.every((day) => day.cost.size === 0)
  return nothing && !spend.monthCalls && !spend.todayCalls
}

/** What to do when nothing has arrived yet. */
export function emptyState({ intake }: PageModel): Html {
  return html`<section class="panel wide" aria-labelledby="h-empty" id="empty">
<h2 id="h-empty">Nothing has arrived yet</h2>
<p>Let LiteLLM post each finished call here. Add these lines to its <code>config.yaml</code> and start it again:</p>
<pre tabindex="0"><code>${litellmLines(intake)}</code></pre>
<p>${intake.keyed ? 'Put the key that the policy file names server.keys.ingest in place of YOUR-INGEST-KEY. ' : 'LiteLLM leaves out a callback without headers, so one is there, though no key is needed. '}
If LiteLLM runs in a container, use the address by which it reaches this machine. Then make one call: it is here within seconds.</p>
<p>Is LiteLLM set up already? Then look at <a href="/readyz">/readyz</a>, which says what every source last did.</p>
</section>
`
}

/**
 * The callback as LiteLLM 1.106 takes it: without `headers` it is left out with only a warning; without retries a batch that
 * meets a restart of ours is lost.
 */
export function litellmLines({ url, keyed }: PageModel['intake']): string {
  return `litellm_settings:
  callbacks: ["marginwatch"]
callback_settings:
  marginwatch:
    callback_type: generic_api
    endpoint: ${url}
    headers: ${keyed ? '{Authorization: "Bearer YOUR-INGEST-KEY"}' : '{X-Sent-By: "litellm"}'}
    max_retries: 5
    retry_delay: 1
`
}
