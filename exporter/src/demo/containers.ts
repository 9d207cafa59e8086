import type { Docker, EngineAnswers } from '@marginwatch/sandbox'
import type { Calendar } from '../calendar.ts'
import type { DockerClient } from '../clients/docker.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { ContainerRate, DockerPolicy } from '../policy/policy.ts'
import { countLook, engineName, MEMORY } from '../sources/docker/book.ts'
import { type Cuts, createCuts } from '../sources/docker/cut.ts'
import { look } from '../sources/docker/look.ts'
import { nothingRemembered, type Remembered, readRemembered, rememberedText } from '../sources/docker/remembered.ts'

export interface Containers {
  readonly docker: Pick<Docker, 'at'>
  readonly settings: DockerPolicy
  readonly rates: readonly ContainerRate[]
  readonly ledger: Pick<Ledger, 'append' | 'recall' | 'remember'>
  readonly calendar: Calendar
  readonly stopped: AbortSignal
}

/** Often enough for days to have their shape, and seldom enough for a month of it to be there within a second. */
const LENGTH = 2 * 3_600_000
const LOOKS_A_DAY = 12

/**
 * Looks at the containers every two hours as the source would have, from where it last looked, or from `from` on, up to `to`; it
 * then goes on from there, in its own steps. The stand-in listens on another port each time, but is the same engine. What is
 * recorded follows from the time of day alone: what is counted again after a stop is recorded once.
 */
export async function bringInContainers(options: Containers, from: number, to: number): Promise<void> {
  const { docker, settings, rates, ledger, calendar, stopped } = options
  const coarse = createCuts(calendar, LENGTH)
  const of = engineName(settings)
  const text = await ledger.recall(MEMORY)
  const known = text === null ? null : readRemembered(text)
  let kept: Remembered = known !== null && known.at >= from ? { ...known, of } : nothingRemembered(of)
  const looked = async (at: number, cuts: Cuts) => {
    const client = engineClient(docker.at(at))
    const seen = await look({ client, project: settings.project, now: () => at, signal: stopped })
    kept = countLook(kept, seen, of, { cuts, gapMs: LENGTH }, rates)
  }
  const record = async () => {
    if (kept.pending.length > 0) await ledger.append(kept.pending)
    kept = { ...kept, pending: [] }
    await ledger.remember(MEMORY, rememberedText(kept))
  }
  let at = kept.since === null ? from : coarse.next(kept.at)
  for (let n = 1; at < to && !stopped.aborted; at = coarse.next(at), n++) {
    await looked(at, coarse)
    if (n % LOOKS_A_DAY === 0) await record()
  }
  if (!stopped.aborted && kept.at < to) await looked(to, createCuts(calendar, settings.recordMs))
  await record()
}

/** Asks the engine without a network between. */
function engineClient(engine: EngineAnswers): DockerClient {
  return {
    ping: async () => undefined,
    containers: async (project) => engine.list(project),
    inspect: async (id) => engine.inspect(id),
    stats: async (id) => engine.stats(id),
    close: () => undefined,
  }
}
