import { once } from 'node:events'
import { createServer, type Server, type Socket, connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

/** What becomes of what is sent through a relay. */
export type Passing = 'through' | 'nothing' | { readonly afterMs: number }

/** Stands between a sender and the program, as a network does: passes on, passes late, or lets nobody through. */
export interface Relay {
  readonly url: string
  set(passing: Passing): void
  close(): Promise<void>
}

/** Starts a relay on 127.0.0.1 to a port there, which may be changed: a program that is started again has another one. */
export async function startRelay(port: () => number): Promise<Relay> {
  let passing: Passing = 'through'
  const sockets = new Set<Socket>()
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
  }
  const server: Server = createServer((from) => {
    keep(from)
    if (passing === 'nothing') return void from.destroy()
    const to = connect(port(), '127.0.0.1')
    keep(to)
    to.on('close', () => from.destroy())
    from.on('close', () => to.destroy())
    to.pipe(from)
    from.on('data', async (bytes) => {
      const { afterMs } = typeof passing === 'object' ? passing : { afterMs: 0 }
      from.pause()
      if (afterMs > 0) await pause(afterMs)
      to.write(bytes)
      from.resume()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the relay does not listen on a port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    set(next) {
      passing = next
      // What lives longer than the change would not notice it.
      if (next === 'nothing') for (const socket of sockets) socket.destroy()
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
