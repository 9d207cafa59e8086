import { expect, test } from 'vitest'
import { formatProblem } from '../../src/policy/problem.ts'
import { readPolicy } from '../../src/policy/read.ts'
import { read } from './pages.ts'

const LINES = read('marginwatch.yaml').split('\n')
const ENV = Object.fromEntries([...LINES.join('\n').matchAll(/\$\{(\w+)\}/g)].map(([, name = '']) => [name, 'k']))

/** A comment that is YAML behind its hash: a key with its value, a key of a block, or an item of a list. */
const COMMENTED = /^( *)# ?( *)((?:[\w-]+|"[^"]+"):(?: .*)?|- .*)$/

/** Lines that are commented out one below the other, each run an example of its own. */
function examples(): { readonly name: string; readonly lines: readonly number[] }[] {
  const runs: number[][] = []
  LINES.forEach((line, index) => {
    if (!COMMENTED.test(line)) return
    const last = runs.at(-1)
    if (last?.at(-1) === index - 1) last.push(index)
    else runs.push([index])
  })
  return runs.map((lines) => ({ name: (LINES[lines[0] ?? 0] ?? '').replace(/^[ #]*/, ''), lines }))
}

const EXAMPLES = examples()

function uncommented(lines: readonly number[]): string {
  const wanted = new Set(lines)
  return LINES.map((line, index) => (wanted.has(index) ? line.replace(COMMENTED, '$1$2$3') : line)).join('\n')
}
const problems = (text: string) => readPolicy(text, { file: 'marginwatch.yaml', env: ENV }).problems?.map(formatProblem)

test.each(EXAMPLES)('marginwatch.yaml is good with its example uncommented: $name', ({ lines }) => {
  expect(problems(uncommented(lines))).toBeUndefined()
})

test('marginwatch.yaml is good with all of its examples uncommented, and then says more than without', () => {
  const all = EXAMPLES.flatMap(({ lines }) => lines)
  expect(problems(uncommented(all))).toBeUndefined()
  const { policy } = readPolicy(uncommented(all), { file: 'marginwatch.yaml', env: ENV })
  expect(policy).toMatchObject({
    customers: [{ id: 'acme' }, { id: 'acme' }, { id: 'globex', price: 149_000_000_000n }],
    roster: { file: expect.stringMatching(/customers\.csv$/) },
    margin: { keep: ['grafana', 'prometheus'] },
    rates: { containers: [{ cpu: 31_000_000n, memory: 4_200_000n, network: 85_000_000n }] },
    sources: {
      litellm: { poll: { url: 'http://127.0.0.1:4000' } },
      langfuse: [{ name: 'main', role: 'reconcile' }],
      docker: { project: 'my-product' },
    },
  })
})
