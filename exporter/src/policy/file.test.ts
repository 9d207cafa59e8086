import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Logger, pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type PolicyFile, PolicyRefused, watchPolicy } from './file.ts'
import { LOOK_MS } from './follow.ts'
import type { Policy } from './policy.ts'
import { formatProblem } from './problem.ts'

const SMALL = 'tiers: { small: { price_usd: 10 } }\n'
const LARGE = 'tiers: { large: { price_usd: 20 } }\n'
const BAD = 'tiers: { small: { price_usd: ten } }\n'

let directory: string
let path: string
let closers: (() => Promise<void>)[]

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'marginwatch-policy-'))
  path = join(directory, 'marginwatch.yaml')
  closers = []
})
afterEach(async () => {
  for (const close of closers) await close()
  await rm(directory, { recursive: true })
})

/** Changes the whole file at once: nobody sees it half written. */
async function replace(text: string): Promise<void> {
  await writeFile(`${path}.new`, text)
  await rename(`${path}.new`, path)
}

/** A value for each time that something happens, and a promise for the next one. */
function events<T>() {
  const waiting: ((value: T) => void)[] = []
  const early: T[] = []
  return {
    happen(value: T): void {
      const next = waiting.shift()
      if (next) next(value)
      else early.push(value)
    },
    next(): Promise<T> {
      const first = early.shift()
      return first === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(first)
    },
    count: () => early.length,
  }
}

interface Running {
  file: PolicyFile
  changes: ReturnType<typeof events<Policy>>
  logged: ReturnType<typeof events<{ msg: string; [key: string]: unknown }>>
  /** Lets the look now and then happen. */
  look(): void
}

async function start(
  options: { mustExist?: boolean; env?: Record<string, string>; fail?: boolean } = {},
): Promise<Running> {
  const changes = events<Policy>()
  const logged = events<{ msg: string }>()
  const log: Logger = pino({ level: 'warn' }, { write: (line: string) => logged.happen(JSON.parse(line)) })
  let look = () => {}
  // Settling takes a turn of the loop, and the clock for the look now and then is this test.
  const sleep = (ms: number, signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve())
      if (ms === LOOK_MS) look = resolve
      else setImmediate(resolve)
    })
  const onChange = (policy: Policy) => {
    changes.happen(policy)
    if (options.fail) throw new Error('a part failed')
  }
  const { mustExist = true, env = {} } = options
  const file = await watchPolicy({ path, mustExist, env, log, now: () => 1234, sleep, onChange })
  closers.push(() => file.close())
  return { file, changes, logged, look: () => look() }
}

const tiers = (policy: Policy) => Object.keys(policy.tiers)

/** Resolves once a policy with this tier is in force. A file written in place may be seen empty on the way there. */
async function tierInForce(name: string, { changes }: Pick<Running, 'changes'>): Promise<void> {
  const policy = await changes.next()
  if (!tiers(policy).includes(name)) await tierInForce(name, { changes })
}

describe('at the start', () => {
  test('the file is the policy in force', async () => {
    await writeFile(path, SMALL)
    const { file } = await start()
    expect(tiers(file.current())).toEqual(['small'])
    expect(file.lastReload()).toEqual({ ok: true, at: 1234, problems: [], waiting: [] })
  })

  test('a bad file is refused with all its problems', async () => {
    await writeFile(path, `${BAD}colour: red\n`)
    const refused = await start().catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(PolicyRefused)
    expect((refused as PolicyRefused).message.split('\n')).toEqual([
      `${path}:1:30: tiers.small.price_usd: found "ten", expected dollars as a decimal number, e.g. 49 or 49.90`,
      expect.stringContaining(`${path}:2:1: colour: unknown key`),
    ])
  })

  test('a missing file stands for the defaults, or is a mistake when it was named', async () => {
    const { file } = await start({ mustExist: false })
    expect(file.current().server.port).toBe(9464)
    await expect(start()).rejects.toThrow(`${path}:1:1: there is no such file`)
  })

  test('a file that cannot be read is refused with the reason', async () => {
    await mkdir(path)
    await expect(start({ mustExist: false })).rejects.toThrow(`${path}:1:1: the file cannot be read (EISDIR)`)
  })
})

describe('reload', () => {
  test('takes a new policy up and tells the program once', async () => {
    await writeFile(path, SMALL)
    const { file, changes } = await start()
    await writeFile(path, LARGE)
    expect((await file.reload()).ok).toBe(true)
    expect(tiers(file.current())).toEqual(['large'])
    expect(tiers(await changes.next())).toEqual(['large'])
    await file.reload()
    expect(changes.count()).toBe(0)
  })

  test('refuses a bad policy, keeps the old one, says why, and is well again with the next good file', async () => {
    await writeFile(path, SMALL)
    const { file, changes, logged } = await start()
    const before = file.current()
    await replace(BAD)
    const reload = await file.reload()
    expect(reload.ok).toBe(false)
    expect(file.lastReload()).toEqual(reload)
    expect(file.current()).toBe(before)
    expect(changes.count()).toBe(0)
    const line = await logged.next()
    expect(line.msg).toBe('policy refused; the one before stays in force')
    expect(line.problems).toEqual(reload.problems.map(formatProblem))
    await replace(SMALL)
    expect(await file.reload()).toEqual({ ok: true, at: 1234, problems: [], waiting: [] })
    expect(file.current()).toBe(before)
  })

  test('takes the absence of a file that was there for a mistake and not for the defaults', async () => {
    await writeFile(path, SMALL)
    const { file } = await start({ mustExist: false })
    await rm(path)
    const { ok, problems } = await file.reload()
    expect(ok).toBe(false)
    expect(problems.map(formatProblem)).toEqual([`${path}:1:1: there is no such file`])
    expect(tiers(file.current())).toEqual(['small'])
  })

  test('takes a file that was emptied for one that is being written and not for the defaults', async () => {
    await writeFile(path, SMALL)
    const { file } = await start()
    await writeFile(path, '\n')
    const { ok, problems } = await file.reload()
    expect(ok).toBe(false)
    expect(problems.map(formatProblem)).toEqual([
      `${path}:1:1: the file is empty and was not before, expected at least the key version`,
    ])
    expect(tiers(file.current())).toEqual(['small'])
  })

  test('keeps what is read once at the start, takes the rest, and names what waits for a restart', async () => {
    const env = { NEW_KEY: 'new' }
    await writeFile(path, SMALL)
    const { file, logged } = await start({ env })
    await writeFile(
      path,
      [
        'timezone: Asia/Tokyo',
        'server:',
        '  host: 127.0.0.2',
        '  port: 1',
        '  body_limit: 1MB',
        `  keys: { reader: "\${NEW_KEY}" }`,
        'metrics: { customers: 5, customer_idle: 1d }',
        'ledger: { retention: forever, dedupe_window: 36d }',
        'sessions: { idle: 5m }',
        'tiers: { small: { price_usd: 10 } }',
        'customers: [{ id: acme, tier: small, from: 2026-01-01 }]',
      ].join('\n'),
    )
    const { ok, waiting } = await file.reload()
    expect(ok).toBe(true)
    expect(waiting).toEqual([
      'timezone',
      'server.host',
      'server.port',
      'server.body_limit',
      'metrics.customers',
      'metrics.customer_idle',
      'ledger.retention',
      'ledger.dedupe_window',
      'sessions.idle',
    ])
    expect((await logged.next()).keys).toEqual(waiting)
    expect(file.current()).toMatchObject({
      timezone: 'UTC',
      server: { host: '127.0.0.1', port: 9464, bodyLimitBytes: 16_000_000, keys: { reader: 'new' } },
      metrics: { customers: 200 },
      sessions: { idleMs: 1_800_000 },
      // Dates begin in the zone in force.
      customers: [{ id: 'acme', tier: 'small', from: Date.parse('2026-01-01T00:00Z'), to: null }],
    })
    expect(Object.isFrozen(file.current().server)).toBe(true)
    await writeFile(path, SMALL)
    expect((await file.reload()).waiting).toEqual([])
  })

  test('refuses a policy that would take the keys away from where the program listens until its restart', async () => {
    const keys = ['reader', 'ingest'].map((role) => `${role}: "\${${role.toUpperCase()}}"`).join(', ')
    await writeFile(path, `server: { host: 0.0.0.0, keys: { ${keys} } }`)
    const { file } = await start({ env: { READER: 'r', INGEST: 'i' } })
    await writeFile(path, '# on loopback no keys are needed\nserver: { host: 127.0.0.1 }')
    const { ok, problems } = await file.reload()
    expect(ok).toBe(false)
    expect(problems.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^until the restart found "0\.0\.0\.0", which other machines can reach, but no key/),
    ])
    expect(file.current().server.keys.reader).toBe('r')
  })

  test('goes on when a part of the program fails on the new policy', async () => {
    await writeFile(path, SMALL)
    const { file, logged } = await start({ fail: true })
    await writeFile(path, LARGE)
    expect((await file.reload()).ok).toBe(true)
    expect((await logged.next()).msg).toBe('policy: a part of the program failed on the new policy')
    expect(tiers(file.current())).toEqual(['large'])
  })

  test('asked for many times at once ends with what the file says', async () => {
    await writeFile(path, SMALL)
    const { file } = await start()
    const first = file.reload()
    await writeFile(path, LARGE)
    await Promise.all([first, file.reload(), file.reload()])
    expect(tiers(file.current())).toEqual(['large'])
  })
})

describe('a change of the file is seen', () => {
  test('when it is written in place', async () => {
    await writeFile(path, SMALL)
    const running = await start()
    await writeFile(path, LARGE)
    await tierInForce('large', running)
  })

  test('when an editor puts a new file in its place', async () => {
    await writeFile(path, SMALL)
    const running = await start()
    await writeFile(`${path}.tmp`, LARGE)
    await rename(`${path}.tmp`, path)
    await tierInForce('large', running)
  })

  test('when Kubernetes swaps the link to the directory of a mounted file', async () => {
    for (const [version, text] of Object.entries({ '..1': SMALL, '..2': LARGE })) {
      await mkdir(join(directory, version))
      await writeFile(join(directory, version, 'marginwatch.yaml'), text)
    }
    await symlink('..1', join(directory, '..data'))
    await symlink(join('..data', 'marginwatch.yaml'), path)
    const running = await start()
    expect(tiers(running.file.current())).toEqual(['small'])
    await symlink('..2', join(directory, '..data_tmp'))
    await rename(join(directory, '..data_tmp'), join(directory, '..data'))
    await tierInForce('large', running)
  })

  test('when the system reports nothing, by a look now and then', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'marginwatch-elsewhere-'))
    closers.push(() => rm(elsewhere, { recursive: true }))
    await writeFile(join(elsewhere, 'policy.yaml'), SMALL)
    await symlink(join(elsewhere, 'policy.yaml'), path)
    const running = await start()
    await writeFile(join(elsewhere, 'policy.yaml'), LARGE)
    running.look()
    await tierInForce('large', running)
  })

  test('when it comes into being', async () => {
    const running = await start({ mustExist: false })
    await writeFile(path, SMALL)
    await tierInForce('small', running)
  })

  test('and a bad one is refused, then a good one taken', async () => {
    await writeFile(path, SMALL)
    const running = await start()
    await writeFile(`${path}.tmp`, BAD)
    await rename(`${path}.tmp`, path)
    expect((await running.logged.next()).msg).toBe('policy refused; the one before stays in force')
    expect(running.file.lastReload().ok).toBe(false)
    await writeFile(`${path}.tmp`, LARGE)
    await rename(`${path}.tmp`, path)
    await tierInForce('large', running)
    expect(running.file.lastReload().ok).toBe(true)
  })

  test('no more once it is closed', async () => {
    await writeFile(path, SMALL)
    const running = await start()
    await running.file.close()
    await writeFile(path, LARGE)
    // A second one on the same file does see it.
    const other = await start()
    await writeFile(path, SMALL)
    await tierInForce('small', other)
    expect(running.changes.count()).toBe(0)
    expect(tiers(running.file.current())).toEqual(['small'])
  })
})
