import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { GATEWAY } from './gateway.ts'
import { LeftOut } from './left-out.ts'

const PYTHON = 'python3'
const FITS = 'import sys, fcntl; sys.exit(sys.version_info < (3, 10))'

/** Throws LeftOut where there is no Python that our file runs on. */
export function needPython(): void {
  const { status } = spawnSync(PYTHON, ['-c', FITS], { stdio: 'ignore' })
  if (status !== 0) throw new LeftOut('needs Python 3.10 or newer as python3, on a system with fcntl')
}

/** A line that a script wrote, and when: milliseconds of `performance.now()`. */
export interface Said {
  readonly text: string
  readonly at: number
}

/** Runs `gateway/measure.py` to its end and returns all that it wrote; the last line is JSON. */
export async function measure<T>(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ told: T; said: readonly Said[] }> {
  const child = spawn(PYTHON, ['-u', join(GATEWAY, 'measure.py'), ...args], {
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  const lines: Said[] = []
  for await (const text of createInterface(child.stdout)) lines.push({ text, at: performance.now() })
  const [code] = await ended
  const last = lines.pop()
  if (code !== 0 || last === undefined) throw new Error(`measure.py ${args[0]} ended with ${code}`)
  return { told: JSON.parse(last.text) as T, said: lines }
}
