import { STATUS_CODES } from 'node:http'
import { type Request, type RequestHandler, type Response, Router } from 'express'
import { bearerKey } from '../../http/keys.ts'
import { problem } from '../../http/problem.ts'
import { LedgerBusy, LedgerUnavailable } from '../../ledger/ledger.ts'
import { isLoopback } from '../../loopback.ts'
import { BodyRefused, bodyOf } from '../body.ts'
import { type Broken, JsonSplitter, splitJson } from '../json-stream.ts'
import type { Gateways, Post } from './gateway.ts'
import { GATEWAY_HEADER } from './gateway-report.ts'
import { readPushed } from './pushed.ts'
import { recordSlice, Slice, type SliceTarget } from './slice.ts'

/** Records made durable together; a long body becomes several slices, so that memory stays flat. */
const SLICE = 1000
/** Refusals that an answer spells out; all of them are counted and in quarantine. */
const MOST_LISTED = 1000
const PATH = '/v1/sources/litellm'

interface Answer {
  accepted: number
  attempts: number
  duplicates: number
  conflicts: number
  refused: { index: number; reason: string }[]
  refusedCount: number
}

export interface PushTarget extends SliceTarget {
  readonly gateways: Gateways
}

/**
 * `POST /v1/sources/litellm` takes records, StandardLoggingPayload of LiteLLM or slim ones of our gateway: an array, NDJSON or a
 * single one, packed or not; an empty body says that the sender lives. It answers `{accepted, attempts, duplicates, conflicts,
 * refused: [{index, reason}], refusedCount}` once they are durable; a record that cannot be used is refused by itself. 400 when the body breaks off, with the place and what was accepted before it; 401, 413, 415;
 * 503 with Retry-After or the reason when the ledger cannot take them: then nothing that was not counted is kept.
 * `GET …/quarantine?limit=` lists refused records, newest first.
 */
export function pushRouter(target: PushTarget, onRecords: () => void): Router {
  const router = Router()
  const hear = hearing(target)
  const { server } = target.deps.policy()
  const allowed = bearerKey({
    keys: () => target.deps.policy().server.keys,
    role: 'ingest',
    loopback: isLoopback(server.host),
  })
  router.post(PATH, allowed, switchedOn(target), (req, res) => take(req, res, { ...target, hear, onRecords }))
  router.get(`${PATH}/quarantine`, allowed, (req, res) => {
    const limit = Math.trunc(Number(req.query.limit ?? 100))
    if (!(limit >= 1 && limit <= 1000)) return refuse(res, 400, 'Expected limit to be a whole number from 1 to 1000.')
    res.json({ records: target.quarantine.list(limit) })
  })
  return router
}

function switchedOn(target: SliceTarget): RequestHandler {
  return (_req, res, next) => {
    if (target.deps.policy().sources.litellm.push) return next()
    refuse(res, 404, 'Pushed records are not taken: sources.litellm.push is false in the policy.')
  }
}

/** What a post says of its sender. A header that is not understood is told of once: it comes with every post. */
function hearing({ gateways, deps }: PushTarget): (req: Request) => Post {
  let told = false
  return (req) => {
    const post = gateways.heard(req.get(GATEWAY_HEADER), deps.now())
    if (post.problem !== null && !told) {
      told = true
      deps.log.warn({ reason: post.problem }, 'what the gateway says of itself is not understood')
    }
    return post
  }
}

interface Taking extends PushTarget {
  readonly hear: (req: Request) => Post
  readonly onRecords: () => void
}

async function take(req: Request, res: Response, target: Taking): Promise<void> {
  const answer: Answer = { accepted: 0, attempts: 0, duplicates: 0, conflicts: 0, refused: [], refusedCount: 0 }
  try {
    const post = target.hear(req)
    const broken = await takeBody(req, target, answer)
    const records = answer.accepted + answer.attempts + answer.duplicates + answer.refusedCount
    if (records > 0) target.onRecords()
    target.deps.report.succeeded()
    if (broken) return refuseBroken(res, broken, answer)
    post.acknowledged(records)
    res.json(answer)
  } catch (error) {
    fail(req, res, target, { error, answer })
  }
}

/** Takes record after record; returns where the body broke off, if it did. */
async function takeBody(req: Request, target: SliceTarget, answer: Answer): Promise<Broken | null> {
  const { deps } = target
  const pieces = splitJson(bodyOf(req, deps.policy().server.bodyLimitBytes), new JsonSplitter())
  let slice = new Slice(readPushed, deps)
  let broken: Broken | null = null
  for await (const piece of pieces) {
    if (piece.kind === 'broken') broken = piece
    else slice.add(piece)
    if (slice.size < SLICE) continue
    await record(slice, target, answer)
    slice = new Slice(readPushed, deps)
  }
  await record(slice, target, answer)
  return broken
}

async function record(slice: Slice, target: SliceTarget, answer: Answer): Promise<void> {
  const outcome = await recordSlice(slice, target)
  answer.accepted += outcome.accepted
  answer.attempts += outcome.attempts
  answer.duplicates += outcome.duplicates
  answer.conflicts += outcome.conflicts
  answer.refusedCount += slice.refused.length
  const room = MOST_LISTED - answer.refused.length
  answer.refused.push(...slice.refused.slice(0, room).map(({ index, reason }) => ({ index, reason })))
}

function refuseBroken(res: Response, broken: Broken, answer: Answer): void {
  const { offset, line, column, reason } = broken
  const before = answer.accepted + answer.attempts + answer.duplicates
  const detail = `The body is not JSON at byte ${offset} (line ${line}, column ${column}): ${reason}. ${before} records before it were taken.`
  refuse(res, 400, detail, { position: { offset, line, column }, ...answer })
}

function fail(
  req: Request,
  res: Response,
  target: SliceTarget,
  { error, answer }: { error: unknown; answer: Answer },
): void {
  const { report, log } = target.deps
  if (error instanceof BodyRefused) refuse(res, error.status, error.message, { ...answer })
  else if (error instanceof LedgerBusy) {
    res.set('Retry-After', String(Math.max(1, Math.ceil(error.retryAfterMs / 1000))))
    refuse(res, 503, error.message, { ...answer })
  } else if (error instanceof LedgerUnavailable) {
    report.failed(error.message)
    res.set('Retry-After', '5')
    refuse(res, 503, error.message, { ...answer })
  } else if (req.destroyed && !req.complete) log.debug('a sender went away in the middle of its body')
  else {
    log.error({ err: error }, 'a push could not be taken')
    const detail = 'The records could not be taken; the log says why. Nothing beyond what is counted here was kept.'
    refuse(res, 500, detail, { ...answer })
  }
}

function refuse(res: Response, status: number, detail: string, extra: Readonly<Record<string, unknown>> = {}): void {
  problem(res, { status, title: STATUS_CODES[status] ?? 'Refused', detail, extra })
}
