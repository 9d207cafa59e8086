import type { IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { eventually } from './eventually.ts'
import { type Served, serve } from './serve.ts'

/** One record that marginwatch.py posted. */
export type SlimRecord = Readonly<Record<string, unknown>> & { readonly kind: string }

/** Stands where the exporter is and keeps what the gateway posts, to be posted again where a test wants it. */
export interface PushRecorder {
  readonly url: string
  /** In the order of their arrival. */
  records(): readonly SlimRecord[]
  /** Resolves when so many records have arrived. */
  until(count: number): Promise<void>
  /** Posts them all to an exporter and resolves when it has them. */
  repost(exporter: string): Promise<void>
  close(): Promise<void>
}

export async function startPushRecorder(): Promise<PushRecorder> {
  const lines: string[] = []
  const server: Served = await serve(async (request, response) => {
    // It decides nothing.
    if (request.url !== '/v1/sources/litellm') return void response.writeHead(404).end('{}')
    lines.push(...(await linesOf(request)))
    response.setHeader('content-type', 'application/json')
    response.end('{}')
  })
  return {
    url: server.url,
    records: () => lines.map((line) => JSON.parse(line) as SlimRecord),
    until: async (count) => {
      await eventually(`${count} records (there are ${lines.length})`, () => (lines.length >= count ? true : null))
    },
    async repost(exporter) {
      const body = lines.map((line) => `${line}\n`).join('')
      const headers = { 'content-type': 'application/x-ndjson' }
      const answer = await fetch(`${exporter}/v1/sources/litellm`, { method: 'POST', headers, body })
      const text = await answer.text()
      if (!answer.ok || (JSON.parse(text) as { refusedCount: number }).refusedCount > 0) throw new Error(text)
    },
    close: () => server.close(),
  }
}

/** The records of one post. */
export async function takePost(request: IncomingMessage): Promise<SlimRecord[]> {
  return (await linesOf(request)).map((line) => JSON.parse(line) as SlimRecord)
}

async function linesOf(request: IncomingMessage): Promise<string[]> {
  const body = await buffer(request).catch(() => null)
  // A gateway that stops leaves in the middle of a post.
  if (body === null) return []
  const text = gunzipSync(body).toString()
  return text.split('\n').filter((line) => line !== '')
}
