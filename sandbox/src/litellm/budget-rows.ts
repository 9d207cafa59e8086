import { ADMIN, type BudgetRow, type CustomerRow } from './tables.ts'

/** A time as this version writes it: microseconds, unless it is a whole second. */
function stamp(ms: number): string {
  const text = new Date(ms).toISOString()
  return ms % 1000 === 0 ? text.replace('.000', '') : text.replace('Z', '000Z')
}

function limits({ id, max, soft, duration, resetAt }: BudgetRow) {
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
    budget_reset_at: resetAt === null ? null : stamp(resetAt),
    allowed_models: [],
    temp_budget_increase: null,
    temp_budget_expiry: null,
  }
}

/** A budget as the endpoints of budgets show it. */
export function budgetRow(budget: BudgetRow): object {
  return {
    ...limits(budget),
    created_at: stamp(budget.createdAt),
    created_by: ADMIN,
    updated_at: stamp(budget.updatedAt),
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

/** A customer as the endpoints of customers show it. */
export function customerRow({ id, alias, blocked, spend, budget }: CustomerRow): object {
  return {
    user_id: id,
    blocked,
    alias,
    spend,
    allowed_model_region: null,
    default_model: null,
    models: [],
    budget_id: budget?.id ?? null,
    litellm_budget_table: budget ? { ...limits(budget), created_at: stamp(budget.createdAt) } : null,
    object_permission_id: null,
    object_permission: null,
  }
}
