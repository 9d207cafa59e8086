import { litellmNames, vendorOf } from './provider.ts'

/** What was asked for, taken apart once; every source looks it up in its own way. */
export interface Asked {
  /** The name as given, trimmed, in lower case. */
  readonly name: string
  /** The name without provider prefix and address-like wrapping. */
  readonly bare: string
  /** Canonical provider given, or found as prefix; null when neither. */
  readonly provider: string | null
  /** The provider was given beside the name, not read from it. */
  readonly given: boolean
}

/** Prefixes that say where a model is served, not what it costs. */
const WRAPPING =
  /^(?:litellm_proxy|models|publishers\/[^/]+\/models|converse|converse_like|invoke|responses|chat|[a-z]{2,3}(?:-gov)?-[a-z]+-\d+|projects\/[^/]+\/locations\/[^/]+\/publishers\/[^/]+\/models)\//
const ARN = /^arn:aws[^/]*\/(.+)$/

/** Takes a model name apart: `bedrock/us-east-1/anthropic.claude-v2` → bare `anthropic.claude-v2`, provider `bedrock`. */
export function takeApart(model: string, given: string | null, providerOf: (prefix: string) => string | null): Asked {
  const name = model.trim().toLowerCase()
  let bare = name.replace(ARN, '$1')
  let provider = given ?? (bare === name ? null : 'bedrock')
  for (;;) {
    const unwrapped = bare.replace(WRAPPING, '')
    const slash = unwrapped.indexOf('/')
    const prefix = slash > 0 ? providerOf(unwrapped.slice(0, slash)) : null
    const strip = prefix !== null && (provider === null || prefix === provider)
    if (!strip && unwrapped === bare) return { name, bare, provider, given: given !== null }
    bare = strip ? unwrapped.slice(slash + 1) : unwrapped
    if (strip) provider = prefix
  }
}

/** Endings that name a version or a snapshot of the same model, in the order in which they are taken off. */
const ENDINGS: readonly RegExp[] = [
  /@[\w.-]+$/,
  /-v\d+:\d+(?::\w+)?$/,
  /-\d{4}-\d{2}-\d{2}$/,
  /-20\d{6}$/,
  /-latest$/,
  // Google numbers stable versions: gemini-1.5-pro-002.
  /(?<=^(?:gemini|text-embedding)-.*)-0\d\d$/,
]
/** Fine-tuned OpenAI models: `ft:gpt-4o:my-org:custom:id` is billed as `ft:gpt-4o`. */
const FINE_TUNED = /^(ft:[^:]+):.*$/
const BEDROCK_REGION = /^(?:us|eu|apac|jp|au|ca|sa|me|af|global|us-gov)\.(?=[a-z0-9]+\.)/

/** The name and its forms with region, version and snapshot endings taken off, nearest first, no duplicates. */
export function forms(bare: string): string[] {
  const found = new Set([bare])
  for (let name of [bare, unplaced(bare)]) {
    found.add(name)
    for (const ending of ENDINGS) {
      name = name.replace(ending, '')
      found.add(name)
    }
  }
  return [...found]
}

/** What all snapshots of a model have in common; a Bedrock region is kept, for it has prices of its own. */
export function family(bare: string): string {
  return ENDINGS.reduce((name, ending) => name.replace(ending, ''), bare.replace(FINE_TUNED, '$1'))
}

/** The families to try for a name: its own, then that of all regions. */
export function families(bare: string): string[] {
  return [...new Set([family(bare), family(unplaced(bare))])]
}

function unplaced(bare: string): string {
  return bare.replace(FINE_TUNED, '$1').replace(BEDROCK_REGION, '')
}

/** LiteLLM keys to try for a name in one of its forms, best first. */
export function litellmKeys(asked: Asked, form: string): string[] {
  const provider = asked.provider ?? vendorOf(form)
  if (provider === null) return [form]
  const [own, ...others] = litellmNames(provider).map((name) => `${name}/${form}`)
  const first = asked.provider === null ? [form, own] : [own, form]
  return [...first, ...others].filter((key) => key !== undefined)
}
