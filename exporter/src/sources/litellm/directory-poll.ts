import { HttpError } from '../../clients/http.ts'
import { type LitellmClient, litellmClient } from '../../clients/litellm.ts'
import type { LitellmPoll } from '../../policy/policy.ts'
import type { Close, SourceDeps } from '../source.ts'
import type { DirectoryKeeper, ListName } from './directory.ts'
import { LIST_PATHS, MOST_ENTRIES, READERS } from './directory-read.ts'
import { GLANCE, pause } from './pause.ts'
import { retryOf, withoutDatabase } from './retry.ts'

const HOUR = 3_600_000
/** Read by the price keeper; looked for here because this is where LiteLLM is asked what it has. */
const PRICES_PATH = '/public/litellm_model_cost_map'
const LISTS = Object.keys(LIST_PATHS) as ListName[]

/** What became of one list. */
type Outcome =
  | { readonly kind: 'read' }
  | { readonly kind: 'cut' }
  | { readonly kind: 'missing' }
  | { readonly kind: 'refused'; readonly status: number }
  | { readonly kind: 'failed'; readonly error: unknown }

/**
 * Reads LiteLLM's lists of customers, keys and budgets into the directory, every `directoryMs`. Once an hour it asks which of the
 * endpoints there are; one that is absent, or refused to the key, is left out and noted. Of a list that cannot be read what
 * was known stays.
 */
export class DirectoryPoll {
  private readonly directory: DirectoryKeeper
  private readonly deps: SourceDeps
  private readonly most: number
  private readonly stop = new AbortController()
  private connection: { settings: LitellmPoll; client: LitellmClient } | null = null
  private endpoints: { present: ReadonlySet<string>; at: number } | null = null

  constructor(directory: DirectoryKeeper, deps: SourceDeps, most = MOST_ENTRIES) {
    this.directory = directory
    this.deps = deps
    this.most = most
  }

  /** Starts reading; returns what ends it, within a moment also in the middle of a call. */
  open(): Close {
    const running = this.run()
    return async () => {
      this.stop.abort()
      await running
      this.connection?.client.close()
    }
  }

  private async run(): Promise<void> {
    const { signal } = this.stop
    for (let failures = 0; !signal.aborted; ) {
      const settings = this.deps.policy().sources.litellm.poll
      this.follow(settings)
      if (settings === null) {
        await this.deps.sleep(GLANCE, signal)
        continue
      }
      const failed = await this.round()
      failures = failed === null ? 0 : failures + 1
      if (signal.aborted) return
      const wait = failed === null ? settings.directoryMs : this.tell(failed.error, failures - 1)
      await pause(wait, () => this.deps.policy().sources.litellm.poll === settings, this.deps, signal)
    }
  }

  /** What another LiteLLM said must not stand for this one. */
  private follow(settings: LitellmPoll | null): void {
    const before = this.connection?.settings ?? null
    if (settings === before) return
    if (settings?.url !== before?.url) {
      this.directory.forget()
      this.deps.report.noted(null)
    }
    this.endpoints = null
    this.connection?.client.close()
    const { now } = this.deps
    this.connection =
      settings === null
        ? null
        : {
            settings,
            client: litellmClient({ baseUrl: settings.url, key: settings.key, timeoutMs: settings.timeoutMs, now }),
          }
  }

  private async round(): Promise<{ error: unknown } | null> {
    try {
      const present = await this.present()
      const outcomes = new Map<ListName, Outcome>()
      for (const list of LISTS) outcomes.set(list, await this.readList(list, present))
      return this.judge(outcomes, present)
    } catch (error) {
      return { error }
    }
  }

  private async present(): Promise<ReadonlySet<string>> {
    const now = this.deps.now()
    if (this.endpoints !== null && now >= this.endpoints.at && now - this.endpoints.at < HOUR)
      return this.endpoints.present
    const present = await this.client().endpoints([...Object.values(LIST_PATHS), PRICES_PATH], this.stop.signal)
    this.endpoints = { present, at: now }
    return present
  }

  private async readList(list: ListName, present: ReadonlySet<string>): Promise<Outcome> {
    if (!present.has(LIST_PATHS[list])) return { kind: 'missing' }
    try {
      const options = { client: this.client(), signal: this.stop.signal, most: this.most }
      const { entries, cut } = await READERS[list](options)
      this.directory.keep({ [list]: entries })
      return { kind: cut ? 'cut' : 'read' }
    } catch (error) {
      return outcomeOf(error)
    }
  }

  /** Tells how the round went; returns the error that counts, if one does. */
  private judge(outcomes: ReadonlyMap<ListName, Outcome>, present: ReadonlySet<string>): { error: unknown } | null {
    if (this.stop.signal.aborted) return null
    const { report, now } = this.deps
    const failed = [...outcomes.values()].flatMap((one) => (one.kind === 'failed' ? [one] : []))
    const worst = failed.find(({ error }) => hasNoDatabase(error)) ?? failed[0]
    if (worst) return { error: worst.error }
    report.noted(noteOf(outcomes, present, this.most))
    const refused = [...outcomes.values()].find((one) => one.kind === 'refused')
    if (refused?.kind === 'refused' && ![...outcomes.values()].some(({ kind }) => kind === 'read' || kind === 'cut'))
      return { error: new NothingAllowed(refused.status) }
    this.directory.complete(now())
    report.succeeded()
    return null
  }

  /** Reports a failure; returns how long to wait. */
  private tell(error: unknown, failures: number): number {
    const { delayMs, reason } = retryOf(error, failures, this.deps.random)
    this.deps.report.failed(reasonOf(error) ?? reason)
    return delayMs
  }

  private client(): LitellmClient {
    if (this.connection === null) throw new Error('no LiteLLM is polled')
    return this.connection.client
  }
}

/** The key may read none of the lists. */
class NothingAllowed extends Error {
  readonly status: number
  constructor(status: number) {
    super(`refused with ${status}`)
    this.status = status
  }
}

function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof HttpError) || error.status === null || withoutDatabase(error)) return { kind: 'failed', error }
  const { status } = error
  if (status === 404) return { kind: 'missing' }
  // Some of the lists are refused with 400, by the role of whoever asks.
  if (status === 401 || status === 403 || (status === 400 && error.says(/\brole\b/i)))
    return { kind: 'refused', status }
  return { kind: 'failed', error }
}

const NEEDED = 'It needs the key of a user with the role proxy_admin_viewer.'

function hasNoDatabase(error: unknown): boolean {
  return error instanceof HttpError && withoutDatabase(error)
}

function reasonOf(error: unknown): string | null {
  if (hasNoDatabase(error)) return 'LiteLLM runs without a database, so it has no customers, keys and budgets to read.'
  if (error instanceof NothingAllowed)
    return `LiteLLM refuses customers, keys and budgets to the key of sources.litellm.poll (${error.status}). ${NEEDED}`
  return null
}

/** What is not read though all is well, in sentences; null when everything is. */
function noteOf(outcomes: ReadonlyMap<ListName, Outcome>, present: ReadonlySet<string>, most: number): string | null {
  const of = (kind: Outcome['kind']) =>
    [...outcomes].flatMap(([list, outcome]) => (outcome.kind === kind ? [list] : []))
  const missing = of('missing').map((list) => LIST_PATHS[list])
  if (!present.has(PRICES_PATH)) missing.push(PRICES_PATH)
  const [refused, cut] = [of('refused'), of('cut')]
  const sentences = [
    missing.length === 0 ? [] : [`This LiteLLM has no ${listed(missing)}, so that is not read.`],
    refused.length === 0 ? [] : [`LiteLLM refuses ${listed(refused)} to the key of sources.litellm.poll. ${NEEDED}`],
    cut.length === 0 ? [] : [`LiteLLM has more than ${most} ${listed(cut)}; only so many are known here.`],
  ].flat()
  return sentences.length === 0 ? null : sentences.join(' ')
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
}
