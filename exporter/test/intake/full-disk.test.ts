import { expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { describeUnless } from '../support/installed.ts'
import { startProgram } from '../support/program.ts'
import { push } from '../support/push.ts'
import { nanosOf, scrape, sumOf } from '../support/scrape.ts'
import { readLedger } from '../support/sql-truth.ts'
import { varied } from '../support/varied.ts'
import { volume, whyNoVolume } from '../support/volume.ts'

const calls = varied(21, Date.now())
const BATCH = 400

/** Batch number n, the same whenever it is asked for. */
const batch = (n: number) => JSON.stringify(Array.from({ length: BATCH }, (_, i) => calls.record(n * BATCH + i)))

async function ready(url: string): Promise<{ status: number; reasons: string[] }> {
  const response = await fetch(`${url}/readyz`)
  return { status: response.status, reasons: ((await response.json()) as { reasons: string[] }).reasons }
}

describeUnless(whyNoVolume(), 'the program on a full disk', () => {
  it('takes nothing that it cannot keep, says why with 503 there and at /readyz, and takes it once there is room again', async () => {
    const disk = await volume(24)
    const program = await startProgram({ args: ['serve', '--no-demo', '--port', '0', '--data', disk.path] })
    let taken = 0
    expect((await push(program.url, batch(taken++))).status).toBe(200)
    expect((await ready(program.url)).status).toBe(200)

    disk.fill()
    let refused = await push(program.url, batch(taken))
    while (refused.status === 200) refused = await push(program.url, batch(++taken))
    expect(refused.status).toBe(503)
    expect(refused.body).toMatchObject({
      accepted: 0,
      duplicates: 0,
      detail: expect.stringMatching(/^the ledger cannot be written: .*(space|could not write)/i),
    })
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    const { status, reasons } = await ready(program.url)
    expect({ status, reasons }).toEqual({
      status: 503,
      reasons: [expect.stringMatching(/^The ledger cannot be written: .*(space|could not write)/i)],
    })
    const gauge = (page: Awaited<ReturnType<typeof scrape>>) => sumOf(page, 'marginwatch_ledger_writable')
    const during = await scrape(program.url)
    expect(gauge(during)).toBe(0n)
    // What was refused is not shown as if it had been taken.
    expect(sumOf(during, 'llm_requests_total')).toBe(nanosOf(String(taken * BATCH)))
    expect((await fetch(`${program.url}/healthz`)).status).toBe(200)

    disk.clear()
    await eventually('ready again', async () => ((await ready(program.url)).status === 200 ? true : null))
    expect(gauge(await scrape(program.url))).toBe(nanosOf('1'))
    expect((await push(program.url, batch(taken++))).body).toMatchObject({ accepted: BATCH, duplicates: 0 })
    for (let n = 0; n < taken; n++)
      expect((await push(program.url, batch(n))).body).toMatchObject({ accepted: 0, duplicates: BATCH })
    const after = await scrape(program.url)
    expect(await program.stop()).toBe(0)
    const [row] = await readLedger(disk.path, (rows) => rows('SELECT count(*) AS n, sum(cost) AS cost FROM event'))
    expect(row?.n).toBe(BigInt(taken * BATCH))
    expect(sumOf(after, 'llm_cost_usd_total')).toBe(row?.cost)
    await disk.remove()
  })
})
