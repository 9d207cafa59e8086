import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LedgerUnavailable } from '../../src/ledger/ledger.ts'
import { type RunningSources, runSources } from '../../src/sources/runner.ts'
import type { Source } from '../../src/sources/source.ts'
import { World } from './world.ts'

/** A source with the neighbour that it talks to, made anew for each test. */
export interface Neighbour {
  readonly source: Source
  /** How many entries the one call leaves; 1 when nothing is said. */
  readonly leaves?: number
  /** Called once the source is running. */
  start?(running: RunningSources): Promise<void>
  /** Gives the source one and the same call, whose texts hold `secret`; true when the source acknowledged it. */
  deliver(secret: string): Promise<boolean>
  /** Leaves the source waiting in the middle of an exchange. */
  hang(): Promise<void>
  stop(): Promise<void>
}

/** The written contract of a source: what each must keep, whatever its neighbour is. */
export function testSource(name: string, make: (world: World) => Promise<Neighbour>): void {
  describe(`the source ${name}`, () => {
    const SECRET = 'WHISPERED-PLAN'
    let world: World
    let neighbour: Neighbour
    let running: RunningSources

    beforeEach(async () => {
      world = new World()
      neighbour = await make(world)
      running = runSources([neighbour.source], world.recorder, world.deps)
      await running.open()
      await neighbour.start?.(running)
    })

    afterEach(async () => {
      await running.close()
      await neighbour.stop()
      world.remove()
    })

    const health = () => running.health()[0]
    const kept = () => [...world.ledger.values(), ...world.beside.values()]

    it('records a call, says that it is well, and counts it', async () => {
      expect(await neighbour.deliver(SECRET)).toBe(true)
      expect(kept()).toHaveLength(neighbour.leaves ?? 1)
      expect(health()).toMatchObject({ up: true, lastSuccess: expect.any(Number), catchingUp: false })
      expect(health()?.events.accepted).toBe(1)
    })

    it('keeps nothing of what was said, neither in the ledger nor beside it', async () => {
      await neighbour.deliver(SECRET)
      const usage = JSON.stringify([kept(), ...world.memory], (_, value) =>
        typeof value === 'bigint' ? String(value) : value,
      )
      const files = readdirSync(world.directory).map((file) => readFileSync(join(world.directory, file), 'utf8'))
      expect(usage + files.join() + JSON.stringify(running.health())).not.toContain(SECRET)
    })

    it('records a call once, however often it is told of it', async () => {
      await neighbour.deliver(SECRET)
      await neighbour.deliver(SECRET)
      expect(kept()).toHaveLength(neighbour.leaves ?? 1)
      expect(health()?.events).toMatchObject({ accepted: 1, refused: 0 })
    })

    it('acknowledges nothing that is not durable, says why, and takes it when it can be kept again', async () => {
      world.refuse = new LedgerUnavailable('the disk is full')
      expect(await neighbour.deliver(SECRET)).toBe(false)
      expect(health()).toMatchObject({ up: false, lastError: expect.stringContaining('the disk is full') })
      expect(health()?.events.accepted).toBe(0)
      world.refuse = null
      expect(await neighbour.deliver(SECRET)).toBe(true)
      expect(kept()).toHaveLength(neighbour.leaves ?? 1)
      expect(health()?.up).toBe(true)
    })

    it('closes in the middle of an exchange without waiting for its end', async () => {
      await neighbour.hang()
      await running.close()
      expect(health()?.up).not.toBe(false)
    })
  })
}
