import { type FSWatcher, watch } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Logger } from 'pino'
import { type Look, lookAt } from './look.ts'

/** A change is read once the file has stood still for this long: editors and copies write in several steps. */
export const SETTLE_MS = 250
/** The file is looked at this often besides, for places where the system reports no changes (network and bind mounts). */
export const LOOK_MS = 10_000

export interface FollowDeps {
  readonly path: string
  readonly log: Logger
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
  /** Whether this is something else than what was read last. */
  readonly isNew: (look: Look) => boolean
  /** Never rejects. */
  readonly read: () => Promise<unknown>
}

/** Has the file read whenever it changed and then stood still. `close` resolves when nothing is running any more. */
export function followFile({ path, sleep, log, isNew, read }: FollowDeps): { close(): Promise<void> } {
  const stop = new AbortController()
  let settling: Promise<void> | null = null
  let again = false

  async function settle(): Promise<void> {
    do {
      again = false
      const before = await lookAt(path)
      if (!isNew(before)) continue
      await sleep(SETTLE_MS, stop.signal)
      if (stop.signal.aborted) return
      if (!isDeepStrictEqual(before, await lookAt(path))) again = true
      else await read()
    } while (again)
  }
  function changed(): void {
    again = true
    settling ??= settle().finally(() => {
      settling = null
      if (again && !stop.signal.aborted) changed()
    })
  }
  async function lookNowAndThen(): Promise<void> {
    while (!stop.signal.aborted) {
      await sleep(LOOK_MS, stop.signal)
      if (!stop.signal.aborted) changed()
    }
  }

  const watcher = watchDirectory(path, changed, log)
  const looking = lookNowAndThen()
  const close = async () => {
    watcher?.close()
    stop.abort()
    await looking
    await settling
  }
  return { close }
}

/**
 * Watches the directory, since editors put a new file in the old one's place, and Kubernetes a new `..data` link. Null where
 * the system cannot watch: then the look now and then must do.
 */
function watchDirectory(path: string, changed: () => void, log: Logger): FSWatcher | null {
  const failed = (error: unknown) =>
    log.warn({ err: error, file: path }, `changes of a file are seen after ${LOOK_MS / 1000} s`)
  try {
    const watcher = watch(dirname(resolve(path)), { persistent: false }, (_, name) => {
      if (name === null || name === basename(path) || name.startsWith('..')) changed()
    })
    return watcher.on('error', failed)
  } catch (error) {
    failed(error)
    return null
  }
}
