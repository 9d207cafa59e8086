import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { JsonSplitter, type Piece, type SplitOptions, splitJson } from './json-stream.ts'

function split(body: string | Uint8Array, options: SplitOptions = {}, cuts: readonly number[] = []): Piece[] {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  const splitter = new JsonSplitter(options)
  const pieces: Piece[] = []
  let from = 0
  for (const cut of [...cuts].sort((a, b) => a - b).filter((cut) => cut < bytes.length)) {
    pieces.push(...splitter.write(bytes.subarray(from, cut)))
    from = cut
  }
  return [...pieces, ...splitter.write(bytes.subarray(from)), ...splitter.end()]
}
const values = (pieces: readonly Piece[]) => pieces.flatMap((piece) => (piece.kind === 'record' ? [piece.value] : []))
const outline = (pieces: readonly Piece[]) =>
  pieces.map((piece) => (piece.kind === 'record' ? JSON.stringify(piece.value) : piece.kind))

describe('a body of records', () => {
  it.each([
    ['an array', '[{"a":1},{"b":"]}\\"["},{}]'],
    ['an array with space everywhere', ' \n[ {"a":1} ,\n{"b":"]}\\"["}\t, { } ] \n'],
    ['lines', '{"a":1}\n{"b":"]}\\"["}\r\n\n{}'],
    ['objects without anything between', '{"a":1}{"b":"]}\\"["}{}'],
    ['lines behind a byte order mark', '\ufeff{"a":1}\n{"b":"]}\\"["}\n{}\n'],
  ])('gives its records from %s', (_, body) => {
    expect(outline(split(body))).toEqual(['{"a":1}', '{"b":"]}\\"["}', '{}'])
  })

  it('gives the one record of a single object, pretty-printed or not', () => {
    const record = { a: [1, { b: 'x\n{"y":1}\n' }], c: null }
    expect(values(split(JSON.stringify(record)))).toEqual([record])
    expect(values(split(JSON.stringify(record, null, 2)))).toEqual([record])
  })

  it('gives nothing from nothing', () => {
    for (const body of ['', ' \n', '[]', '[\n]']) expect(split(body)).toEqual([])
  })

  it('takes the rows and the other members of an envelope apart, in any order', () => {
    const splitter = new JsonSplitter({ rows: 'data' })
    const body = '{"total": 2, "data": [{"a":1}, {"b":[]}], "page": {"n": [1]}, "esc\\"aped": "x", "capped": false}'
    const pieces = [...splitter.write(Buffer.from(body)), ...splitter.end()]
    expect(values(pieces)).toEqual([{ a: 1 }, { b: [] }])
    expect(splitter.envelope).toEqual({ total: 2, page: { n: [1] }, 'esc"aped': 'x', capped: false })
    expect(splitter.foundRows).toBe(true)
  })

  it('says when an envelope holds no rows', () => {
    const splitter = new JsonSplitter({ rows: 'data' })
    expect([...splitter.write(Buffer.from('{"error":{"message":"no"}}')), ...splitter.end()]).toEqual([])
    expect(splitter.foundRows).toBe(false)
    expect(splitter.envelope).toEqual({ error: { message: 'no' } })
  })
})

describe('a record that cannot be read', () => {
  it('is refused by itself inside an array', () => {
    const pieces = split('[{"a":1},{"cost":NaN},null,7,"x",[1],{"b":2}]')
    expect(outline(pieces)).toEqual(['{"a":1}', 'refused', 'refused', 'refused', 'refused', 'refused', '{"b":2}'])
    expect(pieces.map((piece) => (piece.kind === 'refused' ? piece.reason : ''))).toEqual([
      '',
      'record at byte 9: not valid JSON',
      'record at byte 22: is null, expected an object',
      'record at byte 27: is a number, expected an object',
      'record at byte 29: is a string, expected an object',
      'record at byte 33: is an array, expected an object',
      '',
    ])
    expect(pieces.map((piece) => (piece.kind === 'broken' ? -1 : piece.index))).toEqual([0, 1, 2, 3, 4, 5, 6])
  })

  it('is refused by itself among lines, whether a bracket lacks or is too many', () => {
    expect(outline(split('{"a":1}\n{"x":\n{"b":2}\n{"c":3}\n'))).toEqual(['{"a":1}', 'refused', '{"b":2}', '{"c":3}'])
    expect(outline(split('{"x":\n{"b":2}\n'))).toEqual(['refused', '{"b":2}'])
    expect(outline(split('{"a":1}\n{"x":]}\n{"b":2}\n'))).toEqual(['{"a":1}', 'refused', '{"b":2}'])
    expect(outline(split('oh no\n{"b":2}\noh\nno\n{"c":3}'))).toEqual(['refused', '{"b":2}', 'refused', '{"c":3}'])
  })

  it('loses no line behind one that lacks a bracket, however many follow', () => {
    const lines = Array.from({ length: 500 }, (_, i) => `{"i":${i}}`).join('\n')
    const pieces = split(`{"x":{\n${lines}\n`, { recordBytes: 200 }, [50, 999, 1500])
    expect(values(pieces)).toHaveLength(500)
    expect(pieces.filter((piece) => piece.kind === 'refused')).toHaveLength(1)
  })

  it('is refused when it is too long, and what stands beside it is not lost', () => {
    const long = `{"text":"${'x'.repeat(10_000)}"}`
    const array = split(`[{"a":1},${long},{"b":2}]`, { recordBytes: 1000 }, [500, 5000])
    expect(outline(array)).toEqual(['{"a":1}', 'refused', '{"b":2}'])
    expect(array[1]).toMatchObject({ reason: 'record at byte 9: 10011 bytes, at most 1000 are taken' })
    expect(outline(split(`{"a":1}\n${long}\n{"b":2}`, { recordBytes: 1000 }, [500, 5000]))).toEqual([
      '{"a":1}',
      'refused',
      '{"b":2}',
    ])
  })

  it('is refused when it is nested too deep', () => {
    const deep = `${'{"a":'.repeat(600)}1${'}'.repeat(600)}`
    expect(outline(split(`{"b":2}\n${deep}\n{"c":3}`))).toEqual(['{"b":2}', 'refused', '{"c":3}'])
  })

  it('never has its text in the reason', () => {
    const pieces = split('[{"messages":"a secret plan" "x"},{"a":tell-nobody}] hush')
    expect(JSON.stringify(pieces)).not.toMatch(/secret|nobody|hush/)
  })
})

describe('a broken body', () => {
  it('delivers all before the break, then says where it is', () => {
    expect(split('[{"a":1},\n {"b":2}\n {"c":3}]').at(-1)).toEqual({
      kind: 'broken',
      offset: 20,
      line: 3,
      column: 2,
      reason: "expected ',' or ']' behind a record",
    })
    expect(outline(split('[{"a":1},{"b":2'))).toEqual(['{"a":1}', 'broken'])
    expect(outline(split('[{"a":1},]'))).toEqual(['{"a":1}', 'broken'])
    expect(outline(split('[{"a":1},{"b":2]'))).toEqual(['{"a":1}', 'broken'])
    expect(outline(split('{"a":1}\n{"b":'))).toEqual(['{"a":1}', 'broken'])
  })

  it.each(['hello', '{"a":1,}', '{"a":', '{not json}', '"text"', '{"a":1]'])(
    'is one when nothing of it can be read: %s',
    (body) => {
      expect(split(body)).toMatchObject([{ kind: 'broken', line: 1 }])
    },
  )

  it('says the line and column of an object that is no JSON', () => {
    expect(split('\n\n  {"a":nope}\n')).toMatchObject([{ kind: 'broken', offset: 4, line: 3, column: 3 }])
  })

  it('is noticed in an envelope', () => {
    for (const body of ['{"data":[{"a":1}],"total":', '{"data":[{"a":1}] "total":1}', '{data:[]}', '{"data" 1}'])
      expect(split(body, { rows: 'data' }).at(-1)?.kind, body).toBe('broken')
  })
})

it('ignores a byte order mark, however it is cut', () => {
  for (const cuts of [[], [1], [2], [1, 2, 3]]) expect(outline(split('\ufeff{"a":1}', {}, cuts))).toEqual(['{"a":1}'])
})

describe('whatever the chunks', () => {
  const bodies = fc.oneof(
    fc.array(fc.object({ maxDepth: 3 }), { maxLength: 6 }).map((list) => JSON.stringify(list)),
    fc
      .array(fc.object({ maxDepth: 2 }), { maxLength: 6 })
      .map((list) => list.map((one) => JSON.stringify(one)).join('\n')),
    fc
      .array(fc.constantFrom('{', '}', '[', ']', '"', '\\', ',', ':', '\n', ' ', 'a', '1', 'é', '{"a":1}', 'null'), {
        maxLength: 40,
      })
      .map((parts) => parts.join('')),
    fc.string({ unit: 'binary', maxLength: 60 }),
  )
  const cuts = fc.array(fc.nat({ max: 200 }), { maxLength: 8 })
  const options = fc.constantFrom<SplitOptions>({}, { recordBytes: 12 }, { rows: 'data' })

  it('gives the same pieces for the same bytes, and never throws', () => {
    fc.assert(
      fc.property(bodies, cuts, fc.constantFrom<SplitOptions>({}, { rows: 'a' }), (body, at, how) => {
        expect(split(body, how, at)).toEqual(split(body, how))
      }),
      { numRuns: 500 },
    )
  })

  it('never throws and never breaks twice on any bytes', () => {
    fc.assert(
      fc.property(fc.oneof(bodies, fc.uint8Array({ maxLength: 60 })), cuts, options, (body, at, how) => {
        const pieces = split(body, how, at)
        expect(pieces.slice(0, -1).every((piece) => piece.kind !== 'broken')).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  it('agrees with JSON.parse on every valid array of objects', () => {
    fc.assert(
      fc.property(
        fc.array(fc.object({ maxDepth: 3 }), { maxLength: 6 }),
        cuts,
        fc.constantFrom(0, 1, 2),
        (list, at, space) => {
          const body = JSON.stringify(list, null, space)
          const pieces = split(body, {}, at)
          expect(pieces.every((piece) => piece.kind === 'record')).toBe(true)
          expect(values(pieces)).toEqual(JSON.parse(body))
        },
      ),
    )
  })
})

describe('splitJson', () => {
  it('gives the real answer of /spend/logs/v2 row by row with its envelope', async () => {
    const file = new URL('../../test/fixtures/litellm-1.106.2/db/spend_logs_v2.json', import.meta.url)
    const answer = (JSON.parse(readFileSync(file, 'utf8')) as { response: { data: unknown[]; total: number } }).response
    const bytes = Buffer.from(JSON.stringify(answer))
    const splitter = new JsonSplitter({ rows: 'data' })
    const rows: unknown[] = []
    const chunks = (async function* () {
      for (let i = 0; i < bytes.length; i += 1000) yield bytes.subarray(i, i + 1000)
    })()
    for await (const piece of splitJson(chunks, splitter)) if (piece.kind === 'record') rows.push(piece.value)
    expect(rows).toEqual(answer.data)
    expect(splitter.envelope).toMatchObject({ total: answer.total, page: 1, total_is_capped: false })
  })

  it('gives way to others while it works through a long body', async () => {
    const record = JSON.stringify({ text: 'x'.repeat(5000) })
    const body = Buffer.from(`[${Array(4000).fill(record).join(',')}]`)
    let turns = 0
    let working = true
    const count = () => {
      turns++
      if (working) setImmediate(count)
    }
    setImmediate(count)
    let records = 0
    for await (const piece of splitJson([body] as unknown as AsyncIterable<Uint8Array>, new JsonSplitter()))
      records += Number(piece.kind === 'record')
    working = false
    expect(records).toBe(4000)
    expect(turns).toBeGreaterThan(1)
  })
})
