import { createHash } from 'node:crypto'
import { KEY_HASHES } from '../company.ts'
import { type Answer, errorAnswer, operation } from './answers.ts'
import type { Rows } from './rows.ts'

/** What an administrator of the proxy has set up; amounts in dollars, times in ISO 8601. */
export interface DirectorySettings {
  /** Those with a name or a budget; whoever has made a call is a customer besides. */
  readonly customers?: readonly DirectoryCustomer[]
  /** Default: the two of the company, without an owner. */
  readonly keys?: readonly DirectoryKey[]
  readonly budgets?: readonly DirectoryBudget[]
  /** Paths that this version does not have. */
  readonly without?: readonly string[]
}

export interface DirectoryCustomer {
  readonly id: string
  readonly alias?: string
  readonly budget?: string
  readonly blocked?: boolean
}

export interface DirectoryKey {
  readonly alias: string | null
  readonly user?: string
  readonly team?: { readonly id: string; readonly alias: string }
  readonly metadata?: Readonly<Record<string, unknown>>
  readonly max?: number
}

export interface DirectoryBudget {
  readonly id: string
  readonly max: number | null
  readonly soft?: number
  readonly duration?: string
  readonly resetAt?: string
}

/** The paths that are answered here, with the parameters that they read. */
export const DIRECTORY_PATHS = {
  '/customer/list': { get: operation('List End User') },
  '/key/list': { get: operation('List Keys', ['page', 'size', 'return_full_object']) },
  '/budget/list': { get: operation('List Budget') },
}

/** Answers the lists as 1.106.2 does; null for other paths. */
export function answerDirectory(settings: DirectorySettings, rows: Rows, url: URL, now: number): Answer | null {
  if (url.pathname === '/customer/list') return { status: 200, body: customers(settings, rows, now) }
  if (url.pathname === '/budget/list') return { status: 200, body: (settings.budgets ?? []).map(budgetRow) }
  return url.pathname === '/key/list' ? keyPage(settings.keys ?? companyKeys(), url.searchParams) : null
}

/** The whole table in no order that means anything, and without pages. */
function customers({ customers = [], budgets = [] }: DirectorySettings, rows: Rows, now: number): object[] {
  const spend = new Map<string, number>(customers.map(({ id }) => [id, 0]))
  for (const { customer, cost } of rows.page(EVERYTHING, now).calls)
    if (customer !== null) spend.set(customer, (spend.get(customer) ?? 0) + Number(cost ?? 0n) / 1e9)
  return [...spend].map(([id, sum]) => {
    const known = customers.find((customer) => customer.id === id)
    const budget = budgets.find((one) => one.id === known?.budget)
    return {
      user_id: id,
      blocked: known?.blocked ?? false,
      alias: known?.alias ?? null,
      spend: sum,
      allowed_model_region: null,
      default_model: null,
      models: [],
      budget_id: known?.budget ?? null,
      litellm_budget_table: budget ? { ...limits(budget), created_at: SET_UP } : null,
      object_permission_id: null,
      object_permission: null,
    }
  })
}

const EVERYTHING = {
  from: Number.NEGATIVE_INFINITY,
  to: Number.POSITIVE_INFINITY,
  endUser: null,
  requestId: null,
  status: null,
  sortBy: 'startTime',
  descending: false,
  page: 1,
  pageSize: Number.MAX_SAFE_INTEGER,
} as const
const SET_UP = '2026-11-22T10:26:50.246000Z'
const ADMIN = 'default_user_id'

function limits({ id, max, soft = null, duration = null, resetAt = null }: Loose<DirectoryBudget>) {
  return {
    budget_id: id,
    max_budget: max,
    soft_budget: soft,
    max_parallel_requests: null,
    tpm_limit: null,
    rpm_limit: null,
    tpd_limit: null,
    model_max_budget: null,
    budget_duration: duration,
    budget_reset_at: resetAt,
    allowed_models: [],
    temp_budget_increase: null,
    temp_budget_expiry: null,
  }
}

type Loose<T> = { readonly [K in keyof T]: T[K] | null }

function budgetRow(budget: DirectoryBudget): object {
  return {
    ...limits(budget),
    created_at: SET_UP,
    created_by: ADMIN,
    updated_at: SET_UP,
    updated_by: ADMIN,
    organization: null,
    projects: null,
    keys: null,
    end_users: null,
    tags: null,
    model_access_groups: null,
    team_membership: null,
    organization_membership: null,
  }
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
