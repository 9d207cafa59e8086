import { createHash } from 'node:crypto'
import { LITELLM_MODELS, LOCAL, MODELS } from '../models.ts'

export const LITELLM_VERSION = '1.106.2'

export interface Answer {
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** An error as LiteLLM words it. */
export function errorAnswer(status: number, message: string, type: string, param: string | null = 'None'): Answer {
  return { status, body: { error: { message, type, param, code: String(status) } } }
}

/** Null when the request bears the master key, else the refusal. */
export function refuseUnlessMaster(authorization: string | undefined, masterKey: string): Answer | null {
  if (authorization === undefined) return errorAnswer(401, 'Authentication Error, No api key passed in.', 'auth_error')
  if (!authorization.startsWith('Bearer ')) {
    const hint = 'Malformed API Key passed in. Ensure Key has `Bearer ` prefix.'
    return errorAnswer(401, `Authentication Error, ${hint}`, 'auth_error')
  }
  const key = authorization.slice('Bearer '.length)
  if (key === masterKey) return null
  const hash = key.startsWith('sk-') ? createHash('sha256').update(key).digest('hex') : key
  const message = `Authentication Error, Invalid proxy server token passed. Received API Key = sk-...${key.slice(-4)}, Key Hash (Token) =${hash}. Unable to find token in cache or \`LiteLLM_VerificationTokenTable\``
  return errorAnswer(401, message, 'token_not_found_in_db', 'key')
}

/** The paths that this stand-in serves, with the parameters that it reads. */
export const OPENAPI = {
  openapi: '3.1.0',
  info: { title: 'LiteLLM API', description: 'Stand-in', version: LITELLM_VERSION },
  paths: {
    '/health/liveliness': { get: operation('Health Liveliness') },
    '/health/readiness': { get: operation('Health Readiness') },
    '/public/litellm_model_cost_map': { get: operation('Get Litellm Model Cost Map', ['catalog_only']) },
    '/spend/logs/v2': {
      get: operation('Ui View Spend Logs', [
        'start_date',
        'end_date',
        'page',
        'page_size',
        'end_user',
        'request_id',
        'status_filter',
        'sort_by',
        'sort_order',
      ]),
    },
  },
}

export function operation(summary: string, parameters: readonly string[] = []) {
  return {
    summary,
    parameters: parameters.map((name) => ({ name, in: 'query', required: false, schema: { type: 'string' } })),
    responses: { '200': { description: 'Successful Response' } },
  }
}

/**
 * The price map. Without `catalogOnly` it also has what the proxy registered for its deployments: by deployment id, with
 * explicit zeros only where the configuration says that a model is free, and an empty entry for each name it did not know.
 */
export function costMap(catalogOnly: boolean): Record<string, unknown> {
  const map: Record<string, unknown> = { ...LITELLM_MODELS.prices }
  if (catalogOnly) return map
  for (const { id, name, mapKey } of MODELS) {
    const free = id === LOCAL.id ? { input_cost_per_token: 0, output_cost_per_token: 0 } : {}
    map[id] = { ...free, id, db_model: false, member_auto_router: false }
    if (!(mapKey in map)) map[name] = {}
  }
  return map
}
