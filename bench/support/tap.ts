import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'

/** Stands between a gateway and the program, passes everything on, and notes when each record was taken. */
export interface Tap {
  readonly url: string
  /** When the record of an answer was acknowledged, by the answer's id; by `performance.now()`. */
  readonly heard: ReadonlyMap<string, number>
  close(): Promise<unknown>
}

/** Starts a tap on 127.0.0.1 in front of a program. */
export async function startTap(program: string): Promise<Tap> {
  const heard = new Map<string, number>()
  const server = createServer(async (asked, answer) => {
    try {
      const body = await buffer(asked)
      const passed = request(`${program}${asked.url}`, { method: asked.method ?? 'GET', headers: asked.headers })
      passed.end(body)
      const [told] = await once(passed, 'response')
      const text = await buffer(told)
      if (asked.url?.startsWith('/v1/sources/') && told.statusCode < 300) {
        for (const id of idsIn(body, asked.headers['content-encoding'])) heard.set(id, performance.now())
      }
      answer.writeHead(told.statusCode, told.headers).end(text)
    } catch {
      answer.destroy()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the tap does not listen on a port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    heard,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function idsIn(body: Buffer, encoding: string | undefined): string[] {
  const text = (encoding === 'gzip' ? gunzipSync(body) : body).toString()
  return text.split('\n').flatMap((line) => (line === '' ? [] : [(JSON.parse(line) as { id: string }).id]))
}
