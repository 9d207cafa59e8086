import { type Json, text } from './read.ts'

/** What our gateway hook put on a call before it left. */
export interface Stamp {
  readonly callId: string | null
  /** Public name of the model that the client asked for. */
  readonly modelAsked: string | null
  /** The session as the client named it, '' when it named none; null when the hook said nothing of it. */
  readonly session: string | null
  /** What the hook did with the call, such as `block`. */
  readonly action: string | null
}

const OURS = /^marginwatch_/i

/**
 * Reads the stamp from the metadata for the spend log, over which the hook writes whatever the client sent. Names of ours in any
 * other place are the client's, and are not believed.
 */
export function stampOf(spendLog: Json): Stamp {
  const { marginwatch_session: session } = spendLog
  return {
    callId: text(spendLog.marginwatch_call_id, 64),
    modelAsked: text(spendLog.marginwatch_model_asked),
    session: typeof session === 'string' ? session : null,
    action: text(spendLog.marginwatch_action ?? spendLog.gate_action, 64),
  }
}

/** The map without our names. */
export function withoutStamp(map: Json): Json {
  const names = Object.keys(map)
  if (!names.some((name) => OURS.test(name))) return map
  return Object.fromEntries(Object.entries(map).filter(([name]) => !OURS.test(name)))
}
