import { once } from 'node:events'
import { Agent, get, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { createServer, ListenError } from './server.ts'

const hello = (_req: IncomingMessage, res: ServerResponse) => void res.end('hello')
const start = async (app: (req: IncomingMessage, res: ServerResponse) => void, graceMs = 900) => {
  const server = await createServer({ app, host: '127.0.0.1', port: 0, graceMs })
  onTestFinished(() => server.close())
  return server
}

test('a server tells the address a person opens, and answers there', async () => {
  const server = await start(hello)
  expect(server.url).toBe(`http://127.0.0.1:${server.port}`)
  expect(await (await fetch(server.url)).text()).toBe('hello')
})

test('a server on all addresses names one that works', async () => {
  const server = await createServer({ app: hello, host: '0.0.0.0', port: 0 })
  onTestFinished(() => server.close())
  expect(server.url).toBe(`http://127.0.0.1:${server.port}`)
})

test('a port that is taken gives a sentence that says what to do', async () => {
  const { port } = await start(hello)
  const second = createServer({ app: hello, host: '127.0.0.1', port })
  await expect(second).rejects.toThrow(ListenError)
  await expect(second).rejects.toThrow(`--port ${port + 1}`)
})

test('an address of another machine gives a sentence that says what to do', async () => {
  await expect(createServer({ app: hello, host: '192.0.2.1', port: 0 })).rejects.toThrow('Use 127.0.0.1, or 0.0.0.0')
})

test('closing ends idle keep-alive connections at once', async () => {
  const server = await start(hello, 60_000)
  const agent = new Agent({ keepAlive: true })
  const [answer] = (await once(get(server.url, { agent }), 'response')) as [IncomingMessage]
  answer.resume()
  await once(answer, 'end')
  await server.close()
  agent.destroy()
})

test('closing ends connections that never sent a request', async () => {
  const server = await start(hello)
  const socket = connect(server.port, '127.0.0.1')
  await once(socket, 'connect')
  const ended = once(socket, 'close')
  await server.close()
  socket.resume()
  await ended
})

test('closing lets a running request finish, and takes no new one', async () => {
  let finish: (() => void) | undefined
  let begun: (() => void) | undefined
  const running = new Promise<void>((resolve) => {
    begun = resolve
  })
  const server = await start((_req, res) => {
    finish = () => res.end('whole')
    begun?.()
  }, 60_000)
  const answer = fetch(server.url).then((res) => res.text())
  await running
  const closed = server.close()
  await expect(fetch(server.url)).rejects.toThrow()
  finish?.()
  expect(await answer).toBe('whole')
  await closed
})

test('closing cuts a request that outlives the grace, and twice is once', async () => {
  let begun: (() => void) | undefined
  const running = new Promise<void>((resolve) => {
    begun = resolve
  })
  const server = await start(() => begun?.(), 30)
  const cut = expect(fetch(server.url)).rejects.toThrow()
  await running
  await Promise.all([server.close(), server.close()])
  await cut
})
