import { type Nano, usd } from './money.ts'

/**
 * An amount of money. `nano` is for arithmetic; as text (in a template, with String, in JSON) it is its exact dollars
 * without trailing zeros: `` `$${amount}` `` is `$0.06`.
 */
export class Amount {
  /** Nano-dollars. */
  readonly nano: Nano

  constructor(nano: Nano) {
    this.nano = nano
    Object.freeze(this)
  }

  /** Exact dollars: `"0.06"`. */
  get usd(): string {
    return usd(this.nano)
  }

  toString(): string {
    return this.usd
  }

  toJSON(): string {
    return this.usd
  }
}
