import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { scratch } from './ledger.ts'
import { type Program, startProgram } from './program.ts'

export interface ExporterOptions {
  /** Whose spend log is read every second; without it nothing is polled. */
  readonly poll?: { readonly url: string; readonly masterKey: string }
  /** Further blocks of the policy, YAML. */
  readonly policy?: string
  readonly env?: Readonly<Record<string, string>>
  /** The ledger's folder of another one that has been stopped; without it, an empty one. */
  readonly data?: string
}

export interface Exporter {
  readonly program: Program
  /** Folder of the ledger; it can be read when the program has been stopped. */
  readonly data: string
  /** Kills the program if it runs, and removes its files. */
  close(): Promise<void>
}

/** The built program with a ledger of its own, beside a real gateway. */
export async function startExporter({
  poll,
  policy = '',
  env = {},
  data: given,
}: ExporterOptions = {}): Promise<Exporter> {
  const { path, remove } = await scratch()
  const config = join(path, 'policy.yaml')
  const data = given ?? join(path, 'data')
  const how = poll && `{ url: "${poll.url}", key: "\${LITELLM_KEY}", every: 1s, lag: 1m, backfill: 1h }`
  await writeFile(
    config,
    `version: 1
server: { port: 0 }
sources: { litellm: { push: true${how ? `, poll: ${how}` : ''} } }
${policy}`,
  )
  const program = await startProgram({
    args: ['serve', '--no-demo', '--config', config, '--data', data],
    env: { ...(poll && { LITELLM_KEY: poll.masterKey }), ...env },
  })
  return {
    program,
    data,
    async close() {
      await program.kill()
      await remove()
    },
  }
}
