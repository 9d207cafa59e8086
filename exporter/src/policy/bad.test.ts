import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { formatProblem } from './problem.ts'
import { readPolicy } from './read.ts'

// Beside each bad `x.yaml` lies `x.txt`: what is said about it, a line for each problem, without the file's name.
const FOLDER = new URL('fixtures/bad/', import.meta.url)
const FILES = readdirSync(FOLDER)
const NAMES = FILES.filter((file) => file.endsWith('.yaml')).map((file) => file.slice(0, -'.yaml'.length))
const ENV = {
  LITELLM_KEY: 'sk-from-the-environment',
  READER: 'reader-from-the-environment',
  EMPTY_KEY: '',
  BROKEN_KEY: 'broken-from-the-environment\n',
}

function said(name: string): string[] {
  const text = readFileSync(new URL(`${name}.yaml`, FOLDER), 'utf8')
  return (readPolicy(text, { file: `${name}.yaml`, env: ENV }).problems ?? []).map(formatProblem)
}

describe('a bad policy file', () => {
  test.each(NAMES)('%s gets its exact sentences, all at once and in file order', (name) => {
    const sentences = readFileSync(new URL(`${name}.txt`, FOLDER), 'utf8')
      .trimEnd()
      .split('\n')
    expect(said(name)).toEqual(sentences.map((sentence) => `${name}.yaml:${sentence}`))
  })

  test('has its sentences beside it, and no sentences lie there without a file', () => {
    expect(NAMES.length).toBeGreaterThan(25)
    expect(FILES.filter((file) => file.endsWith('.txt'))).toEqual(NAMES.map((name) => `${name}.txt`))
  })

  test('never has a key repeated, whether it came from the environment or stands in the file', () => {
    const all = NAMES.flatMap(said).join('\n')
    expect(all).not.toMatch(/from-the-environment|very-secret|hunter2|top-secret/)
  })
})
