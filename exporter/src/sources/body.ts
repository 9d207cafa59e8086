import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'

/** A body that is not taken, with the HTTP status that says why. */
export class BodyRefused extends Error {
  override readonly name = 'BodyRefused'
  readonly status: 400 | 413 | 415
  constructor(status: 400 | 413 | 415, message: string) {
    super(message)
    this.status = status
  }
}

const UNPACKERS = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
} as const

/**
 * The bytes of a request's body, unpacked, as they arrive. At most `limit` bytes, counted after unpacking, so that a small
 * body cannot become a large one. Throws BodyRefused; leaves the request readable so that it can be answered.
 */
export async function* bodyOf(req: IncomingMessage, limit: number): AsyncGenerator<Buffer> {
  if (Number(req.headers['content-length'] ?? 0) > limit) throw tooLarge(limit)
  let size = 0
  for await (const chunk of unpacked(req)) {
    size += chunk.length
    if (size > limit) throw tooLarge(limit)
    yield chunk
  }
}

async function* unpacked(req: IncomingMessage): AsyncGenerator<Buffer> {
  const encoding = (req.headers['content-encoding'] ?? 'identity').trim().toLowerCase()
  if (encoding === 'identity' || encoding === '')
    return yield* req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>
  const make = Object.hasOwn(UNPACKERS, encoding) ? UNPACKERS[encoding as keyof typeof UNPACKERS] : undefined
  if (!make) throw new BodyRefused(415, 'Found an unknown Content-Encoding, expected gzip, deflate, br or none.')
  const unpacker = make()
  const fail = (error: Error) => unpacker.destroy(error)
  req.on('error', fail)
  try {
    yield* req.pipe(unpacker as unknown as Readable & NodeJS.WritableStream) as AsyncIterable<Buffer>
  } catch (error) {
    if (req.errored) throw error
    throw new BodyRefused(400, `The body is not ${encoding}, though its Content-Encoding says so.`)
  } finally {
    req.unpipe(unpacker)
    req.off('error', fail)
    unpacker.destroy()
  }
}

function tooLarge(limit: number): BodyRefused {
  return new BodyRefused(
    413,
    `Found a body of more than ${limit} bytes (unpacked), expected less: send it in several requests.`,
  )
}
