/** Tokens by class; the classes are disjoint. */
export interface TokenCounts {
  readonly input: number
  readonly cacheRead: number
  readonly cacheWrite5m: number
  readonly cacheWrite1h: number
  /** Without reasoning. */
  readonly output: number
  readonly reasoning: number
}

export const NO_TOKENS: TokenCounts = {
  input: 0,
  cacheRead: 0,
  cacheWrite5m: 0,
  cacheWrite1h: 0,
  output: 0,
  reasoning: 0,
}

export function inputTokens(tokens: TokenCounts): number {
  return tokens.input + tokens.cacheRead + tokens.cacheWrite5m + tokens.cacheWrite1h
}

export function outputTokens(tokens: TokenCounts): number {
  return tokens.output + tokens.reasoning
}

export function allTokens(tokens: TokenCounts): number {
  return inputTokens(tokens) + outputTokens(tokens)
}
