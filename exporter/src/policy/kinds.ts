import { isIP } from 'node:net'
import type { Nano } from '@marginwatch/pricing'
import { z } from 'zod'
import { didYouMean } from './nearest.ts'
import type { FieldRef } from './policy.ts'
import { found, wrong } from './problem.ts'
import { durationText, readDate, readDollars, readDuration, readPercent, readSize, readWhole } from './units.ts'
import { readZone } from './zone.ts'

/** The environment that was handed in: only secrets and what `environment.ts` names are read from it. */
export type Env = Readonly<Record<string, string | undefined>>

/** A kind of single value: what is allowed, in words, and how its text is read. */
export interface Kind<T> {
  readonly expected: string
  /** The value, or a Refusal with the whole message. */
  read(text: string): T | Refusal
  /** May name an environment variable. */
  readonly secret?: true
}

/** Why a text was not taken. */
export class Refusal {
  readonly message: string
  constructor(message: string) {
    this.message = message
  }
}

/** A value that must be there. */
export function required<T>(kind: Kind<T>) {
  return z.unknown().transform((value, context): T => {
    const result = readAs(kind, value)
    if (!(result instanceof Refusal)) return result
    context.addIssue({ code: 'custom', message: result.message })
    return z.NEVER
  })
}

/** A value that may be left out: then null. */
export function optional<T>(kind: Kind<T>) {
  return z
    .unknown()
    .transform((value, context): T | null => {
      const result = value === null ? null : readAs(kind, value)
      if (!(result instanceof Refusal)) return result
      context.addIssue({ code: 'custom', message: result.message })
      return z.NEVER
    })
    .prefault(null)
}

function readAs<T>(kind: Kind<T>, value: unknown): T | Refusal {
  if (typeof value !== 'string' || value === '') return new Refusal(wrong(value, kind.expected))
  if (!kind.secret && /\$\{[^}]*\}/.test(value)) {
    return new Refusal(
      `${found(value)}, but the environment is read for keys only; write the value itself: ${kind.expected}`,
    )
  }
  return kind.read(value)
}

/** Any kind that is a plain reading of its text: undefined stands for "no such thing". */
function plain<T>(expected: string, read: (text: string) => T | undefined): Kind<T> {
  return { expected, read: (text) => read(text) ?? new Refusal(wrong(text, expected)) }
}

/** Free text without control characters. */
export function label(what: string, longest = 256): Kind<string> {
  const allowed = new RegExp(`^\\P{Cc}{1,${longest}}$`, 'u')
  return plain(`${what}, at most ${longest} characters`, (text) => (allowed.test(text) ? text : undefined))
}

export const flag: Kind<boolean> = plain('true or false', (text) => ({ true: true, false: false })[text])
export const date: Kind<string> = plain('a date such as 2026-01-31', readDate)
export const host: Kind<string> = plain('a host name or an IP address to listen on, e.g. 127.0.0.1', (text) =>
  isIP(text) !== 0 || /^(?=.*[A-Za-z])[A-Za-z\d]([A-Za-z\d.-]{0,251}[A-Za-z\d])?$/.test(text) ? text : undefined,
)

export const timezone: Kind<string> = {
  expected: 'an IANA time zone, e.g. UTC or Europe/Berlin',
  read(text) {
    const guess = () => didYouMean(text, Intl.supportedValuesOf('timeZone'))
    return readZone(text) ?? new Refusal(`${wrong(text, this.expected)}${guess()}`)
  },
}

const MOST_DOLLARS = 1_000_000_000n * 1_000_000_000n

export const dollars: Kind<Nano> = {
  expected: 'dollars as a decimal number, e.g. 49 or 49.90',
  read(text) {
    const amount = readDollars(text)
    if (amount === undefined) return new Refusal(wrong(text, this.expected))
    if (amount === null) return new Refusal(wrong(text, 'dollars with at most nine decimals'))
    if (amount < 0n || amount > MOST_DOLLARS) return new Refusal(wrong(text, 'dollars from 0 to 1000000000'))
    return amount
  },
}

/** Where something happens as money is spent: a limit of nothing would be reached before the first call. */
export const limit: Kind<Nano> = {
  expected: 'dollars above 0, e.g. 8 or 0.50',
  read(text) {
    const amount = readDollars(text)
    const none = amount === undefined || (amount !== null && amount <= 0n)
    return none ? new Refusal(wrong(text, this.expected)) : dollars.read(text)
  },
}

/** How a file says that there is no limit where there would be one by default. */
export const NONE = 'none'

/** A value, or the word `none`: then null. */
export function orNone<T>(kind: Kind<T>): Kind<T | null> {
  const read = (text: string) => {
    const result = text === NONE ? null : kind.read(text)
    return result instanceof Refusal ? new Refusal(`${result.message}, or ${NONE}`) : result
  }
  return { expected: `${kind.expected}, or ${NONE}`, read }
}

/** A share within bounds, in hundredths of a percent. */
export function percent(least: string, most: string, example: string): Kind<number> {
  const expected = `a share from ${least} to ${most}, e.g. ${example}`
  const read = (text: string) => {
    const share = readPercent(text)
    if (share === null) return new Refusal(wrong(text, 'a share with at most two decimals'))
    return within(share, readPercent(least) ?? 0, readPercent(most) ?? 0) ?? new Refusal(wrong(text, expected))
  }
  return { expected, read }
}

/** Where notices go, by a name that alerting routes by. */
export const channel: Kind<string> = plain(
  'the name of a channel of at most 64 letters, digits, _, - and ., e.g. slack',
  (text) => (/^[A-Za-z][\w.-]{0,63}$/.test(text) ? text : undefined),
)

/** A project by the name that logs, pages and metrics show. */
export const projectName: Kind<string> = plain('a name of at most 64 letters, digits, _, - and ., e.g. prod', (text) =>
  /^[A-Za-z\d][\w.-]{0,63}$/.test(text) ? text : undefined,
)

/** A language tag (BCP 47) in its canonical form. */
export const languageTag: Kind<string> = plain('a language tag such as de or pt-BR', (text) => {
  try {
    return Intl.getCanonicalLocales(text)[0]
  } catch {
    return undefined
  }
})

/** One of a few words. */
export function oneOf<const T extends string>(words: readonly T[]): Kind<T> {
  const expected = words.join(' or ')
  const read = (text: string) =>
    words.find((word) => word === text) ?? new Refusal(`${wrong(text, expected)}${didYouMean(text, words)}`)
  return { expected, read }
}

export const onOff: Kind<boolean> = {
  expected: 'on or off',
  read(text) {
    const word = oneOf(['on', 'off']).read(text)
    return word instanceof Refusal ? word : word === 'on'
  },
}

/** A file of customers, by its path. */
export const rosterFile: Kind<string> = plain('the path of a file that ends in .csv, .yaml or .yml', (text) =>
  /^\P{Cc}{1,1000}\.(csv|ya?ml)$/iu.test(text) ? text : undefined,
)

/** A whole number within bounds. */
export function whole(least: number, most: number): Kind<number> {
  return plain(`a whole number from ${least} to ${most}`, (text) => within(readWhole(text), least, most))
}

/** A duration within bounds, in milliseconds. */
export function duration(least: string, most: string, example: string): Kind<number> {
  const [from, to] = [readDuration(least) ?? 0, readDuration(most) ?? 0]
  const expected = `a duration from ${durationText(from)} to ${durationText(to)} in ms, s, m, h, d or w, e.g. ${example}`
  return plain(expected, (text) => within(readDuration(text), from, to))
}

/** A duration, or the word `forever`: then null. */
export function durationOrForever(least: string, most: string, example: string): Kind<number | null> {
  const limited = duration(least, most, example)
  const expected = `${limited.expected}, or forever`
  const read = (text: string) => {
    const result = text === 'forever' ? null : limited.read(text)
    return result instanceof Refusal ? new Refusal(wrong(text, expected)) : result
  }
  return { expected, read }
}

/** An amount of bytes within bounds. */
export function size(least: string, most: string, example: string): Kind<number> {
  const expected = `a size from ${least} to ${most} in B, KB, MB, GB, KiB, MiB or GiB, e.g. ${example}`
  return plain(expected, (text) => within(readSize(text), readSize(least) ?? 0, readSize(most) ?? 0))
}

function within(value: number | undefined, least: number, most: number): number | undefined {
  return value !== undefined && value >= least && value <= most ? value : undefined
}

/** An http or https address, without the slash at its end. A password inside it is refused and not repeated. */
export const url: Kind<string> = {
  expected: 'an address that starts with http:// or https://, e.g. http://127.0.0.1:4000',
  read(text) {
    if (text.includes('@')) {
      return new Refusal(
        'found a user name or password in the address, expected an address without; the key has a place of its own',
      )
    }
    const address = URL.canParse(text) ? new URL(text) : null
    if (address === null || !/^https?:\/\//i.test(text)) return new Refusal(wrong(text, this.expected))
    if (address.search || address.hash) return new Refusal(wrong(text, 'an address without ? and #'))
    return text.replace(/\/+$/, '')
  },
}

/** Where a Docker engine answers: a socket, or an address of a socket proxy; `tcp://` is written as `http://` from then on. */
export const dockerUrl: Kind<string> = {
  expected: 'unix:///path of a socket, or an address that starts with tcp://, http:// or https://',
  read(text) {
    if (/^unix:\/\/\/[^\p{Cc}]{1,100}$/u.test(text)) return text
    if (/^unix:/i.test(text))
      return new Refusal(wrong(text, 'unix:// and a path of at most 100 characters from the root'))
    const plain = text.replace(/^tcp:\/\//i, 'http://')
    const address = plain === text || !URL.canParse(plain) ? null : new URL(plain)
    // The port by which Docker's own tools look.
    const port = address !== null && address.port === '' && !/:80\/?$/.test(plain) ? ':2375' : ''
    if (address !== null && !text.includes('@')) return url.read(`http://${address.host}${port}${address.pathname}`)
    return /^https?:/i.test(text) || text.includes('@') ? url.read(text) : new Refusal(wrong(text, this.expected))
  },
}

/** A key, by the name of the environment variable that holds it. What it holds is never repeated in a message. */
export function secret(env: Env, example: string): Kind<string> {
  const named = variable(example)
  const read = (text: string) => {
    const name = named.read(text)
    if (name instanceof Refusal) return name
    const value = Object.hasOwn(env, name) ? env[name] : undefined
    if (value === undefined) return new Refusal(`the environment variable ${name} is not set`)
    if (value === '') return new Refusal(`the environment variable ${name} is empty`)
    if (!/^[\x21-\x7e]+$/.test(value)) {
      return new Refusal(
        `the environment variable ${name} holds a space, a line break or another character that a key cannot have`,
      )
    }
    return value
  }
  return { ...named, read }
}

/** The name of an environment variable, written `"${NAME}"`. It is not read here: the variable is another program's. */
export function variable(example: string): Kind<string> {
  const expected = `the name of an environment variable, e.g. "\${${example}}"`
  const read = (text: string) => {
    const name = /^\$\{([A-Za-z_]\w*)\}$/.exec(text)?.[1]
    if (name !== undefined) return name
    if (text.includes('$'))
      return new Refusal(`found more than a variable's name, expected ${expected}, and nothing beside it`)
    return new Refusal(
      `found a key in clear text; keys are not written into this file: put it into an environment variable and write its name here, e.g. "\${${example}}"`,
    )
  }
  return { expected, read, secret: true }
}

/** A model as LiteLLM names it. */
export const modelName: Kind<string> = plain('provider/name, e.g. openai/gpt-4o, without *', (text) =>
  /^[\w-]+\/[^\s*\p{Cc}]{1,200}$/u.test(text) ? text : undefined,
)

/** A model by its public name. */
export const plainModel: Kind<string> = plain('the name of one model, without *, at most 256 characters', (text) =>
  /^[^*\p{Cc}]{1,256}$/u.test(text) ? text : undefined,
)

/** The fields of a call's record that an attribute may be read from. */
export const RECORD_FIELDS = [
  'end_user',
  'session_id',
  'trace_id',
  'key_alias',
  'key_user',
  'key_team',
  'route',
  'model_group',
] as const

// What these carry opens a door; an attribute ends up in labels, pages and logs.
const SECRET_HEADERS = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'api-key',
  'x-api-key',
  'x-goog-api-key',
  'x-litellm-api-key',
  'ocp-apim-subscription-key',
])

/** A place in a call: `end_user`, `tag.NAME`, `metadata.NAME`, `header.NAME`. */
export const place: Kind<FieldRef> = {
  expected: `tag.NAME, metadata.NAME, header.NAME or a field of the record (${RECORD_FIELDS.join(', ')})`,
  read(text) {
    if ((RECORD_FIELDS as readonly string[]).includes(text)) return { in: 'field', name: text }
    const [, where, name = ''] = /^(tag|metadata|header)\.([^\s:]{1,128})$/.exec(text) ?? []
    if (where === 'metadata') return { in: where, name }
    if (where === 'tag' && /^[\w.-]{1,64}$/.test(name)) return { in: where, name }
    const header = where === 'header' ? name.toLowerCase() : ''
    if (SECRET_HEADERS.has(header)) return new Refusal(wrong(text, 'a header that carries no key'))
    if (/^[!#$%&'*+.^_`|~\w-]+$/.test(header)) return { in: 'header', name: header }
    return new Refusal(`${wrong(text, this.expected)}${didYouMean(text, RECORD_FIELDS)}`)
  },
}
