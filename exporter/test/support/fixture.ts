import { type Fixture, readFixture } from '../../../gateway/fixture/fixture.mjs'
import { describeUnless } from './installed.ts'

/** A suite that needs the real LiteLLM and PostgreSQL; it is left out, or fails under CI=true, where they are not installed. */
export function describeWithFixture(title: string, body: (fixture: Fixture) => void): void {
  const found = look()
  if (typeof found === 'string') describeUnless(found, title, () => {})
  else describeUnless(null, title, () => body(found))
}

/** The real LiteLLM of this machine. Throws a sentence when it is not there. */
export function realFixture(): Fixture {
  const found = look()
  if (typeof found === 'string') throw new Error(`this ${found}`)
  return found
}

function look(): Fixture | string {
  try {
    return readFixture() ?? 'needs the real LiteLLM (npm run fixture); run npm run fixture once, which installs it'
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return `needs the real LiteLLM (npm run fixture); ${reason.replace(/\.$/, '')}`
  }
}
