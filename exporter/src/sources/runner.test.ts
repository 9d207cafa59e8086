import { Router } from 'express'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { serve } from '../../test/support/router.ts'
import { langfuseProject, policyWith, World } from '../../test/support/world.ts'
import { sources } from './index.ts'
import { createContainers } from './docker/containers.ts'
import { createDirectory } from './litellm/directory.ts'
import { runSources } from './runner.ts'
import type { Source, SourceReport } from './source.ts'

let world: World
let lines: { msg: string; source?: string; reason?: string }[]
beforeEach(() => {
  world = new World()
  lines = []
})
afterEach(() => world.remove())

const base = () => ({
  ...world.deps,
  log: pino({ level: 'info' }, { write: (line: string) => lines.push(JSON.parse(line)) }),
})
const quiet = (name: string): Source => ({ name, open: async () => async () => {} })

function reporting(name: string): { source: Source; report: () => SourceReport } {
  let report: SourceReport | undefined
  const source: Source = {
    name,
    async open(_, deps) {
      report = deps.report
      return async () => {}
    },
  }
  return { source, report: () => report as SourceReport }
}

describe('runSources', () => {
  it('shows how each source is doing, as a copy', async () => {
    const { source, report } = reporting('a')
    const running = runSources([source, quiet('b')], world.recorder, base())
    await running.open()
    expect(running.health()).toMatchObject([
      { name: 'a', up: null, lastSuccess: null, lastError: null, catchingUp: false, events: { accepted: 0 } },
      { name: 'b', up: null },
    ])
    const before = running.health()
    report().count('accepted', 3)
    report().catchingUp(true)
    report().succeeded()
    expect(running.health()[0]).toMatchObject({
      up: true,
      lastSuccess: world.now,
      catchingUp: true,
      events: { accepted: 3 },
    })
    expect(before[0]).toMatchObject({ up: null, events: { accepted: 0 } })
    await running.close()
  })

  it('logs once per change of state', async () => {
    const { source, report } = reporting('a')
    const running = runSources([source], world.recorder, base())
    await running.open()
    for (const reason of ['no answer', 'no answer', 'still none']) report().failed(reason)
    report().succeeded()
    report().succeeded()
    expect(lines.map(({ msg, source: name, reason }) => [name, msg, reason])).toEqual([
      ['a', 'the source fails', 'no answer'],
      ['a', 'the source is well again', undefined],
    ])
    expect(running.health()[0]).toMatchObject({ up: true, lastError: 'still none' })
    await running.close()
  })

  it('lets no failing source stop another, and tries to open it again', async () => {
    let tries = 0
    const closed: string[] = []
    const failing: Source = {
      name: 'failing',
      routes: () => {
        throw new Error('no routes')
      },
      async open() {
        if (++tries < 3) throw new Error('no luck')
        return async () => {
          closed.push('failing')
        }
      },
    }
    const well: Source = {
      name: 'well',
      routes: () => Router().get('/well', (_, res) => void res.send('yes')),
      open: async () => async () => {
        closed.push('well')
      },
    }
    const running = runSources([failing, well], world.recorder, base())
    await running.open()
    expect(running.health()[0]).toMatchObject({ up: false, lastError: 'It cannot be opened: no luck' })
    const served = await serve(running.routes)
    expect(await (await fetch(`${served.url}/well`)).text()).toBe('yes')
    await served.close()
    await world.idle()
    expect(tries).toBe(1)
    void world.advance(10_000)
    while (tries < 3) await new Promise((resolve) => setImmediate(resolve))
    await running.close()
    expect(closed).toEqual(['well', 'failing'])
  })

  it('closes while a source is waiting to be opened again', async () => {
    const never: Source = { name: 'never', open: () => Promise.reject(new Error('no')) }
    const running = runSources([never], world.recorder, base())
    await running.open()
    await running.close()
    expect(running.health()[0]?.up).toBe(false)
  })

  it('closes the others when one cannot be closed', async () => {
    let closed = false
    const close = () => {
      closed = true
    }
    const first: Source = { name: 'first', open: async () => async () => close() }
    const bad: Source = { name: 'bad', open: async () => () => Promise.reject(new Error('stuck')) }
    const running = runSources([first, bad], world.recorder, base())
    await running.open()
    await running.close()
    expect(closed).toBe(true)
  })
})

it('lists every source by a name of its own', () => {
  const named = (names: readonly string[]) => {
    const langfuse = names.map((name) => langfuseProject({ name }))
    return sources(
      { litellm: createDirectory(), containers: createContainers() },
      policyWith({ sources: { langfuse } }),
    ).map(({ name }) => name)
  }
  const litellm = ['litellm', 'litellm_poll', 'litellm_directory']
  expect(named([])).toEqual([...litellm, 'docker'])
  expect(named(['prod'])).toEqual([...litellm, 'langfuse', 'docker'])
  expect(named(['prod', 'staging'])).toEqual([...litellm, 'langfuse:prod', 'langfuse:staging', 'docker'])
})
