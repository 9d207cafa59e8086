import { redact } from '../../redact.ts'
import type { CallError } from './call.ts'
import { type Json, list, object, text, whole, word } from './read.ts'
import { type Stamp, withoutStamp } from './stamp.ts'

/** The name that LiteLLM gives to whoever uses the master key: nobody. */
const NOBODY = 'default_user_id'

/** The error of a call; null when there was none. Only the first paragraph: what the router adds to it stands in rows alone. */
export function errorOf(information: Json, fallback: unknown): CallError | null {
  const message =
    typeof information.error_message === 'string' && information.error_message !== ''
      ? information.error_message
      : fallback
  const error = {
    class: word(information.error_class),
    code: word(information.error_code, 16),
    provider: word(information.llm_provider),
    message:
      typeof message === 'string' ? redact(message.slice(0, 4096).split(/\n\s*\n|Traceback /)[0] ?? '') || null : null,
    normalized: word(information.normalized_error),
    limit: word(information.error_rate_limit_category),
  }
  return error.class === null && error.code === null && error.message === null ? null : error
}

/** Tags as a list; older versions write the list as text. */
export function tagsOf(value: unknown): readonly unknown[] {
  return typeof value === 'string' ? list(fromText(value)) : list(value)
}

/** A map that some versions write as text. */
export function mapOf(value: unknown): Json {
  return object(typeof value === 'string' ? fromText(value) : value)
}

function fromText(value: string): unknown {
  try {
    return JSON.parse(value)
  } catch {
    return null
  }
}

/**
 * Metadata of the client's, over which stands what the gateway's hook (or the header for it) put into the spend log. Our own
 * names are not among it: a client may have written them.
 */
export function metadataOf(keyOwn: unknown, requester: unknown, spendLog: unknown): Json {
  const { headers: _headers, tags: _tags, spend_logs_metadata: _nested, ...own } = object(requester)
  return withoutStamp({ ...object(keyOwn), ...own, ...object(spendLog) })
}

/** The models between which the gateway moved a call, by their public names; null when it did not. */
export function fallbackOf(metadata: Json, modelGroup: unknown): { from: string; to: string } | null {
  const { attempted_fallbacks: tried } = metadata
  if (!((typeof tried === 'number' || typeof tried === 'string') && Number(tried) > 0)) return null
  const from = text(metadata.original_model_group)
  const to = text(modelGroup)
  return from === null || to === null || from === to ? null : { from, to }
}

/** Fields by which the policy's rules may look for names: LiteLLM's own and the ones that say what they are. */
export function fieldsOf(given: {
  endUser: unknown
  trace: unknown
  session: unknown
  modelGroup: unknown
  originalModelGroup: unknown
  metadata: Json
  spendLog: Json
  stamp: Stamp
  extra: Json
}): Json {
  const { metadata, stamp } = given
  const session = stamp.session ?? given.session
  const user = text(metadata.user_api_key_user_id) === NOBODY ? null : metadata.user_api_key_user_id
  const asked =
    stamp.modelAsked ?? text(given.spendLog.requested_model) ?? text(given.originalModelGroup) ?? text(given.modelGroup)
  return {
    end_user: given.endUser,
    customer: given.endUser,
    user,
    user_id: user,
    user_api_key_user_id: user,
    trace_id: given.trace,
    trace: given.trace,
    session_id: session,
    session,
    model_group: given.modelGroup,
    model_asked: asked,
    requested_model: asked,
    original_model_group: given.originalModelGroup,
    key_alias: metadata.user_api_key_alias,
    key_user: user,
    key_team: metadata.user_api_key_team_alias ?? metadata.user_api_key_team_id,
    user_api_key_alias: metadata.user_api_key_alias,
    team: metadata.user_api_key_team_alias ?? metadata.user_api_key_team_id,
    team_id: metadata.user_api_key_team_id,
    team_alias: metadata.user_api_key_team_alias,
    user_api_key_team_id: metadata.user_api_key_team_id,
    user_api_key_team_alias: metadata.user_api_key_team_alias,
    organization_id: metadata.user_api_key_org_id,
    user_api_key_org_id: metadata.user_api_key_org_id,
    project: metadata.user_api_key_project_alias ?? metadata.user_api_key_project_id,
    user_api_key_project_id: metadata.user_api_key_project_id,
    user_api_key_project_alias: metadata.user_api_key_project_alias,
    ...given.extra,
  }
}

/** Largest prompt of the model as LiteLLM's map has it. */
export function contextWindowOf(information: unknown): number | null {
  return windowOf(object(object(information).model_map_value).max_input_tokens)
}

/** A context window in tokens; null for what cannot be one. */
export function windowOf(tokens: unknown): number | null {
  const found = whole(tokens)
  return found !== null && found > 0 && found < 1e9 ? found : null
}

export function isTrue(value: unknown): boolean {
  return value === true || value === 'True' || value === 'true'
}
