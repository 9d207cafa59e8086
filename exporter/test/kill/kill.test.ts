import { expect, it } from 'vitest'
import { type KillRound, killRounds } from '../support/kill.ts'

const ROUNDS = 12

it(`after ${ROUNDS} kills at random moments under load, each acknowledged event is there once, and no number is lower or another than that of the ledger`, async () => {
  const rounds: KillRound[] = []
  await killRounds({ rounds: ROUNDS, onRound: (round) => rounds.push(round) })
  expect(rounds.length).toBe(ROUNDS)
  // A round in which nothing was acknowledged would prove nothing.
  for (const { acknowledgedEvents } of rounds) expect(acknowledgedEvents).toBeGreaterThan(0)
  console.info(rounds.map((round) => Object.values(round).join(' ')).join('\n'))
})
