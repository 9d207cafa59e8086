/**
 * The program, killed at random moments under load and started again on the same data, by the very rounds that the tests run:
 * each acknowledged event is there once, no number falls, and the page equals SQL. Only the number of rounds is larger.
 */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { createViteServer } from 'vitest/node'
import { type BenchRow, fixed } from './row.ts'
import type { Setting } from './support/setting.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const ROUNDS_FILE = 'exporter/test/support/kill.ts'

interface Round {
  readonly killedAfterMs: number
  readonly acknowledgedEvents: number
  readonly events: number
}

/** `killRounds` of the tests; rejects with what it found to be wrong. */
type KillRounds = (options: { rounds: number; onRound: (round: Round) => void }) => Promise<void>

export async function run({ quick }: Setting): Promise<BenchRow[]> {
  if (!existsSync(`${ROOT}${ROUNDS_FILE}`)) return [row('see npm test', 'the rounds are not there', true)]
  const rounds = quick ? 3 : 50
  const done: Round[] = []
  const fault = await withRounds((killRounds) => killRounds({ rounds, onRound: (round) => done.push(round) }))
  const events = fixed(done.at(-1)?.events ?? 0, 0)
  if (fault !== null) return [row(`failed in round ${done.length + 1}`, fault.message.split('\n')[0] ?? '', false)]
  return [row(`${done.length} rounds, nothing lost`, `${events} events at the end`, true)]
}

function row(value: string, spread: string, ok: boolean): BenchRow {
  const goal = 'nothing acknowledged lost, nothing twice, folds = SQL'
  return { name: 'kill -9 at any moment', value, spread, goal, aim: '100 rounds', ok }
}

/** The tests are never compiled: they are loaded as vitest loads them, with the conditions that it resolves packages by. */
async function withRounds(job: (killRounds: KillRounds) => Promise<void>): Promise<Error | null> {
  const server = await createViteServer({
    root: ROOT,
    configFile: `${ROOT}vitest.config.ts`,
    server: { middlewareMode: true, watch: null },
    appType: 'custom',
    logLevel: 'error',
  })
  try {
    const { killRounds } = (await server.ssrLoadModule(`/${ROUNDS_FILE}`)) as { killRounds: KillRounds }
    await job(killRounds)
    return null
  } catch (cause) {
    return cause instanceof Error ? cause : new Error(String(cause))
  } finally {
    await server.close()
  }
}
