import { describe, expect, test } from 'vitest'
import { isLoopback } from '../loopback.ts'
import { exposureProblem } from './exposure.ts'
import type { Policy } from './policy.ts'
import { readPolicy } from './read.ts'

function listeningOn(host: string, keys: Partial<Policy['server']['keys']> = {}, push = true): Policy {
  const { policy } = readPolicy('', { file: 'f', env: {} })
  if (!policy) throw new Error('the defaults are a policy')
  const none = { reader: null, ingest: null, gateway: null, admin: null }
  return {
    ...policy,
    server: { ...policy.server, host, keys: { ...none, ...keys } },
    sources: { ...policy.sources, litellm: { push, poll: null } },
  }
}

describe('beyond loopback', () => {
  test('a policy without keys is a problem that says how to go on', () => {
    const problem = exposureProblem(listeningOn('10.0.0.5'))
    expect(problem).toContain('found "10.0.0.5", which other machines can reach, but no key for reader and ingest')
    expect(problem).toContain('set MARGINWATCH_READER_KEY and MARGINWATCH_INGEST_KEY')
    expect(problem).toContain('or listen on 127.0.0.1')
  })

  test('the reader key is needed always, the ingest key where calls are pushed, the admin key never', () => {
    expect(exposureProblem(listeningOn('::', { reader: 'r', ingest: 'i' }))).toBeNull()
    expect(exposureProblem(listeningOn('::', { reader: 'r' }, false))).toBeNull()
    expect(exposureProblem(listeningOn('::', { reader: 'r' }))).toContain('no key for ingest;')
    expect(exposureProblem(listeningOn('::', { ingest: 'i', gateway: null, admin: 'a' }))).toContain(
      'no key for reader;',
    )
  })
})

describe('loopback', () => {
  test.each(['127.0.0.1', '127.8.9.10', '::1', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1', 'localhost', 'LOCALHOST'])(
    'is %s',
    (host) => {
      expect(isLoopback(host)).toBe(true)
      expect(exposureProblem(listeningOn(host))).toBeNull()
    },
  )

  test.each([
    '0.0.0.0',
    '::',
    '10.0.0.1',
    '128.0.0.1',
    '127.evil.example',
    '127.0.0.1.nip.io',
    'localhost.example',
    '::ffff:10.0.0.1',
  ])('is not %s', (host) => {
    expect(isLoopback(host)).toBe(false)
  })
})
