import { type Answer, ok } from './answers.ts'
import type { Bucket } from './limits.ts'
import { answerMetrics } from './metrics/answer.ts'
import { answerModels } from './models.ts'
import { answerObservations } from './observations.ts'
import type { Tenant } from './project.ts'
import { answerScores } from './scores.ts'
import type { Switches } from './switches.ts'
import { answerDaily, answerV1Observations, answerV1Traces } from './v1.ts'

/** What an answer is made of. */
export interface Asked {
  readonly tenant: Tenant
  readonly search: URLSearchParams
  readonly now: number
  readonly switches: Switches
}

export interface Route {
  /** What it counts against on Langfuse Cloud; null = it is free. */
  readonly bucket: Bucket | null
  /** Whether a server with these switches has it; a v2 route that is off says so after the key was looked at. */
  readonly on: (switches: Switches) => boolean
  /** `integers` are the fields of the rows that ClickHouse keeps in 64 bits. */
  readonly answer: (asked: Asked) => { readonly answer: Answer; readonly integers?: ReadonlySet<string> }
}

const always = (): boolean => true
const v4Reads = ({ v4Reads }: Switches): boolean => v4Reads

/** The reads under `/api/public`, by their path. */
export const ROUTES: Readonly<Record<string, Route>> = {
  '/projects': { bucket: null, on: always, answer: projects },
  '/v2/metrics': {
    bucket: 'metrics',
    on: (switches) => switches.v4Reads && switches.mode !== 'legacy',
    answer: ({ tenant, search, now }) => answerMetrics(tenant, search, now),
  },
  '/v2/observations': {
    bucket: 'general',
    on: v4Reads,
    answer: ({ tenant, search, now, switches }) => ({
      answer: answerObservations(tenant.table, search, now, switches.modelKey),
    }),
  },
  '/v3/scores': {
    bucket: 'general',
    on: v4Reads,
    answer: ({ tenant, search, now }) => ({ answer: answerScores(tenant.scores, search, now) }),
  },
  '/models': {
    bucket: 'general',
    on: always,
    answer: ({ tenant, search }) => ({ answer: answerModels(tenant.models, search) }),
  },
  '/observations': {
    bucket: 'legacy',
    on: always,
    answer: ({ tenant, search, now }) => ({ answer: answerV1Observations(tenant, search, now) }),
  },
  '/traces': {
    bucket: 'legacy',
    on: always,
    answer: ({ tenant, search, now }) => ({ answer: answerV1Traces(tenant, search, now) }),
  },
  '/metrics/daily': {
    bucket: 'daily',
    on: always,
    answer: ({ tenant, search, now }) => ({ answer: answerDaily(tenant, search, now) }),
  },
}

function projects({ tenant }: Asked): { readonly answer: Answer } {
  const { id, name, organization, retentionDays } = tenant
  const kept = retentionDays === null ? {} : { retentionDays }
  const project = { id, name, organization: { id: `org-${organization}`, name: organization }, metadata: {}, ...kept }
  return { answer: ok({ data: [project] }) }
}

/** What only servers answer that still keep traces, sessions and observations as version 3 did. */
const LEGACY = [
  /^\/metrics(\/daily)?$/,
  /^\/traces(\/[^/]+)?$/,
  /^\/observations(\/[^/]+)?$/,
  /^\/sessions(\/[^/]+)?$/,
  /^\/(v2\/)?scores(\/[^/]+)?$/,
  /^\/datasets\/[^/]+\/runs(\/[^/]+)?$/,
]

export function isLegacy(path: string): boolean {
  return LEGACY.some((pattern) => pattern.test(path))
}
