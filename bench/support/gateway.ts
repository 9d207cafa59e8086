import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Later, withCleanup } from './cleanup.ts'
import { LeftOut } from './left-out.ts'
import { withTests } from './tests.ts'

/** Beside the sources: this file runs from `dist`. */
export const GATEWAY = fileURLToPath(new URL('../../../gateway', import.meta.url))

/** The real LiteLLM, as the tests start it; `exporter/test/support/for-bench.ts` holds these types to theirs. */
export interface Gateway {
  call(path: string, body: object): Promise<unknown>
  /** Stops it by SIGTERM and starts it again on the same port. */
  restart(): Promise<void>
  /** Stops it by SIGTERM. */
  stop(): Promise<unknown>
  close(): Promise<void>
}

/** What the benches of the gateway need of the tests' support. */
export interface GatewaySupport {
  /** What it would need to start one, in words; null when all is there. */
  whyNoGateway(): string | null
  startRealGateway(options: {
    readonly config: string
    readonly hooks?: readonly string[]
    readonly env?: Readonly<Record<string, string>>
  }): Promise<Gateway>
  gatewayConfig(config: {
    readonly upstream: string
    readonly general?: object
    readonly litellm?: object
    readonly callbacks?: object
  }): string
}

/** Does a job with real gateways. Throws LeftOut where there is none. */
export function withGateways<T>(job: (support: GatewaySupport, later: Later) => Promise<T>): Promise<T> {
  return withTests('for-bench', async ({ support }: { support: GatewaySupport }) => {
    const missing = support.whyNoGateway()
    if (missing !== null) throw new LeftOut(missing)
    return await withCleanup((later) => job(support, later))
  })
}

export interface FiledGateway {
  readonly upstream: string
  /** Where the program is that the file posts to. */
  readonly exporter: string
  /** A folder for the spool; it is made. */
  readonly directory: string
  /** Callbacks beside the file, by their names, with their settings. */
  readonly beside?: Readonly<Record<string, object>>
}

/** Starts a real gateway with our file in it. */
export async function startFiled(support: GatewaySupport, options: FiledGateway): Promise<Gateway> {
  const { upstream, exporter, directory, beside = {} } = options
  const spool = join(directory, 'spool')
  await mkdir(spool, { recursive: true })
  return support.startRealGateway({
    config: support.gatewayConfig({
      upstream,
      litellm: { callbacks: ['marginwatch.gateway', ...Object.keys(beside)] },
      callbacks: beside,
    }),
    hooks: [join(GATEWAY, 'marginwatch.py')],
    env: { MARGINWATCH_URL: exporter, MARGINWATCH_SPOOL: spool },
  })
}

/** A question to a gateway that its upstream answers after so many milliseconds. */
export function question(firstMs: number, over: object = {}): object {
  const content = `Hello. upstream(input=10 output=5 first=${firstMs})`
  return { model: 'gpt-4o', messages: [{ role: 'user', content }], ...over }
}
