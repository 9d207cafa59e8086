import { redact } from '../../redact.ts'

/** What a line says besides its message. What is null or empty is left out. */
export type Fields = Readonly<Record<string, string | number | boolean | readonly string[] | null | undefined>>

/** The fields that say something, with keys and e-mail addresses taken out of every text. */
export function saying(fields: Fields): Record<string, unknown> {
  const said: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields)) {
    if (value === null || value === undefined || value === '') continue
    if (typeof value === 'string') said[name] = redact(value)
    else if (Array.isArray(value)) said[name] = value.map((one: string) => redact(one))
    else said[name] = value
  }
  return said
}
