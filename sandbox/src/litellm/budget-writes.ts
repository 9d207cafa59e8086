import { randomUUID } from 'node:crypto'
import { type Answer, errorAnswer, operation } from './answers.ts'
import { budgetRow, customerRow } from './budget-rows.ts'
import { type BudgetRow, nextReset, type Tables } from './tables.ts'

/** The paths that write; all by POST. */
export const WRITE_PATHS = {
  '/budget/new': { post: operation('New Budget') },
  '/budget/update': { post: operation('Update Budget') },
  '/budget/delete': { post: operation('Delete Budget') },
  '/customer/new': { post: operation('New End User') },
  '/customer/update': { post: operation('Update End User') },
} as const
type WritePath = keyof typeof WRITE_PATHS

type Body = Readonly<Record<string, unknown>>

const WRITERS: Readonly<Record<WritePath, (body: Body, tables: Tables) => Answer>> = {
  '/budget/new': newBudget,
  '/budget/update': updateBudget,
  '/budget/delete': deleteBudget,
  '/customer/new': newCustomer,
  '/customer/update': updateCustomer,
}

/** Writes as 1.106.2 does; fields that it drops without a word are dropped here too. */
export function answerWrite(path: string, text: string, tables: Tables): Answer {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return invalid('json_invalid', ['body', 0], 'JSON decode error')
  }
  if (typeof body !== 'object' || body === null)
    return invalid(
      'model_attributes_type',
      ['body'],
      'Input should be a valid dictionary or object to extract fields from',
    )
  const missing = NEEDED[path as WritePath]?.find((name) => typeof (body as Body)[name] !== 'string')
  if (missing !== undefined) return invalid('missing', ['body', missing], 'Field required')
  const { max_budget: max } = body as Body
  if (typeof max === 'string' && !Number.isFinite(Number(max)))
    return invalid(
      'float_parsing',
      ['body', 'max_budget'],
      'Input should be a valid number, unable to parse string as a number',
    )
  return WRITERS[path as WritePath](body as Body, tables)
}

const NEEDED: Readonly<Partial<Record<WritePath, readonly string[]>>> = {
  '/budget/delete': ['id'],
  '/customer/new': ['user_id'],
  '/customer/update': ['user_id'],
}

function invalid(type: string, loc: readonly unknown[], msg: string): Answer {
  return { status: 422, body: { detail: [{ type, loc, msg }] } }
}

function badBudget(body: Body): Answer | null {
  const [max, duration] = [number(body.max_budget), text(body.budget_duration)]
  if (max !== null && max < 0)
    return refused(`max_budget must be a non-negative finite number. Received: ${python(max)}`)
  if (duration !== null && nextReset(duration, 0) === null)
    return refused(`Invalid budget_duration '${duration}'. Use a format like '1h', '24h', '7d', or '30d'.`)
  return null
}

function refused(error: string): Answer {
  return { status: 400, body: { detail: { error } } }
}

/** A number as Python prints it. */
function python(value: number): string {
  return Number.isInteger(value) ? `${value}.0` : String(value)
}

function newBudget(body: Body, tables: Tables): Answer {
  const bad = badBudget(body)
  if (bad) return bad
  const id = text(body.budget_id) ?? randomUUID()
  if (tables.budget(id)) return refused(`Budget with id '${id}' already exists.`)
  const row = freshBudget(id, body, tables.now())
  tables.putBudget(row)
  return { status: 200, body: budgetRow(row) }
}

function freshBudget(id: string, body: Body, now: number): BudgetRow {
  const duration = text(body.budget_duration)
  const resetAt = time(body.budget_reset_at) ?? (duration === null ? null : nextReset(duration, now))
  const amounts = { max: number(body.max_budget), soft: number(body.soft_budget) }
  return { id, ...amounts, duration, resetAt, createdAt: now, updatedAt: now }
}

/** A field that is there and null takes away; one that is not there changes nothing. A budget that is not there is no error. */
function updateBudget(body: Body, tables: Tables): Answer {
  const id = text(body.budget_id)
  if (id === null) return refused('budget_id is required')
  const bad = badBudget(body)
  if (bad) return bad
  const row = tables.budget(id)
  if (row === null) return { status: 200, body: null }
  const now = tables.now()
  if ('max_budget' in body) row.max = number(body.max_budget)
  if ('soft_budget' in body) row.soft = number(body.soft_budget)
  if ('budget_duration' in body) {
    row.duration = text(body.budget_duration)
    row.resetAt = row.duration === null ? null : nextReset(row.duration, now)
  }
  if ('budget_reset_at' in body) row.resetAt = time(body.budget_reset_at)
  row.updatedAt = now
  return { status: 200, body: budgetRow(row) }
}

function deleteBudget(body: Body, tables: Tables): Answer {
  const row = tables.budget(String(body.id))
  if (row) tables.deleteBudget(row.id)
  return { status: 200, body: row && budgetRow(row) }
}

function newCustomer(body: Body, tables: Tables): Answer {
  const [id, max, budget] = [String(body.user_id), number(body.max_budget), text(body.budget_id)]
  if (max !== null && budget !== null)
    return invalid('value_error', ['body'], "Value error, Set either 'max_budget' or 'budget_id', not both.")
  if (tables.customer(id)) {
    const message = `Customer already exists, passed user_id=${id}. Please pass a new user_id.`
    return errorAnswer(400, message, 'bad_request', 'user_id')
  }
  if (budget !== null && !tables.budget(budget)) return noSuchBudget()
  const alias = text(body.alias)
  tables.putCustomer(id, {
    ...(budget !== null && { budget }),
    ...(max !== null && { budget: ownBudget(body, tables) }),
    ...(alias !== null && { alias }),
  })
  return customerAnswer(id, tables)
}

/** Of a customer that is made with a limit of its own; unlike others it ends so long after the moment. */
function ownBudget(body: Body, tables: Tables): string {
  const now = tables.now()
  const days = Number(/^(\d+)d$/.exec(text(body.budget_duration) ?? '')?.[1] ?? 0)
  const row = { ...freshBudget(randomUUID(), body, now), ...(days > 0 && { resetAt: now + days * 86_400_000 }) }
  tables.putBudget(row)
  return row.id
}

/** Takes the limit in the place where it is, also when others share it; `null`, `0` and fields of budgets are dropped. */
function updateCustomer(body: Body, tables: Tables): Answer {
  const id = String(body.user_id)
  const customer = tables.customer(id)
  if (customer === null) return errorAnswer(404, `End User Id=${id} does not exist in db`, 'not_found', 'user_id')
  const [max, budget, alias] = [number(body.max_budget), text(body.budget_id), text(body.alias)]
  if (budget !== null && !tables.budget(budget)) return noSuchBudget()
  if (max !== null && max !== 0 && customer.budget) customer.budget.max = max
  const own = max !== null && max !== 0 && !customer.budget ? ownBudget({ max_budget: max }, tables) : null
  tables.putCustomer(id, {
    ...(own !== null && { budget: own }),
    ...(budget !== null && { budget }),
    ...(alias !== null && { alias }),
    ...(typeof body.blocked === 'boolean' && { blocked: body.blocked }),
  })
  return customerAnswer(id, tables)
}

function noSuchBudget(): Answer {
  const message = 'Foreign key constraint failed on the field: `LiteLLM_EndUserTable_budget_id_fkey (index)`'
  return errorAnswer(500, message, 'internal_server_error', null)
}

function customerAnswer(id: string, tables: Tables): Answer {
  const customer = tables.customer(id)
  return { status: 200, body: customer && customerRow(customer) }
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

function number(value: unknown): number | null {
  return typeof value === 'number' || (typeof value === 'string' && value !== '') ? Number(value) : null
}

function time(value: unknown): number | null {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(ms) ? null : ms
}
