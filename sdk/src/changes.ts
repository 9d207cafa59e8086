import { record } from './answer.ts'
import { authorization, type Exporter, reasonOf } from './ask.ts'
import { createEventReader, type ServerEvent } from './event-stream.ts'
import { GuardTrouble, troubleOf } from './trouble.ts'

/** What may be remembered of a subject is no longer true; scope `all`: of any. */
export interface Change {
  readonly scope: string
  readonly subject: string
}

export interface FollowOptions extends Exporter {
  readonly now: () => number
  /** 0 ≤ x < 1. */
  readonly random: () => number
  /** The server says something every 15 s; a connection silent for so long is dead, milliseconds. */
  readonly silenceMs: number
  /** Waits, and ends early and without an error when the signal says so. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
  /** Changes are heard from now on; those before may have been missed. */
  onOpen(): void
  onChange(change: Change): void
  /** It was not possible to listen. Not told of a connection that ends, for the next one mostly succeeds. */
  onTrouble(trouble: GuardTrouble): void
}

export interface Following {
  /** Each change is heard at this moment. */
  readonly live: boolean
  close(): void
}

const LEAST_PAUSE_MS = 100
const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 30_000
/** A connection that lasted so long was a good one: the next try is a first one again. */
const GOOD_MS = 10_000

/** Listens to the exporter's changes, and connects again, with growing and scattered pauses, until it is closed. */
export function followChanges(options: FollowOptions): Following {
  const { now, random } = options
  const closing = new AbortController()
  const state = { live: false }
  const run = async () => {
    for (let tries = 0; !closing.signal.aborted; tries++) {
      const since = now()
      const trouble = await listen(options, state, closing.signal)
      state.live = false
      if (closing.signal.aborted) return
      if (trouble !== null) options.onTrouble(trouble)
      if (now() - since >= GOOD_MS) tries = 0
      const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(tries, 10))
      await options.sleep(LEAST_PAUSE_MS + random() * longest, closing.signal)
    }
  }
  void run()
  return {
    get live() {
      return state.live
    },
    close() {
      state.live = false
      closing.abort()
    },
  }
}

/** One connection, from its beginning to its end. Resolves to what kept it from being opened, or from being heard. */
async function listen(
  options: FollowOptions,
  state: { live: boolean },
  closing: AbortSignal,
): Promise<GuardTrouble | null> {
  const what = `GET ${options.url}/v1/decisions/changes`
  const abort = new AbortController()
  const end = () => abort.abort()
  closing.addEventListener('abort', end)
  const silence = setTimeout(end, options.silenceMs).unref()
  try {
    const response = await open(options, abort.signal)
    if (response.status !== 200) return await troubleOf(response, what)
    if (!isEventStream(response) || response.body === null) {
      end()
      return new GuardTrouble(
        'answer',
        `${what} answered no event stream. Check that url is the exporter's own address.`,
      )
    }
    const read = createEventReader((event) => tellChange(event, options))
    state.live = true
    options.onOpen()
    for await (const chunk of response.body) {
      silence.refresh()
      read(chunk)
    }
    return null
  } catch (cause) {
    const said = abort.signal.aborted ? `said nothing for ${options.silenceMs} ms` : `failed: ${reasonOf(cause)}`
    return state.live && !abort.signal.aborted ? null : new GuardTrouble('unreachable', `${what} ${said}`, cause)
  } finally {
    clearTimeout(silence)
    closing.removeEventListener('abort', end)
    end()
  }
}

function open(options: FollowOptions, signal: AbortSignal): Promise<Response> {
  const headers = { ...authorization(options), accept: 'text/event-stream' }
  return options.fetch(`${options.url}/v1/decisions/changes`, { headers, signal, redirect: 'error' })
}

function isEventStream(response: Response): boolean {
  return response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
}

/** A change that cannot be understood may be of anything. */
function tellChange({ event, data }: ServerEvent, { onChange }: FollowOptions): void {
  if (event !== 'change') return
  let change: Readonly<Record<string, unknown>> | null = null
  try {
    change = record(JSON.parse(data))
  } catch {
    // Told as a change of everything, below.
  }
  const { scope, subject = '' } = change ?? {}
  const understood = typeof scope === 'string' && typeof subject === 'string'
  onChange(understood ? { scope, subject } : { scope: 'all', subject: '' })
}
