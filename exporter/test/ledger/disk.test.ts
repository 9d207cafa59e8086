import { expect, it } from 'vitest'
import { LedgerUnavailable, type Recorded } from '../../src/ledger/ledger.ts'
import { DAY, T0, usage } from '../support/entries.ts'
import { describeUnless } from '../support/installed.ts'
import { openLedger } from '../support/ledger.ts'
import { volume, whyNoVolume } from '../support/volume.ts'

const now = () => T0 + DAY
const recovered = async (health: () => { writable: boolean }) => {
  while (!health().writable) await new Promise((resolve) => setTimeout(resolve, 50))
}

describeUnless(whyNoVolume(), 'the ledger on a disk', () => {
  it('keeps nothing that it did not acknowledge on a full disk, says why, and goes on by itself when there is room', async () => {
    const disk = await volume(16)
    const ledger = await openLedger(disk.path, now)
    const seen: Recorded[] = []
    const stop = ledger.follow(1, (batch) => seen.push(...batch))
    await ledger.append([usage('before')])
    disk.fill()
    const acknowledged: string[] = ['before']
    let refusal: unknown = null
    for (let i = 0; refusal === null; i++) {
      const batch = Array.from({ length: 2000 }, (_, n) =>
        usage(`b${i}-${n}`, { trace: `${i}-${n}-${'x'.repeat(100)}` }),
      )
      await ledger.append(batch).then(
        () => acknowledged.push(...batch.map((entry) => entry.key)),
        (cause: unknown) => {
          refusal = cause
        },
      )
    }
    expect(refusal).toBeInstanceOf(LedgerUnavailable)
    expect((refusal as Error).message).toMatch(/the ledger cannot be written: .*(no space|could not write)/i)
    expect(ledger.health()).toMatchObject({ writable: false, reason: expect.stringMatching(/space|write/i) })
    await expect(ledger.append([usage('while full')])).rejects.toThrow('the ledger cannot be written')

    disk.clear()
    await recovered(ledger.health)
    await ledger.append([usage('after')])
    const [sum] = await ledger.query('sum')
    expect(Number(sum?.calls)).toBe(acknowledged.length + 1)
    const keys = seen.filter(({ entry }) => entry.kind === 'usage').map(({ entry }) => entry.key)
    expect(keys).toEqual([...acknowledged, 'after'])
    await stop()
    await ledger.close()
    await disk.remove()
  })

  it('says that the directory is read-only, and goes on by itself when it no longer is', async () => {
    const disk = await volume(16)
    const first = await openLedger(disk.path, now)
    await first.append([usage('a')])
    await first.close()
    disk.remount('ro')
    await expect(openLedger(disk.path, now)).rejects.toThrow(
      /ledger\.duckdb cannot be written \(.*\); give this user the right to write there, or choose another directory with --data/,
    )
    disk.remount('rw')
    const ledger = await openLedger(disk.path, now)
    expect(await ledger.append([usage('a'), usage('b')])).toMatchObject({ accepted: 1, duplicates: 1 })
    await ledger.close()
    await disk.remove()
  })
})
