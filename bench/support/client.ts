import { Agent, request } from 'node:http'

export interface Answer {
  readonly status: number
  readonly body: Buffer
}

/** Speaks HTTP over connections that stay open, as gateways and Prometheus do. */
export interface Client {
  /** Rejects on a status other than 200, with the first words of the answer. */
  get(path: string, headers?: Record<string, string>): Promise<Buffer>
  post(path: string, body: string | Buffer): Promise<Buffer>
  /** Any status. */
  ask(path: string): Promise<Answer>
  close(): void
}

export function createClient(base: string, connections = 8): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: connections, scheduling: 'fifo' })
  const send = (method: string, path: string, headers: Record<string, string>, body?: string | Buffer) =>
    new Promise<Answer>((resolve, reject) => {
      const req = request(new URL(path, base), { method, agent, headers }, (res) => {
        const chunks: Buffer[] = []
        res.on('error', reject)
        res.on('data', (chunk: Buffer) => chunks.push(chunk))
        res.on('end', () => resolve({ status: res.statusCode ?? 0, body: Buffer.concat(chunks) }))
      })
      req.on('error', reject)
      req.end(body)
    })
  const expectOk = async (what: string, answering: Promise<Answer>): Promise<Buffer> => {
    const { status, body } = await answering
    if (status === 200) return body
    throw new Error(`${what} was answered with ${status}: ${body.toString('utf8').slice(0, 300)}`)
  }
  return {
    get: (path, headers = {}) => expectOk(`GET ${path}`, send('GET', path, headers)),
    post: (path, body) =>
      expectOk(
        `POST ${path}`,
        send(
          'POST',
          path,
          { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(body)) },
          body,
        ),
      ),
    ask: (path) => send('GET', path, {}),
    close: () => agent.destroy(),
  }
}
