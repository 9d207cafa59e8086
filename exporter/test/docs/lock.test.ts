import { expect, test } from 'vitest'
import { read } from './pages.ts'

interface Entry {
  readonly optionalDependencies?: Readonly<Record<string, string>>
}
const PACKAGES = (JSON.parse(read('package-lock.json')) as { packages: Record<string, Entry> }).packages

/** Where Node would find a package that is asked for from a place: the nearest node_modules upward. */
function isThere(place: string, name: string): boolean {
  for (let at = place; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/')))) {
    if (`${at === '' ? '' : `${at}/`}node_modules/${name}` in PACKAGES) return true
    if (at === '') return false
  }
}

test('package-lock.json names the builds of every platform, or installing fails on the others', () => {
  const missing = Object.entries(PACKAGES).flatMap(([place, entry]) =>
    Object.keys(entry.optionalDependencies ?? {}).filter((name) => !isThere(place, name)),
  )
  expect(missing).toEqual([])
})
