import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { gatewayConfig } from '../gateway/config.ts'
import type { Env } from '../policy/kinds.ts'
import { judge, type Look, lookAt } from '../policy/look.ts'
import { formatProblem } from '../policy/problem.ts'

/** Where LiteLLM's configuration lies, beside `marginwatch.py`, when nobody says otherwise. */
export const GATEWAY_CONFIG = 'gateway/config.yaml'

export interface GenerateOptions {
  /** The policy file; it must exist. */
  readonly path: string
  /** The file to write; its folder is made. */
  readonly target: string
  readonly env: Env
  /** Takes one line, without its end. */
  readonly out: (line: string) => void
}

/**
 * `marginwatch generate`: writes LiteLLM's configuration from the policy's block `gateway`, as a whole or not at all, and returns
 * 0; of a bad policy it prints every problem and returns 1. No key is needed for it, and none is read.
 */
export async function runGenerate({ path, target, env, out }: GenerateOptions): Promise<0 | 1> {
  const look = await lookAt(path)
  const { policy, problems } = judge(look, { path, env: withNamed(look, env) }, { mustExist: true })
  if (!policy) {
    for (const problem of problems) out(formatProblem(problem))
    return 1
  }
  const { gateway } = policy
  if (gateway === null) {
    out(`${path} has no block gateway, so nothing is generated`)
    return 0
  }
  const text = gatewayConfig({ ...policy, gateway })
  const written = await replaced(target, text).catch((cause: unknown) => whyNot(cause))
  if (typeof written === 'string') {
    out(`${target}: cannot be written (${written})`)
    return 1
  }
  const models = Object.keys(gateway.models).length
  out(`${target}: ${written ? 'written' : 'unchanged'}, ${models} ${models === 1 ? 'model' : 'models'} from ${path}`)
  return 0
}

/** The file names keys that this machine may not have; none of them is used here. */
function withNamed(look: Look, env: Env): Env {
  const text = 'text' in look ? look.text : ''
  const named = [...text.matchAll(/\$\{([A-Za-z_]\w*)\}/g)].map(([, name = '']) => [name, 'not-looked-at'])
  return { ...Object.fromEntries(named), ...env }
}

/** Whether the file had to be written: it stays as it is when it says the same already. */
async function replaced(target: string, text: string): Promise<boolean> {
  if ((await readFile(target, 'utf8').catch(() => null)) === text) return false
  await mkdir(dirname(target), { recursive: true })
  // Beside it first: a LiteLLM that starts meanwhile must not read half of it.
  const beside = `${target}.tmp`
  await writeFile(beside, text)
  await rename(beside, target)
  return true
}

function whyNot(cause: unknown): string {
  return (cause as NodeJS.ErrnoException).code ?? String(cause)
}
