import { createHash } from 'node:crypto'
import { KEY_HASHES } from '../company.ts'
import { type Answer, errorAnswer, operation } from './answers.ts'
import { budgetRow, customerRow } from './budget-rows.ts'
import type { DirectoryKey } from './directory-settings.ts'
import { ADMIN, SET_UP, type Tables } from './tables.ts'

/** The paths that are answered here, with the parameters that they read. */
export const DIRECTORY_PATHS = {
  '/customer/list': { get: operation('List End User') },
  '/key/list': { get: operation('List Keys', ['page', 'size', 'return_full_object']) },
  '/budget/list': { get: operation('List Budget') },
}

/** Answers the lists as 1.106.2 does; null for other paths. */
export function answerDirectory(keys: readonly DirectoryKey[] | undefined, tables: Tables, url: URL): Answer | null {
  if (url.pathname === '/customer/list') return { status: 200, body: tables.customers().map(customerRow) }
  if (url.pathname === '/budget/list') return { status: 200, body: tables.budgets().map(budgetRow) }
  return url.pathname === '/key/list' ? keyPage(keys ?? companyKeys(), url.searchParams) : null
}

function companyKeys(): DirectoryKey[] {
  return Object.keys(KEY_HASHES).map((alias) => ({ alias }))
}

/** Hashes alone, or whole objects when they are asked for; at most 100 a page. */
function keyPage(keys: readonly DirectoryKey[], params: URLSearchParams): Answer {
  const page = Number(params.get('page') ?? 1)
  const size = Number(params.get('size') ?? 10)
  if (!(page >= 1)) return tooLow('page')
  if (!(size >= 1)) return tooLow('size')
  if (size > 100)
    return {
      status: 422,
      body: { detail: [detail('size', 'less_than_equal', 'Input should be less than or equal to 100', String(size))] },
    }
  const shown = keys.slice((page - 1) * size, page * size)
  const whole = params.get('return_full_object') === 'true'
  return {
    status: 200,
    body: {
      keys: shown.map((key) => (whole ? keyRow(key) : hashOf(key))),
      total_count: keys.length,
      current_page: page,
      total_pages: Math.ceil(keys.length / size),
    },
  }
}

function tooLow(name: string): Answer {
  return errorAnswer(422, `${name}: Input should be greater than or equal to 1`, 'bad_request', name)
}

function detail(name: string, type: string, msg: string, input: string) {
  return { type, loc: ['query', name], msg, input }
}

function hashOf({ alias }: DirectoryKey): string {
  return (
    KEY_HASHES[alias ?? ''] ??
    createHash('sha256')
      .update(`sk-${alias ?? 'unnamed'}`)
      .digest('hex')
  )
}

function keyRow(key: DirectoryKey): object {
  const { alias, user = null, team = null, metadata = {}, max = null } = key
  return {
    ...KEY,
    token: hashOf(key),
    key_alias: alias,
    user_id: user,
    team_id: team?.id ?? null,
    team_alias: team?.alias ?? null,
    metadata,
    max_budget: max,
  }
}

/** A key of which nothing was said but its name: as captured, without what is empty in every key. */
const KEY = {
  token: '',
  key_name: 'sk-...d4Zw',
  key_alias: null,
  spend: 0,
  total_spend: 0,
  max_budget: null,
  expires: null,
  models: [],
  aliases: {},
  config: {},
  user_id: null,
  team_id: null,
  agent_id: null,
  project_id: null,
  max_parallel_requests: null,
  metadata: {},
  tpm_limit: null,
  rpm_limit: null,
  budget_duration: null,
  budget_reset_at: null,
  permissions: {},
  model_max_budget: {},
  blocked: null,
  litellm_budget_table: null,
  budget_id: null,
  org_id: null,
  created_at: SET_UP,
  created_by: ADMIN,
  updated_at: SET_UP,
  updated_by: ADMIN,
  team_alias: null,
  soft_budget: null,
  end_user_id: null,
  project_alias: null,
  user_email: null,
}
