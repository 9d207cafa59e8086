export {
  type Attempt,
  allTokens,
  type Call,
  FAILURES,
  type Failure,
  failureKey,
  inputTokens,
  NO_TOKENS,
  type Outcome,
  outputTokens,
  successKey,
  type TokenCounts,
} from './call.ts'
export { type Agent, type Company, type Customer, createCompany, ENVIRONMENTS, KEY_HASHES, TIERS } from './company.ts'
export { type Dataset, readDataset } from './dataset.ts'
export { costMap, LITELLM_VERSION } from './litellm/answers.ts'
export { BLOCK_TYPE } from './litellm/errors.ts'
export type { Fault, FaultMix } from './litellm/faults.ts'
export { HOOK_CALL_ID, type RecordOptions } from './litellm/parts.ts'
export { type PushRecord, pushRecord, pushRecords } from './litellm/push.ts'
export type { PushOptions, PushStats, Sleep } from './litellm/pusher.ts'
export { rowId, type SpendRow, spendRow } from './litellm/row.ts'
export { type Lag, visibleAt } from './litellm/rows.ts'
export { type Litellm, type LitellmOptions, type LitellmStats, startLitellm } from './litellm/server.ts'
export { floatCost, MODELS, type Model, nanoCost, type Prices } from './models.ts'
export { mix, Rng } from './random.ts'
export { type ReplayOptions, replay, trafficClock } from './replay.ts'
export { type CallOptions, createTraffic, type Traffic, type TrafficOptions } from './traffic.ts'
export { keepTruth, type Sum, type Truth, type TruthKeeper, truthOf, type View, writeTruth } from './truth.ts'
