import type { AgentRow, BudgetsModel } from './budget-model.ts'
import { plural } from './format.ts'
import { type Html, html, name } from './html.ts'
import type { Clock } from './time.ts'

const NAMED = 3

/** What somebody must see of budgets before anything else. */
export function budgetBanners({ agents, undecided, unsettled }: BudgetsModel, clock: Clock): Html[] {
  return [
    ...pausedText(agents, clock),
    ...(undecided === 0
      ? []
      : [
          html`<strong>${plural(undecided, 'call')} went out without a decision</strong> within the last hour: the gateway got no answer in time and let them pass, as the policy says. No limit held them.`,
        ]),
    ...(unsettled === 0
      ? []
      : [
          html`<strong>${plural(unsettled, 'call')} ${unsettled === 1 ? 'was' : 'were'} never heard of again</strong> within the last hour. What was held is charged or released, as <code>budgets.unsettled</code> in the policy file says.`,
        ]),
  ]
}

function pausedText(agents: readonly AgentRow[], clock: Clock): Html[] {
  const paused = agents.filter((agent) => agent.paused !== null)
  const [first] = paused
  if (first === undefined || first.paused === null) return []
  if (paused.length === 1) {
    const { since, by, reason } = first.paused
    return [
      html`<strong>Agent ${name(first.agent)} is paused</strong> since ${clock.moment(since)}, by ${name(by)}${reason === '' ? '' : `: ${reason}`}. Its calls are refused until somebody resumes it: <code>POST /api/admin/agents/${inAddress(first.agent)}/unpause</code>`,
    ]
  }
  const names = paused.slice(0, NAMED).map(({ agent }, i) => html`${i === 0 ? '' : ', '}${name(agent)}`)
  const more = paused.length > NAMED ? ` and ${paused.length - NAMED} more` : ''
  return [
    html`<strong>${paused.length} agents are paused</strong>: ${names}${more}. Their calls are refused until somebody resumes them: <code>POST /api/admin/agents/…/unpause</code>`,
  ]
}

/** Half of a character would make the encoding throw. */
function inAddress(agent: string): string {
  return encodeURIComponent(agent.replace(/\p{Surrogate}/gu, '\ufffd'))
}
