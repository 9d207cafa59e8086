import express, { type Express, type Router } from 'express'
import type { Logger } from 'pino'
import { errorHandler } from '../http/errors.ts'
import { securityHeaders } from '../http/headers.ts'
import { hostCheck, refuseCrossSite } from '../http/host.ts'
import { admittance, bearerKey, type KeyRing } from '../http/keys.ts'
import { notFound } from '../http/problem.ts'
import { isLoopback } from '../loopback.ts'
import type { HealthReadings } from '../views/health/readings.ts'
import { healthRouter } from '../views/health/router.ts'
import { processMetrics } from '../views/metrics/process.ts'
import { metricsRouter } from '../views/metrics/routes.ts'
import type { Collector } from '../views/metrics/sample.ts'
import type { PageModel } from '../views/page/model.ts'
import { pageRouter } from '../views/page/router.ts'

export interface WebDeps {
  /** The keys in force now. */
  readonly keys: () => KeyRing
  /** Address that the server listens on. */
  readonly host: string
  readonly log: Logger
  readonly now: () => number
  /** Endpoints of sources and budgets; they check their own keys. */
  readonly routes: readonly Router[]
  readonly collectors: readonly Collector[]
  readonly page: () => PageModel
  readonly health: () => HealthReadings
}

/** The HTTP application: who may ask what, in one place. */
export function webApp(deps: WebDeps): Express {
  const { keys, log, now } = deps
  const loopback = isLoopback(deps.host)
  const reader = { keys, role: 'reader', loopback } as const
  const mayRead = bearerKey(reader)
  const app = express().disable('x-powered-by').disable('etag')
  app.use(securityHeaders, hostCheck({ keys, loopback }), refuseCrossSite())
  app.use(
    healthRouter({
      now,
      read: deps.health,
      mayRead: (req) => ['open', 'admitted'].includes(admittance(req, reader)),
    }),
  )
  for (const router of deps.routes) app.use(router)
  app.use(['/metrics', '/page'], mayRead)
  app.get('/', mayRead)
  app.use(metricsRouter({ collectors: deps.collectors, early: [processMetrics()], log, now }))
  app.use(pageRouter({ read: deps.page }))
  app.use(notFound)
  app.use(errorHandler({ log: (err, req) => log.error({ err, path: req.path }, 'a request failed by our fault') }))
  return app
}
