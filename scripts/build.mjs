// Builds what the exporter runs from, but only when its sources are not those of the last build.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, RUNTIME, Sentence, seconds } from './install.mjs'

const STAMP = join(ROOT, 'exporter', 'dist', '.built-from')

export function build() {
  const sources = fingerprint()
  if (isBuilt(sources)) return
  const started = Date.now()
  process.stderr.write('Building … ')
  rmSync(STAMP, { force: true })
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
  const { status, stdout, stderr } = spawnSync(process.execPath, [compiler, '-b', ...RUNTIME], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  if (status !== 0) {
    process.stderr.write('failed\n')
    throw new Sentence(`${stdout}${stderr}\nThe sources do not compile; the errors above say where.`)
  }
  writeFileSync(STAMP, sources)
  process.stderr.write(`done in ${seconds(started)}\n`)
}

function isBuilt(sources) {
  const built = RUNTIME.every((name) => existsSync(join(ROOT, name, 'dist')))
  return built && existsSync(STAMP) && readFileSync(STAMP, 'utf8') === sources
}

/** Names, times and sizes of all that the build reads: a file that was taken away or set back counts as a change too. */
function fingerprint() {
  const hash = createHash('sha256')
  for (const file of ['tsconfig.json', 'package-lock.json', ...RUNTIME.flatMap(inputs)]) {
    const { mtimeMs, size } = statSync(join(ROOT, file))
    hash.update(`${file} ${mtimeMs} ${size}\n`)
  }
  return hash.digest('hex')
}

function inputs(name) {
  const sources = readdirSync(join(ROOT, name, 'src'), { recursive: true })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .sort()
  return [`${name}/tsconfig.json`, `${name}/package.json`, ...sources.map((file) => `${name}/src/${file}`)]
}
