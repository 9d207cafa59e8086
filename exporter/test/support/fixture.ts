import type { Fixture } from '../../../gateway/fixture/fixture.mjs'
import { describeUnless } from './installed.ts'
import { findFixture } from './real-fixture.ts'

/** A suite that needs the real LiteLLM and PostgreSQL; it is left out, or fails under CI=true, where they are not installed. */
export function describeWithFixture(title: string, body: (fixture: Fixture) => void): void {
  const found = findFixture()
  if (typeof found === 'string') describeUnless(found, title, () => {})
  else describeUnless(null, title, () => body(found))
}
