/** What a gateway of the tests is like. */
export interface GatewayConfig {
  /** Where the upstream listens. */
  readonly upstream: string
  /** Over the settings of the same names. */
  readonly general?: object
  readonly litellm?: object
  readonly router?: object
  /** Settings of callbacks that `litellm` names, by their names. */
  readonly callbacks?: object
  /** Further entries of `model_list`. */
  readonly models?: readonly object[]
}

/**
 * LiteLLM's configuration, as YAML (JSON is YAML). Public names and what answers them, all on the upstream:
 *
 * | name | deployment |
 * | --- | --- |
 * | `gpt-4o`, `gpt-4o-mini` | OpenAI's models of these names |
 * | `claude` | `anthropic/claude-sonnet-4-5-20250929` |
 * | `gemini` | `gemini/gemini-2.5-flash` |
 * | `embedding` | `openai/text-embedding-3-small` |
 * | `retried` | `openai/gpt-4o`, tried three times |
 * | `falling` | `openai/gpt-4o` that always answers 500; falls back to `claude` |
 *
 * Nothing is cached unless a request says so (`cache: { "use-cache": true }`).
 */
export function gatewayConfig({ upstream, general, litellm, router, callbacks, models = [] }: GatewayConfig): string {
  const config = {
    model_list: [...MODELS.map(([name, model, way = '']) => deployment(name, model, upstream + way)), ...models],
    general_settings: {
      master_key: 'os.environ/LITELLM_MASTER_KEY',
      // Seconds after which spend reaches the database; ten by default.
      proxy_batch_write_at: 1,
      disable_budget_reservation: true,
      ...general,
    },
    litellm_settings: {
      num_retries: 0,
      request_timeout: 600,
      cache: true,
      cache_params: { type: 'local', mode: 'default_off' },
      ...litellm,
    },
    ...(callbacks && { callback_settings: callbacks }),
    router_settings: {
      num_retries: 0,
      // One failure must not take the only deployment out of service.
      disable_cooldowns: true,
      model_group_retry_policy: { retried: retries(2) },
      fallbacks: [{ falling: ['claude'] }],
      ...router,
    },
  }
  return JSON.stringify(config, null, 2)
}

/** Public name, deployment, and what stands before the path of its address. */
const MODELS: readonly (readonly [string, string, string?])[] = [
  ['gpt-4o', 'openai/gpt-4o'],
  ['gpt-4o-mini', 'openai/gpt-4o-mini'],
  ['claude', 'anthropic/claude-sonnet-4-5-20250929'],
  ['gemini', 'gemini/gemini-2.5-flash'],
  ['embedding', 'openai/text-embedding-3-small'],
  ['retried', 'openai/gpt-4o'],
  ['falling', 'openai/gpt-4o', '/upstream(status=500)'],
]

/** What each provider's client adds to a base address itself differs. */
const BASES: Readonly<Record<string, string>> = {
  openai: '/v1',
  anthropic: '',
  gemini: '/v1beta',
  hosted_vllm: '/v1',
}

/** An entry of `model_list`: a public name, the model behind it, and the upstream that answers; `params` over its settings. */
export function deployment(name: string, model: string, address: string, params: object = {}): object {
  const [provider = ''] = model.split('/')
  const own = { model, api_key: 'sk-upstream', api_base: `${address}${BASES[provider] ?? ''}` }
  return { model_name: name, litellm_params: { ...own, ...params } }
}

function retries(count: number): object {
  const errors = ['RateLimitError', 'InternalServerError', 'Timeout', 'BadRequestError', 'ContentPolicyViolationError']
  return Object.fromEntries(errors.map((error) => [`${error}Retries`, count]))
}
