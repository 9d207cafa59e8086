import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { scratch } from './ledger.ts'
import { type Program, startProgram } from './program.ts'

export interface ExporterOptions {
  /** Whose spend log is read every second; without it nothing is polled. */
  readonly poll?: { readonly url: string; readonly masterKey: string }
  /** Further blocks of the policy, YAML. */
  readonly policy?: string
  /** Further lines of its block `sources`, YAML. */
  readonly sources?: string
  /** Further lines of its block `server`, YAML. */
  readonly server?: string
  readonly env?: Readonly<Record<string, string>>
  /** The ledger's folder of another one that has been stopped; without it, an empty one. */
  readonly data?: string
}

export interface Exporter {
  /** The one that runs now. */
  readonly program: Program
  /** Folder of the ledger; it can be read when the program has been stopped. */
  readonly data: string
  /** Puts other blocks into its policy, YAML; it takes them up by itself. */
  write(policy: string): Promise<void>
  /** Ends it as a power cut would, and starts it again on the same ledger, at another port. */
  restart(): Promise<void>
  /** Kills the program if it runs, and removes its files. */
  close(): Promise<void>
}

/** The built program with a ledger of its own, beside a real gateway. */
export async function startExporter({
  poll,
  policy = '',
  sources = '',
  server = '',
  env = {},
  data: given,
}: ExporterOptions = {}): Promise<Exporter> {
  const { path, remove } = await scratch()
  const config = join(path, 'policy.yaml')
  const data = given ?? join(path, 'data')
  const how = poll && `{ url: "${poll.url}", key: "\${LITELLM_KEY}", every: 1s, lag: 1m, backfill: 1h }`
  const write = (blocks: string) =>
    writeFile(
      config,
      `version: 1
server: { port: 0${server && `, ${server}`} }
sources: { litellm: { push: true${how ? `, poll: ${how}` : ''} }${sources && `, ${sources}`} }
${blocks}`,
    )
  await write(policy)
  const start = () =>
    startProgram({
      args: ['serve', '--no-demo', '--config', config, '--data', data],
      env: { ...(poll && { LITELLM_KEY: poll.masterKey }), ...env },
    })
  let program = await start()
  return {
    get program() {
      return program
    },
    data,
    write,
    async restart() {
      await program.kill()
      program = await start()
    },
    async close() {
      await program.kill()
      await remove()
    },
  }
}
