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

test('marginwatch.yaml shows each of these, once', () => {
  const keys = EXAMPLES.map(({ name }) => /^[\w-]+/.exec(name)?.[0])
  for (const key of ['roster', 'margin', 'rates', 'poll', 'docker', 'keys'])
    expect(keys.filter((one) => one === key)).toEqual([key])
  expect(keys.filter((one) => one === 'langfuse')).toHaveLength(2)
})
