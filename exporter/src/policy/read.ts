import { dearerTargets } from './dearer.ts'
import { type PolicyDocument, readDocument } from './document.ts'
import { agentLimitFrom, profileFrom } from './environment.ts'
import { exposureProblem } from './exposure.ts'
import { eventsElsewhere, unreachable, withoutRates } from './hints.ts'
import { issuesOf } from './issues.ts'
import { type Env, Refusal } from './kinds.ts'
import type { Policy } from './policy.ts'
import { type Issue, type Problem, pathText } from './problem.ts'
import { crossFieldIssues } from './rules.ts'
import { whileRunning } from './running.ts'
import { policySchema } from './schema.ts'
import { translate } from './translate.ts'
import { underDefaults } from './underlay.ts'

export interface ReadOptions {
  /** The file's name, for messages. */
  readonly file: string
  /** Where the keys that the file names are looked up, `COST_TRACKING_TIER` and `AGENT_MAX_MONTHLY_COST_USD`. */
  readonly env: Env
  /** The policy in force, when the program is running: what is read once at the start is kept from it. */
  readonly running?: Policy
}

/**
 * A policy, the keys whose new value waits for a restart, and hints at what it says to no effect; or everything that is
 * wrong. Problems and hints stand in the file's order.
 */
export type Reading =
  | {
      readonly policy: Policy
      readonly waiting: readonly string[]
      readonly hints: readonly Problem[]
      readonly problems?: never
    }
  | { readonly policy?: never; readonly hints?: never; readonly problems: readonly Problem[] }

/**
 * Reads the text of a policy file. An empty text is the policy of defaults. Never throws: a text is either a policy, deeply
 * frozen, or a list of all its problems. No message holds a key.
 */
export function readPolicy(text: string, options: ReadOptions): Reading {
  const { file, env, running } = options
  const { document, flaws: inText } = readDocument(text)
  const flaws = inText.map(({ path, ...flaw }): Problem => ({ file, ...flaw, path: pathText(path) }))
  if (document === undefined) return { problems: inFileOrder(flaws) }

  const locate = (issue: Issue) => located(issue, document, file)
  const [profile, agentLimit] = [profileFrom(env), agentLimitFrom(env)]
  const tree = underDefaults(document.tree, { agentLimit: agentLimit instanceof Refusal ? null : agentLimit })
  const schema = policySchema(env)
  const parsed = schema.safeParse(tree)
  const issues = [
    ...crossFieldIssues(tree),
    ...(parsed.error?.issues ?? []).flatMap((issue) => issuesOf(issue, schema)),
    ...(profile instanceof Refusal ? [{ path: ['prices', 'profile'], message: profile.message }] : []),
    ...(agentLimit instanceof Refusal
      ? [{ path: ['budgets', 'agent', 'limit_usd'], message: agentLimit.message }]
      : []),
  ]
  // Where the text itself has a flaw, what stood there is unknown and not worth a second complaint.
  const flawed = new Set(flaws.map(({ path }) => path))
  const problems = [...flaws, ...issues.map(locate).filter(({ path }) => !flawed.has(path))]
  if (problems.length > 0 || !parsed.success || profile instanceof Refusal) return { problems: inFileOrder(problems) }

  const next = translate(parsed.data, { file, zone: running?.timezone ?? parsed.data.timezone, profile })
  const { policy, waiting } = running ? whileRunning(next, running) : { policy: next, waiting: [] }
  const { dearer, mixed } = dearerTargets(policy)
  const exposure = exposureProblem(policy)
  const late = [
    ...dearer,
    ...(exposure === null ? [] : [{ path: ['server', 'keys'], message: `until the restart ${exposure}` }]),
  ]
  if (late.length > 0) return { problems: inFileOrder(late.map(locate)) }
  return {
    policy: deepFreeze(policy),
    waiting,
    hints: inFileOrder(
      [...unreachable(policy), ...withoutRates(policy), ...eventsElsewhere(policy), ...mixed].map(locate),
    ),
  }
}

function located(issue: Issue, document: PolicyDocument, file: string): Problem {
  const place = document.locate(issue.path, issue.at ?? 'value')
  return { file, ...place, path: pathText(issue.path), message: issue.message }
}

function inFileOrder(problems: readonly Problem[]): Problem[] {
  const unique = new Map(problems.map((p) => [`${p.line}:${p.column}:${p.path}:${p.message}`, p]))
  return [...unique.values()].sort((a, b) => a.line - b.line || a.column - b.column)
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) deepFreeze(inner)
  }
  return value
}
