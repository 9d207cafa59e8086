import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { runCheck } from './check.ts'
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
    .option('--config <file>', 'policy file (MARGINWATCH_CONFIG)', env.MARGINWATCH_CONFIG)
    .option('--data <directory>', 'where the ledger lies (MARGINWATCH_DATA)', env.MARGINWATCH_DATA ?? 'data')
    .option('--host <address>', 'address to listen on (MARGINWATCH_HOST)', env.MARGINWATCH_HOST)
    .option('--port <port>', 'port to listen on (PORT)', port, env.PORT === undefined ? undefined : port(env.PORT))
    .option('--no-demo', 'do not demonstrate when no source is set (MARGINWATCH_DEMO=false)')
    .option(
      '--demo-speed <factor>',
      'how dense live demo traffic is (MARGINWATCH_DEMO_SPEED)',
      factor,
      factor(env.MARGINWATCH_DEMO_SPEED ?? '10'),
    )
    .option(
      '--log-level <level>',
      'trace, debug, info, warn, error, silent (MARGINWATCH_LOG_LEVEL)',
      env.MARGINWATCH_LOG_LEVEL,
    )
    .action(async (options: ServeArguments) => {
      const demo = options.demo && !/^(0|false|no|off)$/i.test(env.MARGINWATCH_DEMO ?? '')
      code = await serve({ ...options, demo }, around)
    })
  program
    .command('check [file]')
    .description('check the policy file, all of it, and exit with 1 if something is wrong')
    .action(async (file: string | undefined) => {
      const path = file ?? env.MARGINWATCH_CONFIG ?? DEFAULT_POLICY
      code = await runCheck({ path, env, out: (line) => around.out(`${line}\n`) })
    })
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return code
  } catch (error) {
    // commander has said what is wrong; help and version are no failure.
    if (error instanceof CommanderError) return error.exitCode
    throw error
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
