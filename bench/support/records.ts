import { randomUUID } from 'node:crypto'
import { type Call, createTraffic, pushRecord } from '@marginwatch/sandbox'

/** Records as LiteLLM posts them, every one a call of its own. */
export interface Records {
  /** The JSON text of a record that was not there before. */
  next(): string
  /** A body with an array of new ones. */
  body(count: number): Buffer
}

export interface RecordsOptions {
  /** Without what no reader of usage needs: prices of the model, prompts and answers. */
  readonly slim: boolean
  /** What the calls say instead of what the traffic says. */
  readonly over?: Partial<Call>
}

const MINUTE = 60_000
const TEMPLATES = 1_000
/** Stands for the id of a call in a template; as long as a uuid, for the shape depends on it. */
const MARK = '00000000-0000-4000-8000-000000000000'

/** Records of the sandbox's traffic of the last minutes; beyond a thousand they repeat in all but their ids. */
export function createRecords({ slim, over = {} }: RecordsOptions): Records {
  const templates = templatesOf(slim, over)
  let made = 0
  const next = () => (templates[made++ % templates.length] as string[]).join(randomUUID())
  return {
    next,
    body: (count) => Buffer.from(`[${Array.from({ length: count }, next).join(',')}]`),
  }
}

/** Texts cut where the id of the call stands. */
function templatesOf(slim: boolean, over: Partial<Call>): string[][] {
  const now = Date.now()
  const templates: string[][] = []
  for (const call of createTraffic({ seed: 1 }).calls(now - 10 * MINUTE, now, { density: 50 })) {
    if (call.outcome !== 'success' || call.cacheHit || call.end >= now) continue
    const marked = { ...call, callId: MARK, responseId: `chatcmpl-${MARK}`, ...over }
    templates.push(JSON.stringify(pushRecord(marked, { slim })).split(MARK))
    if (templates.length === TEMPLATES) break
  }
  return templates
}
