import { type Answer, forbidden, unauthorized } from './answers.ts'
import type { Keys, Tenant } from './project.ts'

/** Who may come in with a project's keys. The pair is found by the secret key alone: a wrong public key is let through. */
export function authorize(
  authorization: string | undefined,
  tenants: readonly Tenant[],
  organizations: readonly Keys[],
): Tenant | Answer {
  if (!authorization) return unauthorized('No authorization header')
  if (authorization.startsWith('Bearer ')) return bearer(authorization.slice('Bearer '.length), tenants)
  const pair = authorization.startsWith('Basic ')
    ? Buffer.from(authorization.slice('Basic '.length), 'base64').toString()
    : ''
  const secret = pair.slice(pair.indexOf(':') + 1)
  const tenant = tenants.find(({ keys }) => keys.secretKey === secret)
  if (tenant && pair.includes(':')) return tenant
  if (organizations.some(({ secretKey }) => secretKey === secret))
    return forbidden('This endpoint needs a key of a project; the key given belongs to an organization.')
  return invalidCredentials()
}

/** With the public key alone one may write scores and read nothing. */
function bearer(key: string, tenants: readonly Tenant[]): Answer {
  if (tenants.some(({ keys }) => keys.publicKey === key))
    return forbidden('Access denied: this endpoint needs basic authentication with public and secret key.')
  return invalidCredentials()
}

function invalidCredentials(): Answer {
  return unauthorized("Invalid credentials. Confirm that you've configured the correct host.")
}
