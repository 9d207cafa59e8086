import type { Call, Failure } from '../call.ts'
import type { Refusal } from '../decisions/wire.ts'
import type { Model } from '../models.ts'

/** What LiteLLM says of a failure, as captured; `message` may use the names of the model and the customer. */
interface ErrorText {
  readonly code: string
  readonly class: string
  readonly normalized: string
  /** True when the provider was asked: then its name and a stack trace are there. */
  readonly provider: boolean
  message(call: Call, model: Model | null): string
}

const EXCEPTIONS: Readonly<Record<string, string>> = {
  openai: 'OpenAIException',
  anthropic: 'AnthropicException',
  gemini: 'GeminiException',
  hosted_vllm: 'Hosted_vllmException',
}

function exceptionOf(model: Model | null): string {
  return EXCEPTIONS[model?.provider ?? ''] ?? 'APIException'
}

export const BLOCK_TYPE = 'customer_budget_exceeded'
const BLOCK_TEXT = `The AI budget of your plan is used up for this month (${BLOCK_TYPE})`
/** Budget that LiteLLM's own check names when it refuses a customer, in dollars. */
export const NATIVE_LIMIT = 8

export const ERRORS: Readonly<Record<Failure, ErrorText>> = {
  rate_limit: {
    code: '429',
    class: 'RateLimitError',
    normalized: '429_RATE_LIMIT_EXCEEDED',
    provider: true,
    message: (_, model) => `litellm.RateLimitError: RateLimitError: ${exceptionOf(model)} - Rate limit reached`,
  },
  server_error: {
    code: '500',
    class: 'InternalServerError',
    normalized: '500_PROVIDER_INTERNAL_ERROR',
    provider: true,
    message: (_, model) =>
      `litellm.InternalServerError: InternalServerError: ${exceptionOf(model)} - The server had an error while processing your request`,
  },
  connection: {
    code: '500',
    class: 'InternalServerError',
    normalized: '500_PROVIDER_CONNECTION_ERROR',
    provider: true,
    message: (_, model) =>
      `litellm.InternalServerError: InternalServerError: ${exceptionOf(model)} - Connection error.`,
  },
  bad_key: {
    code: '401',
    class: 'ProxyException',
    normalized: '401_AUTHENTICATION_FAILED',
    provider: false,
    message: (call) =>
      `Authentication Error, Invalid proxy server token passed. Received API Key = sk-...${call.traceId.slice(-4)}, Key Hash (Token) =${call.traceId.replaceAll('-', '').repeat(2)}. Unable to find token in cache or \`LiteLLM_VerificationTokenTable\``,
  },
  unknown_model: {
    code: '400',
    class: 'ProxyModelNotFoundError',
    normalized: '400_INVALID_REQUEST',
    provider: false,
    message: (call) =>
      `400: {'error': '/chat/completions: Invalid model name passed in model=${call.asked}. Call \`/v1/models\` to view available models for your key.'}`,
  },
  native_budget: {
    code: '422',
    class: 'BudgetExceededError',
    normalized: '429_BUDGET_EXCEEDED',
    provider: false,
    message: (call) =>
      `ExceededBudget: End User=${call.customer ?? ''} over budget. Spend=${nativeSpend(call)}, Budget=${NATIVE_LIMIT}.0`,
  },
  hook_http: {
    code: '402',
    class: 'HTTPException',
    normalized: '429_BUDGET_EXCEEDED',
    provider: false,
    message: () => `402: {'error': {'message': '${BLOCK_TEXT}', 'type': '${BLOCK_TYPE}', 'code': 'budget_blocked'}}`,
  },
  hook_proxy: {
    code: '402',
    class: 'ProxyException',
    normalized: '429_BUDGET_EXCEEDED',
    provider: false,
    message: () => BLOCK_TEXT,
  },
}

/** Spend that LiteLLM's own check names: its reservations included, so never the true spend. */
export function nativeSpend(call: Call): number {
  return NATIVE_LIMIT + (call.salt % 1_000_000) / 1e9
}

const TRACEBACK = [
  ['utils.py', 2112, 'wrapper_async', 'result = await original_function(*args, **call_kwargs)'],
  ['main.py', 740, 'acompletion', 'raise exception_type('],
  ['litellm_core_utils/exception_mapping_utils.py', 2745, 'exception_type', "raise e  # it's already mapped"],
  ['litellm_core_utils/exception_mapping_utils.py', 2492, 'exception_type', '_map_openai_exception('],
]
  .map(
    ([file, line, name, code]) =>
      `  File "/opt/litellm/lib/python3.11/site-packages/litellm/${file}", line ${line}, in ${name}\n    ${code}\n`,
  )
  .join('')

/** How LiteLLM classes what our hook refused, by status. */
const NORMALIZED: Readonly<Record<number, string>> = {
  402: '429_BUDGET_EXCEEDED',
  403: '403_PERMISSION_DENIED',
  429: '429_RATE_LIMIT_EXCEEDED',
  503: '503_PROVIDER_OVERLOADED',
}

/** What LiteLLM says of a refusal that was decided on, which it knows from the hook's exception alone. */
function refusalText({ status, message }: Refusal): ErrorText {
  const normalized = NORMALIZED[status] ?? 'UNCLASSIFIED'
  return { code: String(status), class: 'ProxyException', normalized, provider: false, message: () => message }
}

/** `error_information` as the push record carries it; with empty texts for a success. */
export function errorInformation(call: Call, failure: Failure | null, model: Model | null) {
  const refusal = call.decision?.refusal ?? null
  const error = failure === null ? null : refusal ? refusalText(refusal) : ERRORS[failure]
  const native = failure === 'native_budget'
  return {
    error_code: error?.code ?? '',
    error_class: error?.class ?? '',
    llm_provider: error?.provider || native ? (model?.provider ?? '') : '',
    traceback: error?.provider ? TRACEBACK : '',
    error_message: error?.message(call, model) ?? '',
    error_provider_request_id: null,
    error_rate_limit_category: native ? 'litellm_rate_limit' : failure === 'rate_limit' ? 'vendor_rate_limit' : null,
    error_rate_limit_type: native ? 'budget' : null,
    error_budget_entity_type: native ? 'end_user' : null,
    error_budget_entity_id: native ? call.customer : null,
    error_budget_limit: native ? NATIVE_LIMIT : null,
    error_budget_spend: native ? nativeSpend(call) : null,
    normalized_error: error?.normalized ?? null,
  }
}
