import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { totalTokens } from '../../usage.ts'
import { tokensOf } from './tokens.ts'

const count = fc.nat({ max: 100_000 })

describe('tokensOf', () => {
  it('counts every token once: the classes add up to prompt and completion', () => {
    const usage = fc.record({
      fresh: count,
      read: count,
      fiveMinutes: count,
      oneHour: count,
      audio: count,
      output: count,
      reasoning: count,
    })
    fc.assert(
      fc.property(usage, (u) => {
        const prompt = u.fresh + u.read + u.fiveMinutes + u.oneHour + u.audio
        const completion = u.output + u.reasoning
        const tokens = tokensOf(
          { prompt_tokens: prompt, completion_tokens: completion },
          {
            prompt_tokens_details: {
              cached_tokens: u.read,
              audio_tokens: u.audio,
              cache_creation_tokens: u.fiveMinutes + u.oneHour,
              cache_creation_token_details: { ephemeral_1h_input_tokens: u.oneHour },
            },
            completion_tokens_details: { reasoning_tokens: u.reasoning },
          },
        )
        expect(totalTokens(tokens ?? {})).toBe(prompt + completion)
        expect(tokens?.cache_write_5m ?? 0).toBe(u.fiveMinutes)
        expect(tokens?.input ?? 0).toBe(u.fresh)
      }),
    )
  })

  it("reads Anthropic's own names where the details are absent", () => {
    const usage = { cache_read_input_tokens: 4000, cache_creation_input_tokens: 1000 }
    expect(tokensOf({ prompt_tokens: 5500, completion_tokens: 120 }, usage)).toEqual({
      input: 500,
      cache_read: 4000,
      cache_write_5m: 1000,
      output: 120,
    })
  })

  it('counts beside the total what did not fit into it, as older versions report', () => {
    const usage = { cache_read_input_tokens: 4000, completion_tokens_details: { reasoning_tokens: 300 } }
    expect(tokensOf({ prompt_tokens: 500, completion_tokens: 120 }, usage)).toEqual({
      input: 500,
      cache_read: 4000,
      output: 120,
      reasoning: 300,
    })
  })

  it('knows none when the answer carried no usage', () => {
    expect(tokensOf({}, {})).toBeNull()
    expect(tokensOf({ prompt_tokens: 0, completion_tokens: null }, { total_tokens: 0 })).toBeNull()
  })
})
