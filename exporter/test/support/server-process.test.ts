import { tmpdir } from 'node:os'
import { afterEach, describe, expect, it } from 'vitest'
import { type ServerProcess, startServer } from './server-process.ts'

/** A server that has a server of its own, as LiteLLM has its workers and its query engine. */
const PARENT = `"$0" -e '
  require("http").createServer((_, response) => response.end()).listen(0, "127.0.0.1", function () {
    console.log("child at " + this.address().port + ";")
  })' & echo parent; wait`

let server: ServerProcess | null = null
afterEach(() => server?.kill())

function start(script: string): ServerProcess {
  const args = ['-c', script, process.execPath]
  server = startServer({ program: 'sh', args, env: { PATH: process.env.PATH ?? '', OWN: 'own' }, cwd: tmpdir() })
  return server
}

/** Starts both and returns where the child listens. */
async function startBoth(): Promise<{ parent: ServerProcess; child: string }> {
  const parent = start(PARENT)
  const found = () => /child at (\d+);/.exec(parent.output())?.[1]
  await parent.until(() => found() !== undefined)
  const child = `http://127.0.0.1:${found()}`
  expect((await fetch(child)).status).toBe(200)
  return { parent, child }
}

describe('a server of a test', () => {
  it('ends with all that it started when it is killed', async () => {
    const { parent, child } = await startBoth()
    await parent.kill()
    expect(await parent.ended).toBe('SIGKILL')
    await expect(fetch(child)).rejects.toThrow('fetch failed')
  })

  it('leaves nothing behind when it ends by itself', async () => {
    const { parent, child } = await startBoth()
    expect(await parent.stop('SIGTERM')).toBe('SIGTERM')
    await expect(fetch(child)).rejects.toThrow('fetch failed')
    // Nobody is there any more.
    expect(await parent.stop('SIGTERM')).toBe('SIGTERM')
    await parent.kill()
  })

  it('that ends before it is ready is an error with all that it wrote', async () => {
    const text = 'sh ended with 3 and wrote:\nno port\nno file\n'
    const script = 'echo no port; echo no file >&2; exit 3'
    await expect(start(script).until((log) => log.includes('ready'))).rejects.toThrow(text)
    await expect(start(script).untilTrue(async () => false)).rejects.toThrow(text)
  })

  it('is asked again while it refuses, and an answer that makes no sense is an error', async () => {
    const { parent } = await startBoth()
    let tries = 0
    await parent.untilTrue(async () => (tries++ < 3 ? Promise.reject(new TypeError('fetch failed')) : true))
    expect(tries).toBe(4)
    await expect(parent.untilTrue(() => Promise.reject(new SyntaxError('odd')))).rejects.toThrow('odd')
  })

  it('that is not there is an error too', async () => {
    server = startServer({ program: '/no/such/program', args: [], env: {}, cwd: tmpdir() })
    await expect(server.until(() => false)).rejects.toThrow('/no/such/program ended with spawn /no/such/program ENOENT')
  })

  it('sees only the environment that it is given', async () => {
    const program = start('echo "home:$HOME own:$OWN"')
    await program.ended
    expect(program.output()).toBe('home: own:own\n')
  })
})
