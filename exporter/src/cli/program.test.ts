import { describe, expect, it } from 'vitest'
import { run } from './program.ts'

/** Runs it without a process; nothing here comes so far as to listen. */
async function running(argv: readonly string[], env: Record<string, string> = {}) {
  let out = ''
  let err = ''
  const code = await run(argv, {
    env,
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
    watched: false,
    onSignal: () => {},
  })
  return { code, out, err }
}

const NOWHERE = ['serve', '--config', '/nowhere/policy.yaml']
const NO_FILE = { code: 1, out: '', err: '/nowhere/policy.yaml:1:1: there is no such file\n' }

describe('the command line', () => {
  it.each([
    ['PORT', 'abc', 'found "abc", expected a port from 0 (any free one) to 65535.'],
    ['MARGINWATCH_DEMO_SPEED', '-1', 'found "-1", expected a number above 0 and up to 1000.'],
    ['MARGINWATCH_LOG_LEVEL', 'loud', 'found "loud", expected one of trace, debug, info, warn, error, silent.'],
  ])('refuses a bad environment variable by its name: %s=%s', async (name, value, said) => {
    const err = `error: environment variable ${name}: ${said}\n`
    expect(await running(NOWHERE, { [name]: value })).toEqual({ code: 1, out: '', err })
  })

  it.each([
    ['--port', '70000', 'expected a port from 0 (any free one) to 65535.'],
    ['--demo-speed', 'fast', 'expected a number above 0 and up to 1000.'],
    ['--log-level', 'loud', 'expected one of trace, debug, info, warn, error, silent.'],
  ])('refuses a bad option, and says what it may be: %s %s', async (option, value, said) => {
    const { code, out, err } = await running(['serve', option, value])
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toContain(`argument '${value}' is invalid. found "${value}", ${said}\n`)
  })

  it('points to the option that was meant', async () => {
    const err = "error: unknown option '--prot'\n(Did you mean --port?)\n"
    expect(await running(['serve', '--prot', '1'])).toEqual({ code: 1, out: '', err })
  })

  it('takes an option over a variable, and a variable that is set to nothing for one that is not set', async () => {
    expect(await running(NOWHERE, { MARGINWATCH_CONFIG: '/elsewhere.yaml', PORT: '' })).toEqual(NO_FILE)
    expect(await running(['serve'], { MARGINWATCH_CONFIG: '/nowhere/policy.yaml' })).toEqual(NO_FILE)
  })

  it('does not mind the variables of serve in another command', async () => {
    const { code, out } = await running(['check', '/nowhere/policy.yaml'], { PORT: 'abc' })
    expect({ code, out }).toEqual({ code: 1, out: '/nowhere/policy.yaml:1:1: there is no such file\n' })
  })

  it('explains itself, and that is no failure', async () => {
    const { code, out, err } = await running(['--help'])
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toContain('serve')
    expect(out).toContain('check')
  })
})
