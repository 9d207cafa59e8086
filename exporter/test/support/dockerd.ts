import { randomBytes } from 'node:crypto'
import { copyFile, mkdir, mkdtemp, readdir, rm, rmdir, symlink } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { installed } from './installed.ts'
import { run } from './run.ts'
import { startServer } from './server-process.ts'

export interface Dockerd {
  readonly socket: string
  readonly url: string
  /** Runs Docker's own command line against it; rejects with what it said when it fails. Returns what it printed, trimmed. */
  docker(...args: string[]): Promise<string>
  /** Starts a container of the only image, IMAGE; returns its id. It ends by itself after ten minutes at most. */
  start(name: string, command: string, ...options: string[]): Promise<string>
  /** Removes all containers. */
  clear(): Promise<void>
  /** Removes all containers, ends the engine, and removes what it left behind. */
  close(): Promise<void>
}

/** A shell and a few programs. */
const IMAGE = 'marginwatch/busybox:1'
const PROGRAMS = ['sh', 'sleep', 'httpd', 'wget', 'dd', 'true', 'false', 'timeout'] as const

/** What it takes to start an engine here, in words; null when all is there. */
export function whyNoDockerd(): string | null {
  const wanted = { dockerd: 'docker.io', docker: 'docker.io', busybox: 'busybox-static' }
  const missing = Object.entries(wanted).filter(([program]) => installed(program) === null)
  if (missing.length > 0) {
    const names = missing.map(([program, of]) => `${program} (Debian package ${of})`)
    return `needs ${names.join(' and ')}; install it`
  }
  return process.getuid?.() === 0 ? null : 'needs to be root; run it as root'
}

/**
 * Debian's own Docker engine on a socket in a temporary folder, with networks and control groups of its own, so that nothing of
 * the machine is touched. Not two at a time.
 */
export async function startDockerd(): Promise<Dockerd> {
  const folder = await mkdtemp(join(tmpdir(), 'marginwatch-dockerd-'))
  const group = `marginwatch-${randomBytes(4).toString('hex')}`
  const socket = join(folder, 'docker.sock')
  const url = `unix://${socket}`
  const [dockerd, cli, busybox] = ['dockerd', 'docker', 'busybox'].map((name) => installed(name) ?? name)
  const env = { PATH: process.env.PATH ?? '', HOME: folder, DOCKER_HOST: url }
  const server = startServer({
    program: 'unshare',
    args: [
      ...[
        '--net',
        dockerd ?? '',
        '--host',
        url,
        '--data-root',
        join(folder, 'root'),
        '--exec-root',
        join(folder, 'exec'),
      ],
      ...['--pidfile', join(folder, 'pid'), '--iptables=false', '--ip6tables=false', '--ip-forward=false'],
      ...['--cgroup-parent', `/${group}`, '--exec-opt', 'native.cgroupdriver=cgroupfs'],
    ],
    env,
    cwd: folder,
  })
  const docker: Dockerd['docker'] = async (...args) => {
    const { code, stdout, stderr } = await run(cli ?? '', args, { env })
    if (code !== 0) throw new Error(`docker ${args.join(' ')} ended with ${code}: ${stderr}`)
    return stdout.trim()
  }
  const clear = async () => {
    const ids = (await docker('ps', '--all', '--quiet', '--no-trunc')).split('\n').filter((id) => id !== '')
    if (ids.length > 0) await docker('rm', '--force', '--volumes', ...ids)
  }
  const remove = async () => {
    await rm(folder, { recursive: true, force: true })
    await removeGroups(group)
  }
  try {
    await server.until((log) => log.includes('API listen on'))
    await makeImage(folder, busybox ?? '', docker)
  } catch (error) {
    await server.stop('SIGTERM')
    await remove()
    throw error
  }
  return {
    socket,
    url,
    docker,
    clear,
    start: (name, command, ...options) =>
      docker('run', '--detach', '--name', name, ...options, IMAGE, 'timeout', '600', 'sh', '-c', command),
    async close() {
      try {
        await clear()
      } finally {
        await server.stop('SIGTERM')
        await remove()
      }
    },
  }
}

async function makeImage(folder: string, busybox: string, docker: Dockerd['docker']): Promise<void> {
  const bin = join(folder, 'image', 'bin')
  const archive = join(folder, 'image.tar')
  await mkdir(bin, { recursive: true })
  await copyFile(busybox, join(bin, 'busybox'))
  for (const program of PROGRAMS) await symlink('busybox', join(bin, program))
  const { code, stderr } = await run('tar', ['-c', '-C', join(folder, 'image'), '-f', archive, '.'])
  if (code !== 0) throw new Error(`tar ended with ${code}: ${stderr}`)
  await docker('import', archive, IMAGE)
}

/** Empty control groups that the engine leaves behind, in whichever hierarchies there are. */
async function removeGroups(name: string): Promise<void> {
  const root = '/sys/fs/cgroup'
  const places = [root, ...(await readdir(root)).map((controller) => join(root, controller))]
  // Where it has none there is nothing to remove; some are the same one under another name.
  for (const place of places) await rmdir(join(place, name)).catch(() => undefined)
}

export interface SocketProxy {
  readonly url: string
  close(): Promise<void>
}

/** Lets TCP through to a socket, as the plainest of socket proxies does. */
export async function startSocketProxy(socket: string): Promise<SocketProxy> {
  const open = new Set<Socket>()
  const server = createServer((from) => {
    const to = connect(socket)
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const) {
      open.add(one)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        open.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy does not listen on a port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    async close() {
      for (const one of open) one.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
