import { Agent, type ClientRequest, request } from 'node:http'

/** Posts to one address over connections that stay open. */
export interface Exchange {
  /** Status and body of the answer; null when there was none in time. Never rejects. */
  post(body: string): Promise<{ readonly status: number; readonly body: string } | null>
  close(): void
}

export interface ExchangeOptions {
  readonly url: string
  readonly key: string | null
  /** Milliseconds for the whole of it. */
  readonly deadlineMs: number
  /** How many may be under way at a time. */
  readonly sockets: number
}

export function createExchange({ url, key, deadlineMs, sockets }: ExchangeOptions): Exchange {
  const agent = new Agent({ keepAlive: true, maxSockets: sockets, scheduling: 'fifo' })
  const target = new URL(url)
  const fixed = {
    'content-type': 'application/json',
    ...(key === null ? {} : { authorization: `Bearer ${key}` }),
  }
  const once = (body: string): Promise<Outcome> =>
    new Promise((resolve) => {
      let late: NodeJS.Timeout | null = null
      const done = (outcome: Outcome) => {
        if (late) clearTimeout(late)
        resolve(outcome)
      }
      const headers = { ...fixed, 'content-length': Buffer.byteLength(body) }
      const req: ClientRequest = request(target, { method: 'POST', agent, headers }, (res) => {
        let text = ''
        res.setEncoding('utf8')
        res.on('data', (chunk: string) => {
          text += chunk
        })
        res.on('end', () => done({ status: res.statusCode ?? 0, body: text }))
        res.on('error', () => done(null))
      })
      // The other side has closed what was idle: the question never arrived.
      req.on('error', (error: NodeJS.ErrnoException) =>
        done(req.reusedSocket && error.code === 'ECONNRESET' ? 'again' : null),
      )
      const giveUp = () => {
        done(null)
        req.destroy()
      }
      // What arrived while this process was busy is read first: it was in time.
      late = setTimeout(() => setImmediate(giveUp), deadlineMs)
      req.end(body)
    })
  return {
    async post(body) {
      for (let tries = 0; tries < TRIES; tries++) {
        const outcome = await once(body)
        if (outcome !== 'again') return outcome
      }
      return null
    },
    close: () => agent.destroy(),
  }
}

/** After a restart of the other side, each connection that was kept is found dead once. */
const TRIES = 3

type Outcome = { readonly status: number; readonly body: string } | 'again' | null
