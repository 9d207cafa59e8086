import { request } from 'node:http'
import express, { type Express } from 'express'
import { createServer, type Listening } from '../../src/http/server.ts'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

/** Serves what `mount` puts into an application, on a free port of loopback. */
export function serve(mount: (app: Express) => void): Promise<Listening> {
  const app = express()
  mount(app)
  return createServer({ app, host: '127.0.0.1', port: 0 })
}

/** One request with exactly these headers; `Host` can be set, which fetch does not allow. */
export function ask(
  server: { readonly port: number },
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  const { method = 'GET', headers = {}, body } = options
  return new Promise((resolve, reject) => {
    const req = request({ host: '127.0.0.1', port: server.port, path, method, headers, agent: false }, (res) => {
      const chunks: Buffer[] = []
      res.on('error', reject)
      res.on('data', (chunk: Buffer) => chunks.push(chunk))
      res.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        resolve({ status: res.statusCode ?? 0, headers: res.headers, body: text })
      })
    })
    req.on('error', reject)
    req.end(body)
  })
}
