import { OTHER, UNATTRIBUTED, UNKNOWN } from '../usage.ts'

/** Words that stand for calls without a name. */
export const RESERVED: readonly string[] = [OTHER, UNKNOWN, UNATTRIBUTED]

/** Whether a key of the file can be a name that calls carry. The environment is read for keys only. */
export function isName(text: string): boolean {
  return /^\P{Cc}{1,256}$/u.test(text) && !text.includes('${') && text !== '__proto__'
}
