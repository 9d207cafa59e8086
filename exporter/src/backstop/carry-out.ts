import { HttpError } from '../clients/http.ts'
import type { LitellmClient } from '../clients/litellm.ts'
import { SETTLING } from './names.ts'
import type { Step } from './step.ts'

export interface CarryOut {
  readonly client: LitellmClient
  readonly signal: AbortSignal
  /** Asked before each step: true when the rest should be left, because something else is wanted by now. */
  readonly stale: () => boolean
}

export interface Outcome {
  readonly done: number
  /** The errors of steps that failed, the first at most. */
  readonly errors: readonly unknown[]
  readonly failed: number
}

const ORDER: Readonly<Record<Step['kind'], number>> = {
  create_budget: 0,
  change_budget: 1,
  link_customer: 2,
  create_customer: 2,
  reset_spend: 3,
  delete_budget: 4,
}
const STAGES = 5
const SIDE_BY_SIDE = 4
/** After so many calls in a row without an answer the rest would not be answered either. */
const MOST_UNANSWERED = 4
const MOST_ERRORS = 20

/** Does the steps of a plan, stage by stage. A step that fails stops no other but those that build on it. Never rejects. */
export async function carryOut(steps: readonly Step[], options: CarryOut): Promise<Outcome> {
  const run = new Run(options)
  for (let stage = 0; stage < STAGES; stage++) await run.stage(steps.filter(({ kind }) => ORDER[kind] === stage))
  return run
}

class Run implements Outcome {
  done = 0
  failed = 0
  readonly errors: unknown[] = []
  private unanswered = 0
  private refused = false
  /** Budgets that could not be made. */
  private readonly absent = new Set<string>()
  /** Budgets that a customer could not be taken out of. */
  private readonly occupied = new Set<string>()
  /** A customer may still be on the way to where spend is set to zero. */
  private unsettled = false
  private readonly options: CarryOut

  constructor(options: CarryOut) {
    this.options = options
  }

  async stage(steps: readonly Step[]): Promise<void> {
    const queue = steps.values()
    const worker = async () => {
      for (const step of queue) if (!this.over()) await this.attempt(step)
    }
    await Promise.all(Array.from({ length: Math.min(SIDE_BY_SIDE, steps.length) }, worker))
  }

  private over(): boolean {
    const { signal, stale } = this.options
    if (!signal.aborted && !stale()) return this.refused || this.unanswered >= MOST_UNANSWERED
    // What was not done is not known to have been done: nothing may build on it.
    this.refused = true
    return true
  }

  private async attempt(step: Step): Promise<void> {
    if (this.buildsOnFailure(step)) return
    try {
      await perform(step, this.options)
      this.done++
      this.unanswered = 0
    } catch (error) {
      this.note(step, error)
    }
  }

  private buildsOnFailure(step: Step): boolean {
    if (step.kind === 'reset_spend') return this.unsettled || this.absent.has(step.id)
    if (step.kind === 'delete_budget') return this.occupied.has(step.id)
    if (step.kind !== 'link_customer' && step.kind !== 'create_customer') return false
    if (!this.absent.has(step.budget)) return false
    if (step.kind === 'link_customer' && step.from !== null) this.occupied.add(step.from)
    return true
  }

  private note(step: Step, error: unknown): void {
    this.failed++
    if (this.errors.length < MOST_ERRORS) this.errors.push(error)
    // Without an answer it may still be on its way.
    const answered = error instanceof HttpError && error.kind === 'status'
    this.unanswered = answered ? 0 : this.unanswered + 1
    if (isRefusal(error)) this.refused = true
    if (step.kind === 'create_budget') this.absent.add(step.id)
    if (step.kind !== 'link_customer') return
    if (step.from !== null) this.occupied.add(step.from)
    if (step.budget === SETTLING && !answered) this.unsettled = true
  }
}

/** The key may not write. Some of the calls are refused with 400, by the role of whoever asks. */
export function isRefusal(error: unknown): boolean {
  if (!(error instanceof HttpError)) return false
  return error.status === 401 || error.status === 403 || (error.status === 400 && error.says(/\brole\b/i))
}

async function perform(step: Step, { client, signal }: CarryOut): Promise<void> {
  if (step.kind === 'create_budget') return exists(client.newBudget(step, signal), async () => {})
  if (step.kind === 'change_budget' || step.kind === 'reset_spend') return client.updateBudget(step, signal)
  if (step.kind === 'delete_budget') return client.deleteBudget(step.id, signal)
  const { customer, budget } = step
  const link = () => client.linkCustomer(customer, budget, signal)
  if (step.kind === 'create_customer') return exists(client.newCustomer(customer, budget, signal), link)
  await link().catch((error: unknown) => {
    // Deleted meanwhile: the next reading tells what that means.
    if (!(error instanceof HttpError && error.status === 404)) throw error
  })
}

/** What somebody else made meanwhile is not made again. */
function exists(made: Promise<void>, otherwise: () => Promise<void>): Promise<void> {
  return made.catch((error: unknown) => {
    if (error instanceof HttpError && error.status === 400 && error.says(/already exists/i)) return otherwise()
    throw error
  })
}
