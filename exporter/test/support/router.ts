import type { AddressInfo } from 'node:net'
import express, { type Router } from 'express'

export interface Served {
  readonly url: string
  close(): Promise<void>
}

/** Serves a router on a free local port until it is closed. */
export async function serve(router: Router): Promise<Served> {
  const app = express()
  app.use(router)
  const server = await new Promise<ReturnType<typeof app.listen>>((resolve) => {
    const listening = app.listen(0, '127.0.0.1', () => resolve(listening))
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
