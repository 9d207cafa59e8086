import { readFile } from 'node:fs/promises'
import type { Env } from './kinds.ts'
import type { Policy } from './policy.ts'
import { type Reading, readPolicy } from './read.ts'

/** What a look at the file found: its text, nothing, or why it cannot be read. */
export type Look = { readonly text: string } | { readonly missing: true } | { readonly unreadable: string }

/** Looks at the file. Never rejects. */
export async function lookAt(path: string): Promise<Look> {
  try {
    return { text: await readFile(path, 'utf8') }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT' ? { missing: true } : { unreadable: code ?? String(error) }
  }
}

export interface JudgeOptions {
  readonly mustExist: boolean
  /** An empty file stands for the defaults, unless it held something before: then it is being written just now. */
  readonly mustHold?: boolean
  readonly running?: Policy
}

/** Look → policy or problems. A file that is not there stands for the defaults unless it must exist. */
export function judge(look: Look, { path, env }: { path: string; env: Env }, options: JudgeOptions): Reading {
  const whole = (message: string) => ({ problems: [{ file: path, line: 1, column: 1, path: '', message }] })
  if ('unreadable' in look) return whole(`the file cannot be read (${look.unreadable})`)
  if ('missing' in look && options.mustExist) return whole('there is no such file')
  if ('text' in look && options.mustHold && look.text.trim() === '')
    return whole('the file is empty and was not before, expected at least the key version')
  const running = options.running ? { running: options.running } : {}
  return readPolicy('text' in look ? look.text : '', { file: path, env, ...running })
}
