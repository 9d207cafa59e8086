import { accessSync, appendFileSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { describe, inject, it } from 'vitest'

/** The Debian package that a program is in, where the names differ. */
const PACKAGES: Readonly<Record<string, string>> = {
  promtool: 'prometheus',
  amtool: 'prometheus-alertmanager',
}

/** Where a program of this name is on PATH, or null. */
export function installed(name: string): string | null {
  const places = (process.env.PATH ?? '').split(delimiter).map((directory) => join(directory, name))
  return places.find(isExecutable) ?? null
}

/**
 * A suite that needs programs. When one is missing the suite is left out and the end of the run says so; under CI=true it
 * fails instead, as there nothing may go missing unseen. `body` gets the programs' paths in the order of `names`.
 */
export function describeWith<const N extends readonly string[]>(
  names: N,
  title: string,
  body: (paths: { readonly [K in keyof N]: string }) => void,
): void {
  const paths = names.map(installed)
  const missing = names.filter((_, i) => paths[i] === null)
  const reason = missing.length === 0 ? null : `needs ${missing.map(withPackage).join(' and ')}; install it`
  describeUnless(reason, title, () => body(paths as { readonly [K in keyof N]: string }))
}

/**
 * A suite that cannot run everywhere. `reason` says in words what it needs and what to do, parted by a semicolon; null when
 * all is there. Else the suite is left out and the end of the run says so; under CI=true it fails.
 */
export function describeUnless(reason: string | null, title: string, body: () => void): void {
  if (reason === null) {
    describe(title, body)
    return
  }
  if (process.env.CI === 'true') {
    describe(title, () => {
      it('finds what it needs', () => {
        throw new Error(`${title} ${reason}, or run without CI=true to leave the suite out`)
      })
    })
    return
  }
  const need = reason.split(';')[0] ?? reason
  appendFileSync(inject('leftOut'), `left out: ${title}: ${need}\n`)
  describe.skip(title, () => {
    it(need, () => {})
  })
}

function withPackage(name: string): string {
  return `${name} (Debian package ${PACKAGES[name] ?? name})`
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
