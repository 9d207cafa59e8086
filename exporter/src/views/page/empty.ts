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
<p>Copy <code>gateway/marginwatch.py</code> of this project beside LiteLLM’s <code>config.yaml</code>, and name it there:</p>
<pre tabindex="0"><code>${CALLBACK}</code></pre>
<p>Start LiteLLM again, with where this program is in its environment:</p>
<pre tabindex="0"><code>${gatewayVariables(intake)}</code></pre>
<p>${intake.keyed ? 'Put the key that the policy file names server.keys.ingest in place of YOUR-INGEST-KEY. ' : ''}If LiteLLM runs in a container, use the address by which it reaches this machine; <code>docs/gateway.md</code> says more.
Then make one call: it is here within seconds. Where no file can be put beside LiteLLM, <code>docs/sources.md</code> has a way without one.</p>
<p>Is LiteLLM set up already? Then look at <a href="/readyz">/readyz</a>, which says what every source last did.</p>
</section>
`
}

/** What LiteLLM's configuration must say. */
const CALLBACK = `litellm_settings:
  callbacks: ["marginwatch.gateway"]
`

/** The environment that marginwatch.py reads, for the address at which records are taken here. */
export function gatewayVariables({ url, keyed }: PageModel['intake']): string {
  const key = keyed ? 'MARGINWATCH_INGEST_KEY=YOUR-INGEST-KEY\n' : ''
  return `MARGINWATCH_URL=${new URL(url).origin}\n${key}`
}
