/** How long answers usually are, by model: what a call will most likely cost. */
export interface Usual {
  note(model: string, outputTokens: number): void
  /** So many output tokens 99 of 100 answers do not pass. A model that is little known counts as one with long answers. */
  output(model: string): number
  /** A call's counted input came to so many tokens in the end. */
  noteCount(model: string, counted: number, actual: number): void
  /** By how much a count of input tokens must be raised to be on the safe side. */
  countRatio(model: string): number
}

/** Few enough to follow a change within an afternoon, enough for one in a hundred to be seen. */
const KEPT = 500
const ENOUGH = 20
/**
 * An answer that is not known any better is bounded no shorter than this when money is tight. From 200 to 800 nobody is
 * refused sooner or later for it in the simulation; less cuts more answers, more holds more for models with short ones.
 */
const UNKNOWN_OUTPUT = 400
const MODELS = 1_000
const AGAIN = 16

/**
 * LiteLLM counts with OpenAI's tokenizers; others cut text finer. So much more it may come to until enough was seen of a model:
 * then, a little more than the most that was seen.
 */
const FOREIGN_RATIO = 1.35
const OWN_RATIO = 1.05
const ENOUGH_RATIOS = 8
const RATIO_MARGIN = 1.05

interface Model {
  readonly outputs: number[]
  next: number
  fresh: number
  p99: number
  readonly ratios: number[]
  nextRatio: number
}

export function createUsual(): Usual {
  const models = new Map<string, Model>()
  const of = (name: string): Model | null => {
    const known = models.get(name)
    if (known || models.size >= MODELS) return known ?? null
    const made: Model = { outputs: [], next: 0, fresh: 0, p99: UNKNOWN_OUTPUT, ratios: [], nextRatio: 0 }
    models.set(name, made)
    return made
  }
  return {
    note(name, tokens) {
      const model = of(name)
      if (!model) return
      model.outputs[model.next] = tokens
      model.next = (model.next + 1) % KEPT
      if (++model.fresh >= Math.min(AGAIN, model.outputs.length)) {
        model.fresh = 0
        model.p99 = p99(model.outputs)
      }
    },
    output(name) {
      const model = models.get(name)
      return model && model.outputs.length >= ENOUGH ? model.p99 : UNKNOWN_OUTPUT
    },
    noteCount(name, counted, actual) {
      const model = of(name)
      if (!model || counted <= 0) return
      model.ratios[model.nextRatio] = actual / counted
      model.nextRatio = (model.nextRatio + 1) % KEPT
    },
    countRatio(name) {
      const ratios = models.get(name)?.ratios ?? []
      if (ratios.length >= ENOUGH_RATIOS) return Math.max(1, ...ratios) * RATIO_MARGIN
      return /claude|gemini|command|jamba|mistral|llama|qwen/i.test(name) ? FOREIGN_RATIO : OWN_RATIO
    },
  }
}

function p99(list: readonly number[]): number {
  const sorted = list.toSorted((a, b) => a - b)
  return Math.max(1, sorted[Math.ceil(sorted.length * 0.99) - 1] ?? UNKNOWN_OUTPUT)
}
