import { request } from 'node:http'
import type { Json } from '../../src/sources/litellm/read.ts'

export interface PushAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  readonly body: Json
}

export interface PushOptions {
  readonly key?: string | null
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * Posts a body as LiteLLM does, whole or in pieces without a length. Resolves with the answer, also with one that comes
 * before the whole body was sent.
 */
export function push(
  url: string,
  body: string | Buffer | Iterable<string | Buffer>,
  { key = null, headers = {} }: PushOptions = {},
): Promise<PushAnswer> {
  const authorization = key === null ? {} : { authorization: `Bearer ${key}` }
  const whole = typeof body === 'string' || Buffer.isBuffer(body)
  const length = whole ? { 'content-length': String(Buffer.byteLength(body)) } : {}
  return new Promise((resolve, reject) => {
    let answered = false
    const req = request(
      `${url}/v1/sources/litellm`,
      {
        method: 'POST',
        agent: false,
        headers: { 'content-type': 'application/json', ...length, ...authorization, ...headers },
      },
      (res) => {
        answered = true
        let text = ''
        res.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
        })
        res.on('error', reject)
        res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, text, body: json(text) }))
      },
    )
    req.on('error', (error) => {
      if (!answered) reject(error)
    })
    if (whole) req.end(body)
    else {
      for (const piece of body) req.write(piece)
      req.end()
    }
  })
}

function json(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return {}
  }
}
