import type { Request, Response } from 'express'

/** Tells those who remember decisions when one is no longer true, by server-sent events. */
export interface Changes {
  tell(scope: string, subject: string): void
  /** Answers `GET /v1/decisions/changes`; the answer ends with its connection. */
  stream(req: Request, res: Response): void
  close(): void
}

const HEARTBEAT_MS = 15_000
const MOST = 1_000

export function createChanges(): Changes {
  const listening = new Set<Response>()
  const send = (text: string) => {
    for (const res of listening) res.write(text)
  }
  const beat = setInterval(() => send(': still here\n\n'), HEARTBEAT_MS)
  beat.unref()
  return {
    tell: (scope, subject) => send(`event: change\ndata: ${JSON.stringify({ scope, subject })}\n\n`),
    stream(req, res) {
      if (listening.size >= MOST) return void res.status(503).set('Retry-After', '30').end()
      res.writeHead(200, {
        'Content-Type': 'text/event-stream',
        'Cache-Control': 'no-store',
        'X-Accel-Buffering': 'no',
      })
      res.write(': from now on\n\n')
      listening.add(res)
      req.on('close', () => listening.delete(res))
    },
    close() {
      clearInterval(beat)
      for (const res of listening) res.end()
      listening.clear()
    },
  }
}
