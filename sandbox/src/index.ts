export {
  type Attempt,
  type Call,
  type Decision,
  FAILURES,
  type Failure,
  failureKey,
  type Outcome,
  successKey,
} from './call.ts'
export { CALL_KINDS, type CallKind } from './callers/kinds.ts'
export { type CallersFaults, type CallersOptions, runCallers, type Span } from './callers/run.ts'
export type { CallersSummary, CustomerSummary } from './callers/summary.ts'
export { allTokens, inputTokens, NO_TOKENS, outputTokens, type TokenCounts } from './tokens.ts'
export { type Agent, type Company, type Customer, createCompany, ENVIRONMENTS, KEY_HASHES, TIERS } from './company.ts'
export { type Dataset, readDataset } from './dataset.ts'
export type { EngineAnswers } from './docker/answers.ts'
export { type Docker, type DockerOptions, startDocker } from './docker/server.ts'
export * from './langfuse/index.ts'
export { costMap, LITELLM_VERSION } from './litellm/answers.ts'
export type {
  DirectoryBudget,
  DirectoryCustomer,
  DirectoryKey,
  DirectorySettings,
} from './litellm/directory-settings.ts'
export { BLOCK_TYPE } from './litellm/errors.ts'
export type { Fault, FaultMix } from './litellm/faults.ts'
export {
  clientTags,
  DEGRADED_TAG,
  HOOK_ACTION,
  HOOK_CALL_ID,
  HOOK_MODEL_ASKED,
  HOOK_REASON,
  HOOK_SESSION,
  type RecordOptions,
} from './litellm/parts.ts'
export { type PushRecord, pushRecord, pushRecords } from './litellm/push.ts'
export type { PushForm } from './litellm/post.ts'
export type { PushOptions, PushStats, Sleep } from './litellm/pusher.ts'
export { rowId, type SpendRow, spendRow } from './litellm/row.ts'
export { type Lag, visibleAt } from './litellm/rows.ts'
export { type SlimRecord, slimRecords } from './litellm/slim.ts'
export type { DecideOptions } from './litellm/deciding.ts'
export { type Litellm, type LitellmOptions, type LitellmStats, startLitellm } from './litellm/server.ts'
export { attemptSums, fallbackSums } from './tries.ts'
export { floatCost, MODELS, type Model, nanoCost, type Prices } from './models.ts'
export { mix, Rng } from './random.ts'
export { type ReplayOptions, replay, trafficClock } from './replay.ts'
export { CAST, rushCost } from './cast.ts'
export { runShowcase, type ShowcaseOptions } from './showcase.ts'
export { type CallOptions, createTraffic, type Traffic, type TrafficOptions } from './traffic.ts'
export { keepTruth, type Sum, type Truth, type TruthKeeper, truthOf, type View, writeTruth } from './truth.ts'
export { type Served, startUpstream, type Upstream } from './upstream/server.ts'
