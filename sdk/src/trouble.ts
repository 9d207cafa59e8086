/** What kept a guard from knowing. */
export type TroubleKind =
  /** The exporter does not accept the key. */
  | 'key'
  /** No connection, or no answer within the deadline. */
  | 'unreachable'
  /** It answered that it cannot decide now: it is warming up, overloaded or failing. */
  | 'unready'
  /** It does not accept the question. */
  | 'question'
  /** It answered something that cannot be understood. */
  | 'answer'
  /** The application's own function that tells whose call it is failed. */
  | 'who'

/** Handed to `onError`; no call of the application ever fails with it. */
export class GuardTrouble extends Error {
  override readonly name = 'GuardTrouble'
  readonly kind: TroubleKind

  constructor(kind: TroubleKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause })
    this.kind = kind
  }
}

/** Tells trouble once for each change of state, not once for each call. */
export interface Reporter {
  failed(channel: string, trouble: GuardTrouble): void
  succeeded(channel: string): void
}

/** The same kind of trouble on two channels is one trouble. What `tell` throws is let go by. */
export function createReporter(tell: (trouble: GuardTrouble) => void): Reporter {
  const states = new Map<string, TroubleKind>()
  return {
    failed(channel, trouble) {
      const before = [...states]
      states.set(channel, trouble.kind)
      if (before.some(([, kind]) => kind === trouble.kind)) return
      try {
        tell(trouble)
      } catch {
        // An error of the application's own logging must not become an error of its calls.
      }
    },
    succeeded: (channel) => void states.delete(channel),
  }
}

/** The error that an answer other than 200 stands for. */
export async function troubleOf(response: Response, what: string): Promise<GuardTrouble> {
  const { status } = response
  const detail = await excerpt(response)
  const told = `${what} answered ${status}${detail === '' ? '' : ` (${detail})`}`
  if (status === 401 || status === 403) {
    return new GuardTrouble('key', `${told}. Give the guard the key that the policy file names server.keys.gateway.`)
  }
  if (status === 429 || status >= 500) return new GuardTrouble('unready', told)
  if (status === 404) return new GuardTrouble('answer', `${told}. Check that url is the exporter's own address.`)
  return new GuardTrouble('question', told)
}

async function excerpt(response: Response): Promise<string> {
  const text = await response.text().catch(() => '')
  try {
    const { title, detail } = JSON.parse(text)
    return [title, detail]
      .filter((part) => typeof part === 'string')
      .join(': ')
      .slice(0, 300)
  } catch {
    return text.slice(0, 100).replace(/\s+/g, ' ').trim()
  }
}
