import { createHash, timingSafeEqual } from 'node:crypto'
import type { RequestHandler } from 'express'
import { problem } from './problem.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest()

/**
 * Lets only requests with the right bearer key through; the comparison takes as long for a wrong one. Without a key set, all
 * pass: the app refuses to start like that beyond loopback.
 */
export function bearer(key: () => string | null): RequestHandler {
  return (req, res, next) => {
    const wanted = key()
    const given = /^Bearer +(\S+)\s*$/i.exec(req.headers.authorization ?? '')?.[1] ?? null
    if (wanted === null || (given !== null && timingSafeEqual(sha256(given), sha256(wanted)))) return next()
    req.resume()
    res.set('WWW-Authenticate', 'Bearer')
    const found = given === null ? 'no key' : 'a wrong key'
    problem(
      res,
      401,
      `Found ${found}, expected "Authorization: Bearer" with the ingest key (server.keys.ingest of the policy).`,
    )
  }
}
