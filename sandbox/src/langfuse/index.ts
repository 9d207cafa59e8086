export type { ModelPrice as LangfuseModelPrice } from './cost.ts'
export type { Fault as LangfuseFault, NumbersAs, PlacedFault } from './faults.ts'
export type { Plan as LangfusePlan } from './limits.ts'
export type { Level, ObservationInput, ObservationRow, ObservationType } from './observation.ts'
export type {
  Keys as LangfuseKeys,
  Project as LangfuseProject,
  ProjectOptions as LangfuseProjectOptions,
} from './project.ts'
export type { ScoreInput } from './score.ts'
export { type Langfuse, type LangfuseOptions, type LangfuseStats, startLangfuse } from './server.ts'
export type { Switches as LangfuseSwitches } from './switches.ts'
export { type Mixture, mixture, type MixtureOptions, type MixtureSum, type MixtureTruth } from './replay/mixture.ts'
export {
  type Disturbance as LangfuseDisturbance,
  type Edit as LangfuseEdit,
  type Passed,
  wayOf,
} from './replay/plan.ts'
export {
  observationsOf,
  type Trace as LangfuseTrace,
  traceOf,
  type TraceOptions as LangfuseTraceOptions,
} from './replay/trace.ts'
