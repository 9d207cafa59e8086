// Installs packages, but only when something that is needed is not there as the lock file says. Plain Node: it runs before
// there is anything else.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))

/** The workspaces that the exporter runs from; Grafana's packages are in none of them. */
export const RUNTIME = ['pricing', 'sandbox', 'exporter']

const OLDEST = [20, 19]
const STAMP = join(ROOT, 'node_modules', '.marginwatch-lock')
// Lies outside of node_modules, which npm deletes first: what is half installed looks whole to a check of versions.
const UNDER_WAY = join(ROOT, 'install.tmp')

/** An error whose message is all that a person needs. */
export class Sentence extends Error {}

/** Runs a script; a Sentence is printed as it is, without where in the script it came from. */
export async function run(script) {
  try {
    await script()
  } catch (error) {
    if (!(error instanceof Sentence)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 1
  }
}

/** Refuses a Node that is too old for the program, before it fails in some stranger way. */
export function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return
  throw new Sentence(
    `Marginwatch needs Node ${OLDEST.join('.')} or newer; this is ${process.version} (${process.execPath}). ` +
      'Install a newer one, for example from https://nodejs.org, and start again.',
  )
}

/** What the exporter needs to run. A developer's full install is kept full. */
export async function installRuntime() {
  const lock = readLock()
  if (isInstalled(lock, neededBy(lock, ['', ...RUNTIME]))) return
  if (isDevelopers(lock)) return installAll()
  const workspaces = RUNTIME.flatMap((name) => ['--workspace', name])
  await install('what the exporter needs', ['--omit=dev', '--include-workspace-root', ...workspaces])
}

/** Everything: what building, checking and testing need too. */
export async function installAll() {
  const lock = readLock()
  const all = new Map(Object.entries(lock.packages).filter(([place]) => place.includes('node_modules/')))
  if (!isInstalled(lock, all)) await install('all packages', ['--include=dev'])
}

function readLock() {
  const text = readFileSync(join(ROOT, 'package-lock.json'), 'utf8')
  return { packages: JSON.parse(text).packages, hash: createHash('sha256').update(text).digest('hex') }
}

/** Places in the lock file that these workspaces lead to, without what only developing them takes. */
function neededBy(lock, workspaces) {
  const found = new Map()
  const follow = (place, dependencies) => {
    for (const name of Object.keys(dependencies ?? {})) {
      const at = resolve(lock.packages, place, name)
      if (at === null || found.has(at)) continue
      const entry = lock.packages[at]
      found.set(at, entry)
      if (!entry.link) followAll(at, entry)
    }
  }
  const followAll = (place, entry) => {
    follow(place, entry.dependencies)
    follow(place, entry.optionalDependencies)
    follow(place, entry.peerDependencies)
  }
  for (const place of workspaces) followAll(place, lock.packages[place])
  return found
}

/** Where Node would find a package that is asked for from a place: the nearest node_modules upward. */
function resolve(packages, place, name) {
  for (let at = place; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/')))) {
    const candidate = `${at === '' ? '' : `${at}/`}node_modules/${name}`
    if (candidate in packages) return candidate
    if (at === '') return null
  }
}

function isInstalled(lock, needed) {
  if (existsSync(UNDER_WAY)) return false
  const absent = [...needed].filter(([place, entry]) => !isThere(place, entry))
  if (absent.some(([, entry]) => !entry.optional)) return false
  // What fits this machine but may fail to install is asked for once a lock file, not at every start.
  return !absent.some(([, entry]) => fitsMachine(entry)) || stampedLock() === lock.hash
}

function isThere(place, { version, link }) {
  const file = join(ROOT, place, 'package.json')
  return existsSync(file) && (link === true || JSON.parse(readFileSync(file, 'utf8')).version === version)
}

function fitsMachine({ os, cpu, libc }) {
  if (!os && !cpu) return false
  return allows(os, process.platform) && allows(cpu, process.arch) && (!libc || libc.includes(libcName()))
}

function allows(list, value) {
  return !list || list.includes(value) || (list.every((item) => item.startsWith('!')) && !list.includes(`!${value}`))
}

function libcName() {
  return process.report.getReport().header.glibcVersionRuntime ? 'glibc' : 'musl'
}

function isDevelopers(lock) {
  const names = Object.keys(lock.packages['']?.devDependencies ?? {})
  return names.some((name) => existsSync(join(ROOT, 'node_modules', name, 'package.json')))
}

function stampedLock() {
  return existsSync(STAMP) ? readFileSync(STAMP, 'utf8') : null
}

async function install(what, args) {
  const started = Date.now()
  process.stderr.write(`Installing ${what} … `)
  writeFileSync(UNDER_WAY, '')
  const { code, output } = await npm(['ci', '--no-audit', '--no-fund', '--loglevel=error', ...args])
  if (code !== 0) {
    process.stderr.write('failed\n')
    const said = output.replace(/^npm error {5}at .*\n/gm, '').trim()
    throw new Sentence(`${explain(output)}\n\nnpm said:\n${said.slice(0, 2000)}`)
  }
  writeFileSync(STAMP, readLock().hash)
  rmSync(UNDER_WAY)
  process.stderr.write(`done in ${seconds(started)}\n`)
}

/** Runs npm: the one that runs this script, if one does. */
function npm(args) {
  const own = process.env.npm_execpath
  const [command, ...first] = own && /npm-cli\.c?js$/.test(own) ? [process.execPath, own] : ['npm']
  return new Promise((done, fail) => {
    const shell = process.platform === 'win32' && command === 'npm'
    const child = spawn(command, [...first, ...args], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], shell })
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
    })
    child.stderr.on('data', (chunk) => {
      output += chunk
    })
    child.on('error', () => {
      process.stderr.write('failed\n')
      fail(
        new Sentence('npm is not installed, or not on PATH. It comes with Node: install both from https://nodejs.org.'),
      )
    })
    child.on('close', (code) => done({ code, output }))
  })
}

const REASONS = [
  [
    /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EIDLETIMEOUT|ERR_SOCKET_TIMEOUT)\b/,
    'The package registry cannot be reached. Check the network, a proxy (npm config get proxy) and the registry (npm config get registry), then start again.',
  ],
  [
    /\b(E401|E403)\b/,
    'The package registry refuses this machine. Check the credentials and the registry (npm config get registry).',
  ],
  [
    /\bE404\b|\bETARGET\b/,
    'The package registry does not have a package that is needed. Check which one is set (npm config get registry).',
  ],
  [/\bENOSPC\b/, 'There is no space left on the disk. The exporter needs about 200 MB.'],
  [
    /\b(EACCES|EPERM|EROFS)\b/,
    'The packages cannot be written. This user must be able to write to the folder of Marginwatch, and to npm’s cache.',
  ],
  [
    /\bEUSAGE\b/,
    'package.json and package-lock.json do not fit each other. Take both from the same commit, or run npm install.',
  ],
]

function explain(output) {
  const known = REASONS.find(([pattern]) => pattern.test(output))
  return known?.[1] ?? 'The packages could not be installed.'
}

export function seconds(since) {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`
}
