import { isDeepStrictEqual } from 'node:util'
import type { Logger } from 'pino'
import { followFile } from '../policy/follow.ts'
import { type Look, lookAt } from '../policy/look.ts'
import type { Policy } from '../policy/policy.ts'
import { formatProblem } from '../policy/problem.ts'
import { type RosterReading, readRoster, unreadable } from '../policy/roster-file.ts'

export interface FollowRosterDeps {
  readonly policy: () => Policy
  readonly log: Logger
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
  /** The file says something else, or another file is followed. Never rejects. */
  readonly onChange: () => Promise<unknown>
}

/** The roster file of a running program. */
export interface RosterFile {
  /** What it says; null when the policy names none. */
  current(): RosterReading | null
  /** Reads it for the first time, or as another policy wants it. Never rejects. */
  renew(): Promise<void>
  close(): Promise<void>
}

/**
 * Follows the file that the policy names, like the policy file: a change is read once it has settled. Its bad rows are logged
 * and left out. A file that is gone or empty says nothing that could be trusted, so nobody in it is
 * taken for having gone.
 */
export function followRosterFile({ policy, log, sleep, onChange }: FollowRosterDeps): RosterFile {
  let following: { readonly path: string; close(): Promise<void> } | null = null
  let look: Look = { missing: true }
  let reading: RosterReading | null = null
  let told = ''
  const judge = (path: string) => {
    reading = readLook(look, path, policy())
    const problems = reading.problems.map(formatProblem)
    if (problems.join() === told) return
    told = problems.join()
    if (problems.length === 0) log.info({ file: path }, 'roster: every row of the file is good')
    else
      log.error(
        { problems: problems.slice(0, 20), of: problems.length },
        'roster: rows of the file are bad; what is known of their customers stays',
      )
  }
  const follow = (path: string) => {
    const read = async () => {
      look = await lookAt(path)
      judge(path)
      await onChange()
    }
    return followFile({ path, sleep, log, isNew: (other) => !isDeepStrictEqual(other, look), read })
  }
  let queue: Promise<unknown> = Promise.resolve()
  const renewed = async () => {
    const { file } = policy().roster
    if (file !== (following?.path ?? null)) {
      await following?.close()
      following = null
      reading = null
      if (file !== null) {
        look = await lookAt(file)
        following = { path: file, ...follow(file) }
      }
    }
    // Tiers, zone and the policy's own customers may be others.
    if (file !== null) judge(file)
  }
  return {
    current: () => reading,
    renew() {
      const turn = queue.then(renewed)
      queue = turn
      return turn
    },
    async close() {
      await queue
      await following?.close()
    },
  }
}

/** What a look at a roster file comes to under a policy. */
export function readLook(look: Look, path: string, policy: Policy): RosterReading {
  if ('unreadable' in look) return unreadable(path, `the file cannot be read (${look.unreadable})`)
  if ('missing' in look) return unreadable(path, 'there is no such file')
  return readRoster(look.text, {
    file: path,
    tiers: Object.keys(policy.tiers),
    named: new Set(policy.customers.map(({ id }) => id)),
    zone: policy.timezone,
  })
}
