import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, it } from 'vitest'
import { type AskStep, Model, POLICIES } from './model.ts'

const RUNS = 10_000
const directory = mkdtempSync(join(tmpdir(), 'model-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const MINUTE = 60_000
const DAY = 86_400_000
const small = fc.nat(7)

type Step = (model: Model) => unknown

/** A step with words for what it is, for the sequence that is shown when one fails. */
function step<T>(
  name: string,
  arbitrary: fc.Arbitrary<T>,
  run: (model: Model, given: T) => unknown,
): fc.Arbitrary<Step> {
  return arbitrary.map((given) => {
    const made: Step = (model) => run(model, given)
    return Object.assign(made, {
      toString: () =>
        `${name} ${JSON.stringify(given, (_, value) => (typeof value === 'bigint' ? `${value}n` : value))}`,
    })
  })
}

const ask: fc.Arbitrary<AskStep> = fc.record({
  payer: small,
  model: fc.constantFrom('gpt-4o', 'gpt-4o', 'gpt-4o-mini'),
  maxTokens: fc.option(fc.constantFrom(60, 200, 800, 4_000), { nil: null }),
  tokens: fc.constantFrom(5, 50, 400),
  share: fc.constantFrom(1, 1, 0.3, 0.01),
  known: fc.option(small, { nil: null, freq: 12 }),
})
const how = fc.constantFrom('success', 'success', 'success', 'failed', 'cancelled')
const cost = fc.bigInt({ min: 1n, max: 8_000_000n })

const anyStep = fc.oneof(
  { weight: 14, arbitrary: step('ask', ask, (model, given) => model.ask(given)) },
  {
    weight: 8,
    arbitrary: step('end', fc.record({ which: small, how }), (model, given) => model.end(given.which, given.how)),
  },
  { weight: 1, arbitrary: step('end twice', small, (model, which) => model.endTwice(which)) },
  {
    weight: 2,
    arbitrary: step('undecided', fc.record({ payer: small, cost }), (model, given) =>
      model.undecided(given.payer, given.cost),
    ),
  },
  {
    weight: 1,
    arbitrary: step(
      'correct',
      fc.record({ which: small, cost: fc.bigInt({ min: -3_000_000n, max: 3_000_000n }) }),
      (model, given) => model.correct(given.which, given.cost),
    ),
  },
  {
    weight: 3,
    arbitrary: step(
      'clock',
      fc.constantFrom(1_000, 20_000, 5 * MINUTE, 13 * MINUTE, 5 * 3_600_000, -10_000, -4 * 3_600_000, DAY, 9 * DAY),
      (model, ms) => model.clock(ms),
    ),
  },
  {
    weight: 1,
    arbitrary: step(
      'reload',
      fc.record({ policy: fc.nat(POLICIES.length - 1), which: small, readBeforeGate: fc.boolean() }),
      (model, given) => model.reload(given.policy, given),
    ),
  },
  {
    weight: 1,
    arbitrary: step(
      'admin',
      fc.record({ agent: small, what: fc.constantFrom('pause', 'unpause', 'budget', 'reset'), cost }),
      (model, given) => model.admin(given.agent, given.what, given.cost * 5n),
    ),
  },
  { weight: 1, arbitrary: step('kill', fc.constant(null), (model) => model.kill()) },
  { weight: 2, arbitrary: step('sweep', fc.boolean(), (model, backlog) => model.sweep(backlog)) },
  {
    weight: 1,
    arbitrary: step('writable', fc.boolean(), (model, writable) => model.setWritable(writable)),
  },
  {
    weight: 2,
    arbitrary: step('follows', fc.record({ prompt: fc.boolean(), stored: fc.boolean() }), (model, given) =>
      model.setPrompt(given.prompt, given.stored),
    ),
  },
)

it(`never passes a line, misses no threshold and tells of none twice, and holds nothing in the end, in ${RUNS} sequences of calls, faults and changes`, async () => {
  let run = 0
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 8, maxLength: 45 }), small, async (steps, late) => {
      const model = new Model(directory, ++run)
      await model.start()
      try {
        for (const one of steps) {
          await one(model)
          await model.settle()
          model.check()
        }
        await model.finish(late)
      } finally {
        model.remove()
      }
    }),
    { numRuns: RUNS },
  )
})
