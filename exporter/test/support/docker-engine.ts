import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A container of the stand-in, as its answers tell of it. */
export interface StandInContainer {
  readonly id: string
  name: string
  readonly labels?: Readonly<Record<string, string>>
  state?: 'running' | 'restarting' | 'exited'
  /** Text of the engine's time. */
  startedAt: string
  cpu: number
  memory?: number
  network?: readonly [received: number, sent: number]
  networkMode?: string
}

/** What is to become of the calls of its API. */
export type Trouble = 'none' | 'silent' | 'broken' | 'refused' | 'other'

/** A small stand-in for an engine, for what a real one does not do when asked to. */
export interface DockerEngine {
  readonly url: string
  readonly containers: StandInContainer[]
  /** Method and path of each call. */
  readonly asked: readonly string[]
  trouble: Trouble
  /** Its stats fail with 500 for these containers. */
  readonly unwell: Set<string>
  /** These vanish while they are read: the answer is empty. */
  readonly vanishing: Set<string>
  /** Resolves with the next call. */
  next(): Promise<void>
  connections(): number
  close(): Promise<void>
}

/** Listens on a socket of this path, or on a port of 127.0.0.1. `now`: the engine's clock, epoch milliseconds. */
export async function startEngine(now: () => number, socket?: string): Promise<DockerEngine> {
  const asked: string[] = []
  let waiting: (() => void)[] = []
  let connections = 0
  const server = createServer((req, res) => {
    asked.push(`${req.method} ${req.url}`)
    for (const wake of waiting.splice(0)) wake()
    answer(new URL(req.url ?? '', 'http://docker'), res)
  })
  server.on('connection', () => connections++)
  if (socket === undefined) server.listen(0, '127.0.0.1')
  else server.listen(socket)
  await once(server, 'listening')

  function answer(url: URL, res: ServerResponse): void {
    if (engine.trouble === 'silent') return
    if (engine.trouble === 'broken') return void res.destroy()
    if (engine.trouble === 'refused') return void res.writeHead(403).end('forbidden')
    if (engine.trouble === 'other') return void res.end('{"hello":"world"}')
    if (url.pathname === '/_ping') return void res.writeHead(200, { 'api-version': '1.41' }).end('OK')
    const [, version, path = ''] = /^\/v([\d.]+)(\/.*)$/.exec(url.pathname) ?? []
    if (version !== '1.41') return void fail(res, 400, `client version ${version} is not 1.41`)
    if ([...engine.vanishing].some((id) => path.includes(`${id}/stats`))) return void res.end()
    const { status, body } = bodyOf(path, url)
    res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }

  function bodyOf(path: string, url: URL): { status: number; body: unknown } {
    if (path === '/containers/json') return { status: 200, body: engine.containers.filter(isListed(url)).map(entryOf) }
    const [, id, what] = /^\/containers\/(\w+)\/(json|stats)$/.exec(path) ?? []
    const container = engine.containers.find((one) => one.id === id)
    if (container === undefined) return { status: 404, body: { message: `No such container: ${id}` } }
    if (what === 'json') return { status: 200, body: inspectOf(container) }
    if (engine.unwell.has(container.id)) return { status: 500, body: { message: 'cgroup: no such file' } }
    return { status: 200, body: statsOf(container, now()) }
  }

  const { port } = socket === undefined ? (server.address() as AddressInfo) : { port: 0 }
  const engine: DockerEngine = {
    url: socket === undefined ? `http://127.0.0.1:${port}` : `unix://${socket}`,
    containers: [],
    asked,
    trouble: 'none',
    unwell: new Set(),
    vanishing: new Set(),
    next: () => new Promise((resolve) => waiting.push(resolve)),
    connections: () => connections,
    async close() {
      waiting = []
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
      if (socket !== undefined) await rm(socket, { force: true })
    },
  }
  return engine
}

function fail(res: ServerResponse, status: number, message: string): void {
  res.writeHead(status).end(JSON.stringify({ message }))
}

function isListed(url: URL): (container: StandInContainer) => boolean {
  const filters = JSON.parse(url.searchParams.get('filters') ?? '{}') as { label?: string[] }
  const wanted = (filters.label ?? []).map((text) => text.split('='))
  return ({ labels = {}, state }) => state !== 'exited' && wanted.every(([name = '', value]) => labels[name] === value)
}

function entryOf({ id, name, labels = {}, state = 'running', networkMode = 'bridge' }: StandInContainer): object {
  return {
    Id: id,
    Names: [`/web/${name}`, `/${name}`],
    Image: 'shop/web:1',
    Labels: labels,
    State: state,
    HostConfig: { NetworkMode: networkMode },
  }
}

function inspectOf({ id, startedAt }: StandInContainer): object {
  return {
    Id: id,
    RestartCount: 2,
    State: { StartedAt: startedAt, Health: { Status: 'healthy' } },
    HostConfig: { Memory: 0 },
  }
}

function statsOf({ cpu, memory = 0, network, state = 'running' }: StandInContainer, now: number): object {
  if (state !== 'running') return { read: '0001-01-01T00:00:00Z', cpu_stats: { cpu_usage: { total_usage: 0 } } }
  const [rx_bytes, tx_bytes] = network ?? []
  return {
    read: new Date(now).toISOString(),
    cpu_stats: { cpu_usage: { total_usage: cpu }, system_cpu_usage: 1, online_cpus: 2 },
    memory_stats: { usage: memory, stats: { inactive_file: 0 } },
    ...(network === undefined ? {} : { networks: { eth0: { rx_bytes, tx_bytes } } }),
  }
}
