import type { Facts } from '../../attribution/facts.ts'
import { extraHeaders } from '../litellm/names.ts'
import { object, text } from '../litellm/read.ts'
import { metadataOf } from '../litellm/shared.ts'
import { withoutStamp } from '../litellm/stamp.ts'
import { rowStamp } from './call-key.ts'
import type { Row } from './row.ts'

/** The name that LiteLLM gives to whoever uses the master key: nobody. */
const NOBODY = 'default_user_id'

/**
 * What a row says about who made a call, for the policy's rules: user and session of Langfuse as `end_user` and `session_id`, its
 * tags, its metadata. Of a call through LiteLLM what LiteLLM itself says stands over that: its callback writes the end user as
 * session and the owner of the key as user where the client named none.
 */
export function factsOf(row: Row): Facts {
  const { tree, litellm } = row.metadata
  const through = Object.keys(litellm).length > 0
  const endUser = through ? litellmUser(row) : row.user
  const session = through ? litellmSession(row) : row.session
  const keyAlias = text(litellm.user_api_key_alias)
  const keyUser = text(litellm.user_api_key_user_id)
  const fields = {
    end_user: endUser,
    customer: endUser,
    session_id: session,
    session,
    trace_id: row.trace,
    trace: row.trace,
    model_group: rowStamp(row.metadata).modelAsked ?? row.model,
    key_alias: keyAlias,
    key_user: keyUser === NOBODY ? null : keyUser,
    key_team: text(litellm.user_api_key_team_alias) ?? text(litellm.user_api_key_team_id),
    route: text(litellm.user_api_key_request_route),
  }
  return {
    start: row.start,
    fields,
    // Langfuse makes up no session: one that stands there was named, unless LiteLLM may have made it up.
    sessionNamed: !through || rowStamp(row.metadata).session !== null,
    tags: row.tags,
    metadata: {
      ...withoutStamp(through ? withoutLitellm(tree) : tree),
      ...metadataOf(litellm.user_api_key_auth_metadata, litellm.requester_metadata, litellm.spend_logs_metadata),
    },
    headers: extraHeaders(object(litellm.requester_custom_headers)),
    keyAlias,
  }
}

function litellmUser(row: Row): string | null {
  const { litellm } = row.metadata
  const endUser = text(litellm.user_api_key_end_user_id, 1024)
  if (endUser !== null) return endUser
  const { user } = row
  return user === NOBODY || user === text(litellm.user_api_key_user_id, 1024) ? null : user
}

function litellmSession(row: Row): string | null {
  const { session } = rowStamp(row.metadata)
  // '' says that the client named none.
  if (session !== null) return session
  return row.session === text(row.metadata.litellm.user_api_key_end_user_id, 1024) ? null : row.session
}

/** LiteLLM's own names beside the client's; they say nothing of who called that is not read by itself. */
function withoutLitellm(tree: Row['metadata']['tree']): Row['metadata']['tree'] {
  return Object.fromEntries(
    Object.entries(tree).filter(([name]) => !/^(?:user_api_key|litellm_|hidden_params|api_base|cache_hit)/.test(name)),
  )
}
