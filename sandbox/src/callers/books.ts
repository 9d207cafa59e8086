/** What a customer truly spent, whoever knows of it; amounts are nano-dollars. */
export interface Account {
  readonly customer: string
  readonly limit: number
  /** Calls that have ended, and those of a gateway that was killed. */
  spent: number
  /** What those that are under way will have cost. */
  underWay: number
  calls: number
  inFlight: number
  /** What usual calls of the kinds of those under way cost. */
  usual: number
  /** The same of those whose record is not acknowledged, however long ago they ended: the ones under way are among them. */
  usualUnheard: number
  posted: number
  refused: number
}

/** What a call costs, and what usual ones of its kind do. */
export interface Costs {
  readonly cost: number
  readonly usual: number
}

/** A refusal beside what was really free at that moment. */
export interface Refused {
  readonly customer: string
  readonly kind: string
  /** Nano-dollars; and as a share of the limit. */
  readonly free: number
  readonly freeRatio: number
  readonly inFlight: number
}

/** False blocks of calls of one kind under one limit (nano-dollars). */
export interface FalseBlocks {
  readonly kind: string
  readonly limit: number
  count: number
}

export interface RefusalSums {
  readonly refusals: number
  /** While more than a hundredth of the limit, or one usual call of its kind for each in flight and the one that asked, was free. */
  readonly falseBlocks: number
  /** The same with those counted as in flight whose record the ledger has not acknowledged. */
  readonly falseBlocksUnsettled: number
  /** Which these are, most first. */
  readonly falseBlocksOf: readonly FalseBlocks[]
  /** The one with the largest share of its limit free; null without refusals. */
  readonly worst: Refused | null
}

/** The largest share of a limit that may be free when a call is refused. */
const SLACK = 0.01

/** Keeps what is true of each customer. */
export function createBooks(limits: readonly { readonly customer: string; readonly limit: number }[]) {
  const accounts = limits.map(
    ({ customer, limit }): Account => ({
      ...{
        customer,
        limit,
        spent: 0,
        underWay: 0,
        calls: 0,
        inFlight: 0,
        usual: 0,
        usualUnheard: 0,
        posted: 0,
        refused: 0,
      },
    }),
  )
  const count = { refusals: 0, falseBlocks: 0, falseBlocksUnsettled: 0 }
  const byKind = new Map<string, FalseBlocks>()
  const noteFalse = (kind: string, limit: number): void => {
    const key = `${kind} ${limit}`
    const known = byKind.get(key) ?? { kind, limit, count: 0 }
    known.count += 1
    byKind.set(key, known)
  }
  let worst: Refused | null = null
  return {
    accounts,
    account: (index: number): Account => accounts[index] as Account,
    /** Was spent before anything of this began. */
    before(account: Account, cost: number): void {
      account.spent += cost
    },
    begin(account: Account, { cost, usual }: Costs): void {
      account.calls += 1
      account.inFlight += 1
      account.usual += usual
      account.usualUnheard += usual
      account.underWay += cost
    },
    /** The ledger may never hear of it: then it stays among the unheard. */
    end(account: Account, { cost, usual }: Costs): void {
      account.inFlight -= 1
      account.usual -= usual
      account.underWay -= cost
      account.spent += cost
    },
    posted(account: Account, { cost, usual }: Costs): void {
      account.usualUnheard -= usual
      account.posted += cost
    },
    /** @param usual what a usual call of that kind costs, nano-dollars */
    refused(account: Account, kind: string, usual: number): void {
      account.refused += 1
      count.refusals += 1
      const free = account.limit - account.spent - account.underWay
      const most = (others: number) => Math.max(SLACK * account.limit, others + usual)
      if (free > most(account.usual)) count.falseBlocks += 1
      if (free > most(account.usualUnheard)) {
        count.falseBlocksUnsettled += 1
        noteFalse(kind, account.limit)
      }
      const freeRatio = free / account.limit
      if (worst === null || freeRatio > worst.freeRatio)
        worst = { customer: account.customer, kind, free, freeRatio, inFlight: account.inFlight }
    },
    refusals: (): RefusalSums => ({
      ...count,
      falseBlocksOf: [...byKind.values()].sort((a, b) => b.count - a.count),
      worst,
    }),
  }
}

export type Books = ReturnType<typeof createBooks>
