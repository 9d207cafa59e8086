import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { runGenerate } from './generate.ts'

let directory: string
let path: string
let target: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'marginwatch-generate-'))
  path = join(directory, 'p.yaml')
  target = join(directory, 'gateway', 'config.yaml')
})
afterEach(() => rm(directory, { recursive: true }))

async function generate(text: string): Promise<{ code: number; lines: string[] }> {
  await writeFile(path, text)
  const lines: string[] = []
  const code = await runGenerate({ path, target, env: {}, out: (line) => lines.push(line.replaceAll(directory, '')) })
  return { code, lines }
}

const ONE = 'gateway: { models: { m: { model: openai/m } } }\n'

describe('marginwatch generate', () => {
  test('writes the configuration, makes its folder, and leaves nothing beside it', async () => {
    expect(await generate(ONE)).toEqual({ code: 0, lines: ['/gateway/config.yaml: written, 1 model from /p.yaml'] })
    expect(await readFile(target, 'utf8')).toContain('model: openai/m\n')
    expect(await readdir(join(directory, 'gateway'))).toEqual(['config.yaml'])
  })

  test('leaves a file alone that says the same already', async () => {
    await generate(ONE)
    const { mtimeMs } = await stat(target)
    expect((await generate(`# a remark\n${ONE}`)).lines).toEqual([
      '/gateway/config.yaml: unchanged, 1 model from /p.yaml',
    ])
    expect((await stat(target)).mtimeMs).toBe(mtimeMs)
  })

  test('needs none of the keys that the policy names', async () => {
    const poll = `sources: { litellm: { poll: { url: "http://127.0.0.1:4000", key: "\${NOT_HERE}" } } }\n`
    expect((await generate(poll + ONE)).code).toBe(0)
    expect(await readFile(target, 'utf8')).not.toMatch(/NOT_HERE|not-looked-at/)
  })

  test('says every problem of a bad policy and writes nothing', async () => {
    const { code, lines } = await generate('gateway: { models: { m: { model: m } } }\nserver: { prot: 1 }\n')
    expect(code).toBe(1)
    expect(lines).toEqual([
      '/p.yaml:1:34: gateway.models.m.model: found "m", expected provider/name, e.g. openai/gpt-4o, without *',
      '/p.yaml:2:11: server.prot: unknown key; did you mean port? Allowed here: host, port, keys, body_limit',
    ])
    await expect(stat(target)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('says so when the policy describes no gateway, and leaves the file that is there', async () => {
    await generate(ONE)
    expect(await generate('gateway:\n')).toEqual({
      code: 0,
      lines: ['/p.yaml has no block gateway, so nothing is generated'],
    })
    expect(await readFile(target, 'utf8')).toContain('openai/m')
  })

  test('says why it cannot write', async () => {
    await mkdir(join(target, 'in-the-way'), { recursive: true })
    const { code, lines } = await generate(ONE)
    expect(code).toBe(1)
    expect(lines[0]).toMatch(/^\/gateway\/config\.yaml: cannot be written \((EISDIR|ENOTEMPTY)\)$/)
  })
})
