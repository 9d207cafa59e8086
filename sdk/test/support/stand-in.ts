import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

export const KEY = 'gateway-key'

/** The body of a question, as it came. */
export interface Asked {
  readonly version: number
  readonly call_id: string
  readonly model?: string
  readonly max_tokens?: number
  readonly n: number
  readonly input: { readonly bytes: number; readonly tokens?: number; readonly images: number; readonly opaque: number }
  readonly needs: readonly string[]
  readonly who: Readonly<Record<string, string>>
}

/** An exporter that speaks the wire of `/v1/decisions` and of its changes, and decides as the test says. */
export interface StandIn {
  readonly url: string
  readonly port: number
  /** Every question, in the order of arrival. */
  readonly asked: Asked[]
  /** What is answered; a promise that never resolves leaves the asker hanging. */
  decide: (asked: Asked) => unknown
  /** Answers every request with this instead, when set. */
  answer: ((req: IncomingMessage, res: ServerResponse) => void) | null
  /** Connections that listen to changes now. */
  readonly listeners: number
  /** Connections that ever did. */
  readonly connections: number
  /** Writes raw text to all that listen. */
  write(text: string): void
  change(scope: string, subject?: string): void
  /** Cuts the connections that listen. */
  cut(): void
  /** Ends them as a server does that goes down in good order. */
  end(): void
  /** Stops, and cuts everything. */
  close(): Promise<void>
}

export const allow = (more: object = {}) => ({
  version: 1,
  action: 'allow',
  reason: 'ok',
  fallbacks: 'keep',
  client_fallbacks: 'remove',
  unreachable: 'allow',
  remember: { seconds: 300, when: [], scope: 'customer', subject: '' },
  ...more,
})

export const block = (when: readonly string[], more: object = {}) =>
  allow({
    action: 'block',
    reason: 'customer',
    refusal: {
      status: 402,
      type: 'customer_budget_exceeded',
      message: 'Your plan is used up until 1 December.',
      retry_after: 3600,
    },
    remember: { seconds: 300, when, scope: 'customer', subject: 'acme' },
    ...more,
  })

/** Starts one on a port of 127.0.0.1, a free one by default. */
export async function startStandIn(port = 0): Promise<StandIn> {
  const asked: Asked[] = []
  const listening = new Set<ServerResponse>()
  let connections = 0
  const server = createServer((req, res) => {
    if (standIn.answer !== null) return standIn.answer(req, res)
    if (req.headers.authorization !== `Bearer ${KEY}`) {
      const problem = { type: 'about:blank', title: 'Key unknown', status: 401, detail: 'Send the key.' }
      return void res.writeHead(401, { 'content-type': 'application/problem+json' }).end(JSON.stringify(problem))
    }
    if (req.method === 'GET' && req.url === '/v1/decisions/changes') {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).write(': listening\n\n')
      listening.add(res)
      connections++
      return void res.on('close', () => listening.delete(res))
    }
    if (req.method === 'POST' && req.url === '/v1/decisions') return void decide(req, res)
    res.writeHead(404).end()
  })
  const decide = async (req: IncomingMessage, res: ServerResponse) => {
    const body: Asked = JSON.parse(await text(req))
    asked.push(body)
    const answer = await standIn.decide(body)
    const json = typeof answer === 'string' ? answer : JSON.stringify({ call_id: body.call_id, ...(answer as object) })
    res.writeHead(200, { 'content-type': 'application/json' }).end(json)
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  const at = (server.address() as AddressInfo).port
  const standIn: StandIn = {
    url: `http://127.0.0.1:${at}`,
    port: at,
    asked,
    decide: () => allow(),
    answer: null,
    get listeners() {
      return listening.size
    },
    get connections() {
      return connections
    },
    write(text) {
      for (const res of listening) res.write(text)
    },
    change: (scope, subject) => standIn.write(`event: change\ndata: ${JSON.stringify({ scope, subject })}\n\n`),
    cut() {
      for (const res of listening) res.destroy()
    },
    end() {
      for (const res of listening) res.end()
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
  return standIn
}
