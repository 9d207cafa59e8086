/**
 * The program, killed at random moments under load and started again on the same data, by the very rounds that the tests run:
 * each acknowledged event is there once, no number falls, and the page equals SQL. Only the number of rounds is larger.
 */
import { type BenchRow, fixed } from './row.ts'
import type { Setting } from './support/setting.ts'
import { withTests } from './support/tests.ts'

interface Round {
  readonly killedAfterMs: number
  readonly acknowledgedEvents: number
  readonly events: number
}

/** `killRounds` of the tests; rejects with what it found to be wrong. */
type KillRounds = (options: { rounds: number; onRound: (round: Round) => void }) => Promise<void>

export async function run({ quick }: Setting): Promise<BenchRow[]> {
  const rounds = quick ? 3 : 50
  const done: Round[] = []
  const fault = await withTests('kill', ({ killRounds }: { killRounds: KillRounds }) =>
    killRounds({ rounds, onRound: (round) => void done.push(round) }).then(() => null, asError),
  )
  const events = fixed(done.at(-1)?.events ?? 0, 0)
  if (fault !== null) return [row(`failed in round ${done.length + 1}`, fault.message.split('\n')[0] ?? '', false)]
  return [row(`${done.length} rounds, nothing lost`, `${events} events at the end`, true)]
}

function row(value: string, spread: string, ok: boolean): BenchRow {
  const goal = 'nothing acknowledged lost, nothing twice, folds = SQL'
  return { name: 'kill -9 at any moment', value, spread, goal, aim: '100 rounds', ok }
}

function asError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(String(cause))
}
