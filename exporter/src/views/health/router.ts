import { type Request, Router } from 'express'
import { methodNotAllowed } from '../../http/problem.ts'
import type { HealthReadings, SourceState } from './readings.ts'

export interface HealthDeps {
  /** Reads memory only: a probe never waits for a database. */
  readonly read: () => HealthReadings
  /** Epoch milliseconds. */
  readonly now: () => number
  /** Who may know more than whether it is ready: names and reasons can tell about the inside. Everybody by default. */
  readonly mayRead?: (req: Request) => boolean
}

/**
 * `GET /healthz`: the process answers (200 `ok`); a restart cures nothing that `/readyz` reports.
 * `GET /readyz`: 200 when ready, else 503, with the reasons. Ready = the ledger can be written and no first back-fill runs.
 * A silent source is reported but does not make it unready: taking the exporter out of service would silence the others.
 */
export function healthRouter({ read, now, mayRead = () => true }: HealthDeps): Router {
  const router = Router()
  router
    .route('/healthz')
    .get((_req, res) => void res.set('Cache-Control', 'no-store').type('text/plain').send('ok\n'))
    .all(methodNotAllowed('GET'))
  router
    .route('/readyz')
    .get((req, res) => {
      const report = readiness(read(), now())
      res.status(report.ready ? 200 : 503).set('Cache-Control', 'no-store')
      res.json(mayRead(req) ? report : { ready: report.ready })
    })
    .all(methodNotAllowed('GET'))
  return router
}

/** The body of `/readyz`; times are ISO 8601 in UTC. */
export function readiness(readings: HealthReadings, now: number) {
  const { ledger, policy, catchingUp } = readings
  const reasons: string[] = []
  if (!ledger.writable) reasons.push(`The ledger cannot be written: ${ledger.reason ?? 'the reason is not known'}`)
  if (catchingUp) reasons.push('The first back-fill is running; sums are not whole yet.')
  return {
    ready: reasons.length === 0,
    reasons,
    ledger: { writable: ledger.writable, reason: ledger.reason, since: iso(ledger.since), seq: ledger.seq },
    sources: readings.sources.map((source) => sourceReport(source, now)),
    policy: { ok: policy.ok, problems: policy.problems },
    catching_up: catchingUp,
  }
}

function sourceReport(source: SourceState, now: number) {
  const { name, state, since, lastSuccess, detail } = source
  return {
    name,
    state,
    since: iso(since),
    last_success: iso(lastSuccess),
    seconds_since_last_success: lastSuccess === null ? null : Math.max(0, Math.round((now - lastSuccess) / 1000)),
    detail,
  }
}

function iso(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString()
}
