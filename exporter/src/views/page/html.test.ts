import fc from 'fast-check'
import { expect, test } from 'vitest'
import { html, name } from './html.ts'

test('what is not markup is escaped, in text and in attributes', () => {
  const hostile = `<script>&"'\``
  expect(html`<p title="${hostile}">${hostile}</p>`.text).toBe(
    '<p title="&lt;script&gt;&amp;&quot;&#39;&#96;">&lt;script&gt;&amp;&quot;&#39;&#96;</p>',
  )
})

test('markup is taken as it is, alone and in lists, and null draws nothing', () => {
  expect(html`<ul>${[html`<li>${1}</li>`, html`<li>${'&'}</li>`]}${null}</ul>`.text).toBe(
    '<ul><li>1</li><li>&amp;</li></ul>',
  )
})

test('no text whatever brings a character that ends text or attribute', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      expect(html`${text}`.text).not.toMatch(/[<>"'`]|&(?!(amp|lt|gt|quot|#39|#96);)/)
    }),
  )
})

test('a text that can be read is still the same when a browser has undone the escaping', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...`<>&"'\` ;ampltgquo#39é漢`) }), (text) => {
      const undone = html`${text}`.text.replace(
        /&(amp|lt|gt|quot|#39|#96);/g,
        (_all, code: string) => ({ amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", '#96': '`' })[code] ?? '',
      )
      expect(undone).toBe(text)
    }),
  )
})

test('characters that hide or turn others round are made visible', () => {
  expect(name('a\u202egro.elgoog\u0000').text).toBe(
    '<bdi title="a\ufffdgro.elgoog\ufffd">a\ufffdgro.elgoog\ufffd</bdi>',
  )
  expect(name('\u200b\ud800').text).toBe('<bdi>\ufffd\ufffd</bdi>')
})

test('a short name is shown whole', () => {
  expect(name('acme').text).toBe('<bdi>acme</bdi>')
})

test('a long name keeps its beginning and its end, and the whole of it in the title', () => {
  const id = `org_${'x'.repeat(40)}_0042`
  expect(name(id).text).toBe(`<bdi title="${id}">org_${'x'.repeat(15)}…xxx_0042</bdi>`)
})

test('a name is cut between characters, not inside one', () => {
  expect(name('👩'.repeat(30)).text).toContain(`>${'👩'.repeat(19)}…${'👩'.repeat(8)}<`)
})
