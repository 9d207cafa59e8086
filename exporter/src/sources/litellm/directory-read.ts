import { nano } from '@marginwatch/pricing'
import { KEYS_PAGE, type LitellmClient } from '../../clients/litellm.ts'
import type { StreamedAnswer } from '../../clients/http.ts'
import type { Nano } from '../../usage.ts'
import { JsonSplitter, splitJson } from '../json-stream.ts'
import type { ListName, Lists, LitellmBudget, LitellmCustomer, LitellmKey } from './directory.ts'
import { type Json, moment, object, text } from './read.ts'
import { BadAnswer } from './window.ts'

/** A LiteLLM with more of one kind is read up to here: what is kept in memory has a bound. */
export const MOST_ENTRIES = 200_000

export interface ReadOptions {
  readonly client: LitellmClient
  readonly signal: AbortSignal
  readonly most?: number
}

/** A list as it was read; `cut` when there is more than was taken. */
export interface ReadList<N extends ListName = ListName> {
  readonly entries: Lists[N]
  readonly cut: boolean
}

/** Where each list is. */
export const LIST_PATHS: Readonly<Record<ListName, string>> = {
  customers: '/customer/list',
  keys: '/key/list',
  budgets: '/budget/list',
}

/** Reads a list entry by entry as it arrives. Rejects with HttpError or BadAnswer; what was known then stays. */
export const READERS: { readonly [N in ListName]: (options: ReadOptions) => Promise<ReadList<N>> } = {
  async customers({ client, signal, most }) {
    const into = new Collected(LIST_PATHS.customers, customerOf, ({ id }) => id, most)
    await into.take(await client.customers(signal))
    return into.list()
  },
  async keys({ client, signal, most }) {
    const into = new Collected(LIST_PATHS.keys, keyOf, ({ hash }) => hash, most)
    for (let page = 1; ; page++) {
      const before = into.seen
      await into.take(await client.keys(page, signal), 'keys')
      // Keys that are made or deleted meanwhile move between pages; the next reading has them.
      if (into.seen - before < KEYS_PAGE || into.cut) return into.list()
    }
  },
  async budgets({ client, signal, most }) {
    const into = new Collected(LIST_PATHS.budgets, budgetOf, ({ id }) => id, most)
    await into.take(await client.budgets(signal))
    return into.list()
  },
}

class Collected<T> {
  /** Entries that came, readable or not. */
  seen = 0
  cut = false
  private readonly entries = new Map<string, T>()
  private readonly path: string
  private readonly read: (entry: Json) => T | null
  private readonly name: (entry: T) => string
  private readonly most: number

  constructor(path: string, read: (entry: Json) => T | null, name: (entry: T) => string, most = MOST_ENTRIES) {
    this.path = path
    this.read = read
    this.name = name
    this.most = most
  }

  /** @param rows name of the member that holds the array, where the answer is not one itself. */
  async take(answer: StreamedAnswer, rows?: string): Promise<void> {
    const splitter = new JsonSplitter(rows === undefined ? {} : { rows })
    for await (const piece of splitJson(answer.body, splitter)) {
      if (piece.kind === 'broken')
        throw new BadAnswer(`${this.path} broke off at byte ${piece.offset}: ${piece.reason}`)
      this.seen++
      const entry = piece.kind === 'record' ? this.read(piece.value) : null
      if (entry === null) continue
      if (this.entries.size >= this.most) {
        this.cut = true
        return
      }
      this.entries.set(this.name(entry), entry)
    }
    if (!splitter.foundRows) throw new BadAnswer(`${this.path} answered without a list`)
  }

  list(): { entries: ReadonlyMap<string, T>; cut: boolean } {
    if (this.seen > 0 && this.entries.size === 0)
      throw new BadAnswer(`${this.path} answered ${this.seen} entries, of which none can be understood`)
    return { entries: this.entries, cut: this.cut }
  }
}

function customerOf(row: Json): LitellmCustomer | null {
  const id = text(row.user_id)
  if (id === null) return null
  const budget = object(row.litellm_budget_table)
  return {
    id,
    alias: text(row.alias),
    spend: amount(row.spend),
    budgetId: text(row.budget_id) ?? text(budget.budget_id),
    limit: amount(budget.max_budget),
    resetsAt: moment(budget.budget_reset_at),
  }
}

/** LiteLLM's own user, who stands behind keys that nobody owns. */
const NOBODY = 'default_user_id'

function keyOf(row: Json): LitellmKey | null {
  const hash = text(row.token)
  if (hash === null) return null
  const user = text(row.user_id)
  return {
    hash,
    alias: text(row.key_alias),
    user: user === NOBODY ? null : user,
    team: text(row.team_alias) ?? text(row.team_id),
    spend: amount(row.spend),
    limit: amount(row.max_budget),
    metadata: short(object(row.metadata)),
  }
}

function budgetOf(row: Json): LitellmBudget | null {
  const id = text(row.budget_id)
  if (id === null) return null
  return {
    id,
    limit: amount(row.max_budget),
    softLimit: amount(row.soft_budget),
    duration: text(row.budget_duration, 32),
    resetsAt: moment(row.budget_reset_at),
  }
}

/** Dollars by their decimal text; null for what is none, since a limit that is not known is not zero. */
function amount(value: unknown): Nano | null {
  if (typeof value !== 'number' && (typeof value !== 'string' || value.length > 64)) return null
  try {
    const found = nano(value)
    return found >= 0n ? found : null
  } catch {
    return null
  }
}

const MOST_METADATA = 32

function short(metadata: Json): Record<string, string> {
  const kept: Record<string, string> = Object.create(null)
  for (const [name, value] of Object.entries(metadata).slice(0, MOST_METADATA)) {
    if (typeof value === 'string' && value.length > 256) continue
    const found = name.length <= 64 ? text(value) : null
    if (found !== null) kept[name] = found
  }
  return kept
}
