import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

/** A copy of LiteLLM's map and when its data is from, epoch milliseconds. */
export interface LitellmMap {
  readonly map: Readonly<Record<string, unknown>>
  readonly asOf: number
}

const FILE = new URL('../data/litellm-prices.json.gz', import.meta.url)
let loaded: LitellmMap | null = null

/**
 * The copy of LiteLLM's map that comes with this package, reduced to the fields that prices and limits are made of;
 * `data/README.md` names its version and licence. Read from disk at the first call, then kept.
 */
export function bundledLitellmMap(): LitellmMap {
  if (loaded === null) {
    const { as_of, models } = JSON.parse(gunzipSync(readFileSync(FILE)).toString('utf8'))
    loaded = Object.freeze({ map: Object.freeze(models), asOf: Date.parse(as_of) })
  }
  return loaded
}
