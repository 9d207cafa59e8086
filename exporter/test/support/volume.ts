import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { scratch } from './ledger.ts'

/** A small file system of its own, in memory, so that it can be filled and made read-only. */
export interface Volume {
  readonly path: string
  /** Leaves no room on it. */
  fill(): void
  /** Makes room again. */
  clear(): void
  remount(how: 'ro' | 'rw'): void
  remove(): Promise<void>
}

const mount = (...args: string[]) => execFileSync('mount', args, { stdio: 'pipe' })
const unmount = (path: string) => execFileSync('umount', ['-l', path], { stdio: 'pipe' })

export async function volume(megabytes: number): Promise<Volume> {
  const { path, remove } = await scratch()
  mount('-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path)
  const ballast = join(path, 'ballast')
  return {
    path,
    fill() {
      try {
        writeFileSync(ballast, Buffer.alloc(megabytes << 20))
      } catch {
        // It is as full as it gets.
      }
    },
    clear: () => rmSync(ballast),
    remount: (how) => mount('-o', `remount,${how}`, path),
    async remove() {
      unmount(path)
      await remove()
    },
  }
}

/** Why no volume can be made here; null when one can. For `describeUnless`. */
export function whyNoVolume(): string | null {
  const path = mkdtempSync(join(tmpdir(), 'marginwatch-mount-'))
  try {
    mount('-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path)
    unmount(path)
    return null
  } catch {
    return 'needs the right to mount a file system (on Linux, as root); run it with that right'
  } finally {
    rmdirSync(path)
  }
}
