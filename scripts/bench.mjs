// npm run bench: installs and builds what is missing, then runs the benches; arguments after `--` are theirs.
import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { checkNode, installAll, ROOT, RUNTIME, run, Sentence } from './install.mjs'

await run(async () => {
  checkNode()
  await installAll()
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
  const { status } = spawnSync(process.execPath, [compiler, '-b', ...RUNTIME, 'bench'], { cwd: ROOT, stdio: 'inherit' })
  if (status !== 0) throw new Sentence('The sources do not compile; the errors above say where.')
  process.exitCode = await bench(process.argv.slice(2))
})

/** Signals reach it by themselves: a terminal sends them to all, and others are handed on. */
function bench(args) {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [join(ROOT, 'bench', 'dist', 'run.js'), ...args], {
      cwd: ROOT,
      stdio: 'inherit',
    })
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
    child.on('error', fail)
    child.on('close', (code) => done(code ?? 1))
  })
}
