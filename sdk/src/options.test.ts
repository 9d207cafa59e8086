import { describe, expect, test } from 'vitest'
import { createGuard } from './guard.ts'
import { readOptions } from './options.ts'

const URL = 'http://127.0.0.1:9464'

describe('options', () => {
  test('need an address, and have a default for all else', () => {
    expect(readOptions({ url: URL })).toMatchObject({ key: null })
    expect(readOptions({ url: `${URL}/`, key: 'k' })).toMatchObject({
      url: URL,
      key: 'k',
      cacheMs: 300_000,
      failOpen: null,
      deadlineMs: 250,
    })
    expect(readOptions({ url: 'https://example.com/marginwatch//', key: 'k' }).url).toBe(
      'https://example.com/marginwatch',
    )
  })

  test.each([
    [{ url: '', key: 'k' }, `url is ""; expected the exporter's address, such as ${URL}`],
    [{ url: undefined as never, key: 'k' }, `url is undefined; expected the exporter's address, such as ${URL}`],
    [{ url: 'ftp://x', key: 'k' }, `url is "ftp://x"; expected the exporter's address, such as ${URL}`],
    [
      { url: 'http://me:secret@x', key: 'k' },
      'url has a user, a query or a fragment; expected the bare address, and the key in key',
    ],
    [
      { url: URL, key: '' },
      'key is empty; expected the key that the policy file names server.keys.gateway, or none at all',
    ],
    [{ url: URL, key: 'k', cacheMs: 300_001 }, 'cacheMs is 300001; expected milliseconds from 0 to 300000'],
    [{ url: URL, key: 'k', cacheMs: Number.NaN }, 'cacheMs is NaN; expected milliseconds from 0 to 300000'],
    [{ url: URL, key: 'k', deadlineMs: 0 }, 'deadlineMs is 0; expected milliseconds above 0, at most 60000'],
  ])('that cannot be meant are refused when the guard is made: %j', (options, sentence) => {
    expect(() => createGuard(options)).toThrow(new RangeError(sentence))
  })
})
