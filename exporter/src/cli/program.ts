import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { runCheck } from './check.ts'
import { GATEWAY_CONFIG, runGenerate } from './generate.ts'
import { type ServeArguments, serve } from './serve.ts'
import { DEFAULT_POLICY, type Surroundings } from './surroundings.ts'

/** Runs the program; resolves with its exit code when it has ended. */
export async function run(argv: readonly string[], around: Surroundings): Promise<number> {
  let code = 0
  const program = new Command('marginwatch')
    .description('Margin per tier, customer and session for companies that sell AI at a flat price.')
    .configureOutput({ writeOut: around.out, writeErr: around.err })
    .exitOverride()
  const { env } = around
  program
    .command('serve', { isDefault: true })
    .description('keep the ledger and show it: page, /metrics, intake')
    .option('--config <file>', 'policy file (MARGINWATCH_CONFIG)')
    .option('--data <directory>', 'where the ledger lies (MARGINWATCH_DATA; default: data)')
    .option('--host <address>', 'address to listen on (MARGINWATCH_HOST)')
    .option('--port <port>', 'port to listen on (PORT)', port)
    .option('--no-demo', 'do not demonstrate when no source is set (MARGINWATCH_DEMO=false)')
    .option('--demo-speed <factor>', 'how dense live demo traffic is (MARGINWATCH_DEMO_SPEED; default: 10)', factor)
    .option('--log-level <level>', `${LOG_LEVELS.join(', ')} (MARGINWATCH_LOG_LEVEL)`, logLevel)
    .action(async (options: ServeOptions) => {
      code = await serve(serveArguments(options, env), around)
    })
  program
    .command('check [file]')
    .description('check the policy file, all of it, and exit with 1 if something is wrong')
    .action(async (file: string | undefined) => {
      const path = file ?? given(env, 'MARGINWATCH_CONFIG') ?? DEFAULT_POLICY
      code = await runCheck({ path, env, now: Date.now, out: (line) => around.out(`${line}\n`) })
    })
  program
    .command('generate [file] [target]')
    .description(`write LiteLLM's configuration from the policy file (default: ${GATEWAY_CONFIG})`)
    .action(async (file: string | undefined, target: string = GATEWAY_CONFIG) => {
      const path = file ?? given(env, 'MARGINWATCH_CONFIG') ?? DEFAULT_POLICY
      code = await runGenerate({ path, target, env, out: (line) => around.out(`${line}\n`) })
    })
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return code
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    // Of the command line commander has said what is wrong, and help and version are no failure; of a variable it knows nothing.
    if (error instanceof InvalidArgumentError) around.err(`error: ${error.message}\n`)
    return error.exitCode
  }
}

/** What the command line said. */
interface ServeOptions {
  readonly config?: string
  readonly data?: string
  readonly host?: string
  readonly port?: number
  readonly demo: boolean
  readonly demoSpeed?: number
  readonly logLevel?: string
}

/** The command line stands above the environment. */
function serveArguments(options: ServeOptions, env: Surroundings['env']): ServeArguments {
  const config = options.config ?? given(env, 'MARGINWATCH_CONFIG')
  const host = options.host ?? given(env, 'MARGINWATCH_HOST')
  const chosenPort = options.port ?? variable(env, 'PORT', port)
  const level = options.logLevel ?? variable(env, 'MARGINWATCH_LOG_LEVEL', logLevel)
  return {
    data: options.data ?? given(env, 'MARGINWATCH_DATA') ?? 'data',
    demo: options.demo && !/^(0|false|no|off)$/i.test(env.MARGINWATCH_DEMO ?? ''),
    demoSpeed: options.demoSpeed ?? variable(env, 'MARGINWATCH_DEMO_SPEED', factor) ?? 10,
    ...(config === undefined ? {} : { config }),
    ...(host === undefined ? {} : { host }),
    ...(chosenPort === undefined ? {} : { port: chosenPort }),
    ...(level === undefined ? {} : { logLevel: level }),
  }
}

/** A variable that is set to nothing is not set: that is how a compose file leaves one out. */
function given(env: Surroundings['env'], name: string): string | undefined {
  return env[name] === '' ? undefined : env[name]
}

/** A variable, read as the option that it stands for. Throws InvalidArgumentError with its name. */
function variable<T>(env: Surroundings['env'], name: string, read: (text: string) => T): T | undefined {
  const text = given(env, name)
  if (text === undefined) return undefined
  try {
    return read(text)
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error
    throw new InvalidArgumentError(`environment variable ${name}: ${error.message}`)
  }
}

function port(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isInteger(value) && value >= 0 && value <= 65_535) return value
  throw new InvalidArgumentError(`found ${JSON.stringify(text)}, expected a port from 0 (any free one) to 65535.`)
}

function factor(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && value > 0 && value <= 1_000) return value
  throw new InvalidArgumentError(`found ${JSON.stringify(text)}, expected a number above 0 and up to 1000.`)
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent']

function logLevel(text: string): string {
  if (LOG_LEVELS.includes(text)) return text
  throw new InvalidArgumentError(`found ${JSON.stringify(text)}, expected one of ${LOG_LEVELS.join(', ')}.`)
}
