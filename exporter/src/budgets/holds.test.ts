import { expect, it } from 'vitest'
import { chargeOf, holdOf, testHolds } from '../../test/budgets/holds.ts'
import { createMemoryHolds } from './holds.ts'

testHolds('one process', createMemoryHolds)

it('keeps nothing of meters that nobody asks for again', async () => {
  const holds = createMemoryHolds()
  for (let session = 0; session < 100; session++) {
    for (const call of ['a', 'b']) await holds.tryHold(holdOf(call, [chargeOf(`session ${session}`, 1n)]))
    for (const call of ['a', 'b']) await holds.settle(call)
  }
  expect(holds.meters).toBe(100)
  holds.expired(3_600_000)
  expect(holds.meters).toBe(0)
})
