import { type Answer, methodNotAllowed, ok, unauthorized } from './answers.ts'
import type { Tenant } from './project.ts'
import type { Switches } from './switches.ts'

const RECENT_MS = 3 * 60_000

/** What is asked without a project's key: how the server and its worker are, and how long their queues. */
export function answerHealth(
  path: string,
  search: URLSearchParams,
  { healthy, version }: Switches,
  tenants: readonly Tenant[],
  now: number,
): Answer | null {
  if (path === '/api/health' || path === '/api/ready')
    return healthy ? ok({ status: 'ok' }) : { status: 500, body: { status: 'error' } }
  if (path === '/api/public/ready') return { status: healthy ? 200 : 500, body: { status: 'OK', version } }
  if (path !== '/api/public/health') return null
  if (!healthy) return { status: 503, body: { status: 'Database not available', version } }
  if (search.get('failIfNoRecentEvents') === 'true' && !tenants.some((tenant) => wroteLately(tenant, now)))
    return { status: 503, body: { status: 'No observations within the last 3 minutes', version } }
  return ok({ status: 'OK', version })
}

function wroteLately({ table }: Tenant, now: number): boolean {
  for (const row of table.rows(now, -Infinity, Infinity)) if (row.createdAt > now - RECENT_MS) return true
  return false
}

/** `GET /api/admin/bullmq`: jobs by queue, for whoever has the administrator's key. */
export function answerQueues(
  method: string,
  authorization: string | undefined,
  adminKey: string,
  queues: Switches['queues'],
): Answer {
  if (authorization !== `Bearer ${adminKey}`) return unauthorized('Unauthorized: Invalid token')
  if (method !== 'GET') return methodNotAllowed()
  return ok(Object.entries(queues).map(([queueName, jobCount]) => ({ queueName, jobCount })))
}
