import { randomUUID } from 'node:crypto'

/** The answer to a question, as it came over the wire. */
export interface Answered {
  readonly status: number
  readonly callId: string
  readonly body: {
    readonly action?: string
    readonly reason?: string
    readonly model?: string
    readonly max_tokens?: number
    readonly fallbacks?: string
    readonly refusal?: {
      readonly status: number
      readonly type: string
      readonly message: string
      readonly retry_after?: number
    }
    readonly remember?: { readonly seconds: number; readonly when: readonly string[]; readonly scope: string }
    readonly traceparent?: string
    readonly detail?: string
    readonly title?: string
  }
}

export interface Question {
  readonly customer?: string
  readonly tier?: string
  readonly session?: string
  readonly agent?: string
  readonly model?: string
  readonly maxTokens?: number
  /** Counted already, so that no second question is needed. */
  readonly inputTokens?: number
  readonly callId?: string
  /** The trace that the client names, and its `traceparent`. */
  readonly trace?: string
  readonly traceparent?: string
  readonly key?: string
}

/** Asks a running exporter as the gateway's file does. */
export async function askFor(url: string, question: Question = {}): Promise<Answered> {
  const { customer, tier, session, agent, model = 'gpt-4o', maxTokens, inputTokens = 100 } = question
  const callId = question.callId ?? randomUUID()
  const metadata = {
    ...(tier && { plan_tier: tier }),
    ...(session && { session_id: session }),
    ...(agent && { agent_id: agent }),
    ...(question.trace && { trace_id: question.trace }),
  }
  const record = { ...(customer && { end_user: customer }), metadata: { requester_metadata: metadata } }
  const body = {
    version: 1,
    call_id: callId,
    model,
    ...(maxTokens !== undefined && { max_tokens: maxTokens }),
    input: { bytes: inputTokens * 4, tokens: inputTokens },
    ...(question.traceparent && { traceparent: question.traceparent }),
    record,
  }
  return post(url, JSON.stringify(body), { callId, ...(question.key && { key: question.key }) })
}

/** Posts anything to where questions are asked. */
export async function post(
  url: string,
  body: string | Uint8Array<ArrayBuffer>,
  { callId = '', key }: { callId?: string; key?: string } = {},
): Promise<Answered> {
  const headers = { 'content-type': 'application/json', ...(key && { authorization: `Bearer ${key}` }) }
  const answer = await fetch(`${url}/v1/decisions`, { method: 'POST', headers, body })
  return { status: answer.status, callId, body: (await answer.json()) as Answered['body'] }
}

export interface Ended {
  readonly callId: string
  readonly customer?: string
  readonly session?: string
  readonly agent?: string
  readonly tier?: string
  readonly model?: string
  readonly usd: number
  readonly input?: number
  readonly output?: number
  readonly status?: 'success' | 'failure'
  /** Epoch seconds. */
  readonly start?: number
}

/** Tells a running exporter of a call's end, as the gateway's file does. */
export async function tellEnd(url: string, ended: Ended, key?: string): Promise<void> {
  const { callId, customer, session, agent, tier, model = 'gpt-4o', usd, input = 100, output = 100 } = ended
  const { status = 'success', start = Date.now() / 1000 } = ended
  const requester = {
    ...(tier && { plan_tier: tier }),
    ...(agent && { agent_id: agent }),
    ...(session && { session_id: session }),
  }
  const record = {
    marginwatch: 1,
    kind: 'call',
    id: `chatcmpl-${callId}`,
    litellm_call_id: callId,
    status,
    startTime: start,
    endTime: start,
    model,
    custom_llm_provider: 'openai',
    model_group: model,
    response_cost: usd,
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    ...(customer && { end_user: customer }),
    ...(status === 'failure' && {
      error_information: { error_class: 'InternalServerError', error_code: '500', llm_provider: 'openai' },
    }),
    metadata: {
      requester_metadata: requester,
      usage_object: { prompt_tokens: input, completion_tokens: output },
      spend_logs_metadata: {
        marginwatch_call_id: callId,
        marginwatch_model_asked: model,
        marginwatch_session: session ?? '',
      },
    },
  }
  const headers = { 'content-type': 'application/x-ndjson', ...(key && { authorization: `Bearer ${key}` }) }
  const answer = await fetch(`${url}/v1/sources/litellm`, { method: 'POST', headers, body: JSON.stringify(record) })
  const text = await answer.text()
  if (!answer.ok || (JSON.parse(text) as { refusedCount: number }).refusedCount > 0) throw new Error(text)
}

export interface ExplainedBudget {
  readonly scope: string
  readonly subject: string
  readonly period: string
  readonly limit_usd: string
  readonly spent_usd: string
  readonly held_usd: string
  readonly in_flight: number
}

export interface Explained {
  readonly decision: {
    readonly action: string
    readonly reason: string
    readonly model: string
    readonly max_tokens: number | null
  }
  readonly steps: readonly string[]
  readonly budgets: readonly ExplainedBudget[]
}

/** What an operator is told of a call that is not made. */
export async function explain(url: string, query: Readonly<Record<string, string>>): Promise<Explained> {
  const answer = await fetch(`${url}/v1/decisions/explain?${new URLSearchParams(query)}`)
  if (!answer.ok) throw new Error(await answer.text())
  return (await answer.json()) as Explained
}

/** One budget of an explanation. */
export async function budgetOf(
  url: string,
  scope: string,
  query: Readonly<Record<string, string>>,
): Promise<ExplainedBudget> {
  const { budgets } = await explain(url, { model: 'gpt-4o', ...query })
  const found = budgets.find((budget) => budget.scope === scope)
  if (!found) throw new Error(`no budget of ${scope} among ${budgets.map((budget) => budget.scope).join(', ')}`)
  return found
}
