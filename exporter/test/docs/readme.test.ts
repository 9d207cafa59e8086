import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { formatProblem } from '../../src/policy/problem.ts'
import { readPolicy } from '../../src/policy/read.ts'
import { gatewayVariables } from '../../src/views/page/empty.ts'
import { anchors, blocks, exists, listed, markdownFiles, prose, read, tableRows } from './pages.ts'

const README = read('README.md')
const SCRIPTS = Object.keys(JSON.parse(read('package.json')).scripts)
/** Pages whose YAML blocks without LiteLLM's settings are policies. */
const WITH_POLICIES = ['README.md', 'docs/sources.md', 'docs/troubleshooting.md', 'docs/update-prices.md']
const PAGES = markdownFiles().map((file) => ({ file, text: read(file) }))

describe('README.md', () => {
  test('names only commands that there are', () => {
    const known = [...SCRIPTS, 'ci', 'install']
    for (const { file, text } of PAGES) {
      const asked = [...text.matchAll(/\bnpm (?:run )?([a-z]+)\b/g)].map(([, script = '']) => script)
      expect(asked.filter((script) => !known.includes(script), file)).toEqual([])
      const programs = [...text.matchAll(/\bnode ((?:scripts|exporter)\/[\w/.-]+)/g)].map(([, program = '']) => program)
      expect(programs.filter((program) => !exists(program.replace(/\/dist\/(.*)\.js$/, '/src/$1.ts')))).toEqual([])
    }
    expect(README).toMatch(/^npm start$/m)
    expect(README).toMatch(/^npm test$/m)
  })

  test('names each option of serve and its variable, and no other', () => {
    const program = read('exporter/src/cli/program.ts')
    const options = [...program.matchAll(/'(--[\w-]+)(?: <\w+>)?',/g)].map(([, option]) => option)
    const variables = [...new Set(program.match(/\b(?:MARGINWATCH_[A-Z_]+|PORT)\b/g))]
    const [sentence = ''] = /`npm start --` takes (.+?\.)\n/s.exec(README) ?? []
    expect([...sentence.matchAll(/`(--[\w-]+)`/g)].map(([, option]) => option).sort()).toEqual(options.sort())
    expect(
      sentence
        .match(/`(?:MARGINWATCH_[A-Z_]+|PORT)`/g)
        ?.map((name) => name.slice(1, -1))
        .sort(),
    ).toEqual(variables.sort())
  })

  test('names each address of docs/sources.md that is not a part of the page, and none that is in no page', () => {
    const addresses = (page: string) =>
      tableRows(page).flatMap(([cell = '']) => [...cell.matchAll(/`(?:GET|POST) (\/\S*)`/g)].map(([, path]) => path))
    const all = addresses(read('docs/sources.md')).filter((path) => path !== '/page/fragment')
    expect(addresses(README)).toEqual(expect.arrayContaining(all))
    const elsewhere = ['docs/budgets.md', 'docs/roster.md'].flatMap((page) => addresses(read(page)))
    expect([...all, ...elsewhere]).toEqual(expect.arrayContaining(addresses(README)))
  })

  test('says of prices what the tests of pricing hold', () => {
    const [figures] = /[\d,]+ of\s[\d,]+ costs/.exec(read('pricing/README.md')) ?? []
    expect(README).toContain(figures?.replace(/\s/g, ' '))
  })
})

test.each(['README.md', 'docs/gateway.md'])('%s tells LiteLLM what the page tells it', (file) => {
  const [lines = ''] = blocks(read(file), 'yaml')
  expect(parse(lines)).toEqual({ litellm_settings: { callbacks: ['marginwatch.gateway'] } })
  const url = 'http://127.0.0.1:9464/v1/sources/litellm'
  for (const line of gatewayVariables({ url, keyed: true }).trim().split('\n')) {
    expect(read(file)).toContain(line.replace('YOUR-INGEST-KEY', '…'))
  }
})

test.each(WITH_POLICIES)('%s shows only policies that are good', (file) => {
  const policies = blocks(read(file), 'yaml').filter((block) => !block.includes('litellm_settings'))
  expect(policies.length).toBeGreaterThan(0)
  for (const policy of policies) {
    const env = Object.fromEntries([...policy.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => [name, 'k']))
    expect(readPolicy(policy, { file, env }).problems?.map(formatProblem)).toBeUndefined()
  }
})

describe('the Markdown of the repository', () => {
  test.each(PAGES)('of $file links to what there is', ({ file, text }) => {
    const folder = file.includes('/') ? file.slice(0, file.lastIndexOf('/') + 1) : ''
    const broken = [...prose(text).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = '']) => {
      if (/^(https?:|mailto:)/.test(target)) return []
      const [path = '', anchor] = target.split('#')
      const place = path === '' ? file : new URL(path, `file:///${folder}`).pathname.slice(1)
      if (!exists(place)) return [target]
      return anchor === undefined || anchors(read(place)).has(anchor) ? [] : [target]
    })
    expect(broken).toEqual([])
  })

  test.each(PAGES)('of $file names files that exist', ({ text }) => {
    const named = [...text.matchAll(/`((?:exporter|pricing|sandbox|bench|scripts|docs|\.ci)\/[\w./-]*)`/g)]
    expect(named.map(([, path = '']) => path).filter((path) => !exists(path))).toEqual([])
  })

  test('has no page in docs that the README does not lead to', () => {
    const pages = listed('docs/*.md')
    expect(pages.filter((page) => !README.includes(`](${page}`))).toEqual([])
  })

  test('names no folder of a machine', () => {
    const found = PAGES.filter(({ text }) => /(?<![\w.])\/(?:home|root|work|tmp|Users)\//.test(text))
    expect(found.map(({ file }) => file)).toEqual([])
  })
})
