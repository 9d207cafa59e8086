import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Json } from '../../src/sources/litellm/read.ts'
import { rows } from './litellm.ts'

export interface Asked {
  readonly from: number
  readonly to: number
  readonly page: number
  readonly pageSize: number
}

const TEMPLATE = rows('spend_logs_v2').find((row) => row.status === 'success') as Json

/** LiteLLM's spend log behind a local HTTP server: windows by start, both ends included, offset paging, a capped count. */
export class SpendLog {
  rows: Json[] = []
  readonly asked: Asked[] = []
  key: string | null = 'sk-viewer-key'
  countCap = 10_000
  /** Answers instead of the spend log when it returns true. */
  instead: (res: ServerResponse, asked: Asked) => boolean = () => false
  version = '1.106.2'
  private readonly server: Server = createServer((req, res) => this.answer(req, res))

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve))
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise((resolve) => this.server.close(resolve))
  }

  /** Adds a call that began at a moment. */
  add(id: string, at: number, change: Json = {}): void {
    const startTime = new Date(at).toISOString()
    this.rows.push({
      ...TEMPLATE,
      request_id: `chatcmpl-${id}`,
      litellm_call_id: id,
      startTime,
      endTime: startTime,
      completionStartTime: startTime,
      ...change,
    })
  }

  private answer(req: IncomingMessage, res: ServerResponse): void {
    const url = new URL(req.url ?? '/', 'http://x')
    if (url.pathname === '/openapi.json') {
      res.end(JSON.stringify({ openapi: '3.1.0', info: { title: 'LiteLLM API', version: this.version }, paths: {} }))
      return
    }
    if (this.key !== null && req.headers.authorization !== `Bearer ${this.key}`) {
      res
        .writeHead(401)
        .end(
          '{"error":{"message":"Authentication Error, Invalid proxy server token passed. Received API Key = sk-...key"}}',
        )
      return
    }
    const time = (name: string) => Date.parse(`${url.searchParams.get(name)?.replace(' ', 'T')}Z`)
    const asked = {
      from: time('start_date'),
      to: time('end_date'),
      page: Number(url.searchParams.get('page')),
      pageSize: Number(url.searchParams.get('page_size')),
    }
    this.asked.push(asked)
    if (!this.instead(res, asked)) res.end(JSON.stringify(this.page(asked)))
  }

  private page({ from, to, page, pageSize }: Asked): Json {
    const start = (row: Json) => Date.parse(String(row.startTime))
    const inside = this.rows.filter((row) => start(row) >= from && start(row) <= to).sort((a, b) => start(a) - start(b))
    const total = Math.min(inside.length, this.countCap)
    return {
      data: inside.slice((page - 1) * pageSize, page * pageSize),
      total,
      page,
      page_size: pageSize,
      total_pages: Math.ceil(total / pageSize),
      total_is_capped: inside.length > this.countCap,
    }
  }
}
