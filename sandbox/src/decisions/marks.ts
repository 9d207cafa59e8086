type Fields = Readonly<Record<string, unknown>>

/**
 * The marks of a call, `place=value` in the notation of the policy's attribution, taken from the fields that say whose it is:
 * by them the gateway knows calls again that an answer holds for.
 */
export function marksOf(record: Fields): ReadonlySet<string> {
  const marks = new Set<string>()
  const mark = (place: string, value: unknown) => {
    if (typeof value === 'string' ? value !== '' : typeof value === 'number') marks.add(`${place}=${value}`)
  }
  const metadata = fields(record.metadata)
  mark('end_user', record.end_user)
  mark('key_alias', metadata.user_api_key_alias)
  mark('key_user', metadata.user_api_key_user_id)
  mark('key_team', metadata.user_api_key_team_alias ?? metadata.user_api_key_team_id)
  mark('session_id', fields(metadata.spend_logs_metadata).marginwatch_session)
  mark('trace_id', record.trace_id)
  for (const [name, value] of Object.entries(fields(metadata.requester_metadata))) mark(`metadata.${name}`, value)
  for (const [name, value] of Object.entries(fields(metadata.requester_custom_headers)))
    mark(`header.${name.toLowerCase()}`, value)
  for (const tag of Array.isArray(record.request_tags) ? record.request_tags : []) {
    const text = String(tag)
    const colon = text.indexOf(':')
    if (colon > 0) mark(`tag.${text.slice(0, colon)}`, text.slice(colon + 1).trim())
  }
  return marks
}

function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {}
}
