import { createHash, timingSafeEqual } from 'node:crypto'
import type { Request, RequestHandler } from 'express'
import { problem } from './problem.ts'

/** What a key is for. `admin` opens everything; the others open only their own. */
export const ROLES = ['reader', 'ingest', 'gateway', 'admin'] as const
export type Role = (typeof ROLES)[number]

/** A key for each role, or null where none is set. */
export type KeyRing = Readonly<Record<Role, string | null>>

/** How a presented key relates to a role. `unset` = the role itself has no key and the caller showed no other that opens it. */
export type Admittance = 'open' | 'admitted' | 'unset' | 'missing' | 'unknown' | 'wrong role'

export interface KeyOptions {
  /** The keys in force now; asked for each request, they change on reload. */
  readonly keys: () => KeyRing
  readonly role: Role
  /** Whether only this machine can reach the server: a role without a key is open there and refused elsewhere. */
  readonly loopback: boolean
}

/**
 * Middleware that lets a request through when it carries the key of a role (or of `admin`), as `Authorization: Bearer` or as
 * the password of HTTP Basic with any user name, which is how a browser can ask a person for it. Otherwise 401 for no key or
 * an unknown one, 403 for a key of another role and for a role that has no key beyond loopback. Compares in constant time.
 */
export function bearerKey(options: KeyOptions): RequestHandler {
  return (req, res, next) => {
    const found = admittance(req, options)
    if (found === 'open' || found === 'admitted') return next()
    if (found === 'wrong role') {
      return problem(res, {
        status: 403,
        title: 'Wrong key',
        detail: `This key is not for this. Use the key that the policy file names server.keys.${options.role}.`,
      })
    }
    if (found === 'unset') {
      return problem(res, {
        status: 403,
        title: 'No key set',
        detail: `Beyond this machine this needs a key, and none is set. Set server.keys.${options.role} in the policy file.`,
      })
    }
    problem(res, {
      status: 401,
      title: found === 'missing' ? 'Key missing' : 'Key unknown',
      detail: `Send the key that the policy file names server.keys.${options.role} as "Authorization: Bearer <key>".`,
      headers: { 'WWW-Authenticate': challenges(req) },
    })
  }
}

/** What `bearerKey` would find, without answering: for pages that say more to those who may know more. */
export function admittance(req: Request, options: KeyOptions): Admittance {
  const keys = options.keys()
  const own = keys[options.role]
  if (own === null && options.loopback) return 'open'
  const given = presented(req)
  if (given === null) return own === null ? 'unset' : 'missing'
  const roles = rolesOf(given, keys)
  if (roles.includes(options.role) || roles.includes('admin')) return 'admitted'
  if (own === null) return 'unset'
  return roles.length === 0 ? 'unknown' : 'wrong role'
}

/** Every key is compared, always, so that the time taken tells nothing. Roles may share a key. */
function rolesOf(given: string, keys: KeyRing): Role[] {
  const shown = digest(given)
  return ROLES.filter((role) => {
    const key = keys[role]
    return key !== null && timingSafeEqual(shown, digest(key))
  })
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function presented(req: Request): string | null {
  const match = /^(bearer|basic) +(\S+) *$/i.exec(req.headers.authorization ?? '')
  if (!match?.[1] || !match[2]) return null
  if (match[1].toLowerCase() === 'bearer') return match[2]
  const pair = Buffer.from(match[2], 'base64').toString('utf8')
  const colon = pair.indexOf(':')
  return colon < 0 ? null : pair.slice(colon + 1)
}

/** Basic is offered only to a browser that shows a page: offered to a script's fetch, it would make a window pop up. */
function challenges(req: Request): string[] {
  const bearer = 'Bearer realm="marginwatch"'
  const wantsPage = /\btext\/html\b/.test(req.headers.accept ?? '')
  return wantsPage ? [bearer, 'Basic realm="marginwatch", charset="UTF-8"'] : [bearer]
}
