import { type Fixture, readFixture } from '../../../gateway/fixture/fixture.mjs'

/** The real LiteLLM of this machine, or what a suite or a bench without it needs: `needs …; what to do`. */
export function findFixture(): Fixture | string {
  try {
    return readFixture() ?? 'needs the real LiteLLM (npm run fixture); run npm run fixture once, which installs it'
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return `needs the real LiteLLM (npm run fixture); ${reason.replace(/\.$/, '')}`
  }
}

/** The real LiteLLM of this machine. Throws a sentence when it is not there. */
export function realFixture(): Fixture {
  const found = findFixture()
  if (typeof found === 'string') throw new Error(`this ${found}`)
  return found
}
