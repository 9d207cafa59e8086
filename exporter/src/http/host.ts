import type { Request, RequestHandler } from 'express'
import { isLoopback } from '../loopback.ts'
import { type KeyRing, ROLES } from './keys.ts'
import { problem } from './problem.ts'

/**
 * On loopback, what has no key is open to every program of this machine, but must not be to web pages: a page of any site
 * can point its own name at 127.0.0.1 and read what answers (DNS rebinding). Such a request carries that name in `Host`, so
 * while any role is without a key only loopback names are answered. A request without `Host` (HTTP/1.0) is no browser's.
 */
export function hostCheck(options: { readonly keys: () => KeyRing; readonly loopback: boolean }): RequestHandler {
  return (req, res, next) => {
    const host = req.headers.host
    const open = options.loopback && ROLES.some((role) => options.keys()[role] === null)
    if (!open || host === undefined || isLoopback(host.replace(/:\d*$/, ''))) return next()
    problem(res, {
      status: 403,
      title: 'Unknown host name',
      detail:
        'Without keys this server answers only to 127.0.0.1, localhost and [::1]. To reach it by another name, for example ' +
        'behind a proxy, set server.keys.reader, server.keys.ingest and server.keys.admin in the policy file.',
    })
  }
}

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Refuses changes that another site's page makes a browser send: those carry the browser's stored password, or need none on
 * loopback. Programs send neither `Sec-Fetch-Site` nor `Origin`; a bearer key is never sent by a browser on its own.
 */
export function refuseCrossSite(): RequestHandler {
  return (req, res, next) => {
    if (SAFE.has(req.method) || /^bearer /i.test(req.headers.authorization ?? '') || !fromAnotherSite(req))
      return next()
    problem(res, {
      status: 403,
      title: 'Request from another site',
      detail:
        'A browser sent this from a page of another site. Changes are taken from programs, and from pages of this server.',
    })
  }
}

function fromAnotherSite(req: Request): boolean {
  const site = req.headers['sec-fetch-site']
  if (site !== undefined) return site !== 'same-origin' && site !== 'none'
  const origin = req.headers.origin
  if (origin === undefined) return false
  return !URL.canParse(origin) || new URL(origin).host !== req.headers.host
}
