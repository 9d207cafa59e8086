// npm test: installs what is missing, then checks format, lint, types and tests, one after the other, until one fails.
// Arguments go to vitest: `npm test -- exporter/src/http` runs the suites of one folder, without coverage.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { checkNode, installAll, ROOT, RUNTIME, run, Sentence, seconds } from './install.mjs'

const BIOME = 'node_modules/@biomejs/biome/bin/biome'
const TSC = 'node_modules/typescript/bin/tsc'
const VITEST = 'node_modules/vitest/vitest.mjs'

/** Each stage is a list of commands. The suites that are left out for want of a program are named by vitest at its end. */
function stages(args) {
  return {
    format: [[BIOME, 'format', '.']],
    lint: [[BIOME, 'lint', '--error-on-warnings', '.']],
    types: [
      [TSC, '-b', ...RUNTIME, 'sdk'],
      [TSC, '-p', 'tsconfig.check.json'],
    ],
    tests: [[VITEST, 'run', ...(args.length === 0 ? ['--coverage'] : args)]],
  }
}

await run(async () => {
  checkNode()
  await installAll()
  const times = []
  for (const [name, commands] of Object.entries(stages(process.argv.slice(2)))) {
    const started = Date.now()
    process.stdout.write(`\n── ${name}\n`)
    for (const command of commands) await node(name, command)
    times.push(`${name} ${seconds(started)}`)
    process.stdout.write(`── ${times.at(-1)}\n`)
  }
  process.stdout.write(`\nAll passed: ${times.join(', ')}\n`)
})

function node(stage, [script, ...args]) {
  const started = Date.now()
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [join(ROOT, script), ...args], { cwd: ROOT, stdio: 'inherit' })
    child.on('error', fail)
    child.on('close', (code, signal) => {
      if (code === 0) done()
      else
        fail(
          new Sentence(
            `\n${stage} failed after ${seconds(started)}${signal ? ` (${signal})` : ''}; later stages were not run.`,
          ),
        )
    })
  })
}
