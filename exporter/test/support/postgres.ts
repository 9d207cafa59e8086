import { spawn } from 'node:child_process'
import { chown, mkdir, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.ts'
import { realFixture } from './real-fixture.ts'
import { startServer } from './server-process.ts'

export interface Postgres {
  /** Of LiteLLM's database, with its tables in it and no rows. */
  readonly url: string
  logs(): string
  close(): Promise<void>
}

/** A PostgreSQL of its own on a free port of 127.0.0.1, ready, with LiteLLM's empty tables; as the user postgres for root. */
export async function startPostgres(): Promise<Postgres> {
  const { postgres, template } = realFixture()
  const directory = await mkdtemp(join(tmpdir(), 'marginwatch-postgres-'))
  const data = join(directory, 'data')
  const remove = () => rm(directory, { recursive: true, force: true })
  try {
    await mkdir(data, { mode: 0o700 })
    const { uid, gid } = postgres.asUser
    if (uid !== undefined && gid !== undefined) for (const one of [directory, data]) await chown(one, uid, gid)
    await unpack(template, data, postgres.asUser)
    const port = await freePort()
    const server = startServer({
      program: postgres.program('postgres'),
      args: ['-D', data, '-p', String(port)],
      env: { PATH: process.env.PATH ?? '' },
      cwd: directory,
      ...postgres.asUser,
    })
    await server.until((log) => log.includes('database system is ready to accept connections'))
    return {
      url: `postgresql://postgres@127.0.0.1:${port}/litellm`,
      logs: server.output,
      async close() {
        await server.stop('SIGINT')
        await remove()
      },
    }
  } catch (error) {
    await remove()
    throw error
  }
}

/** As the server's user, so that all files are his; he need not be able to read the template itself. */
async function unpack(template: string, data: string, asUser: { uid?: number; gid?: number }): Promise<void> {
  const file = await open(template)
  try {
    const tar = spawn('tar', ['-x', '-C', data], { cwd: data, stdio: [file.fd, 'ignore', 'inherit'], ...asUser })
    const code = await new Promise((resolve, reject) => {
      tar.once('error', reject)
      tar.once('close', resolve)
    })
    if (code !== 0) throw new Error(`${template} cannot be unpacked into ${data}: tar ended with ${code}`)
  } finally {
    await file.close()
  }
}
