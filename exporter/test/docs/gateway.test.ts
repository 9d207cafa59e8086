import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { gatewayConfig } from '../../src/gateway/config.ts'
import { formatProblem } from '../../src/policy/problem.ts'
import { readPolicy } from '../../src/policy/read.ts'
import { blocks, read, tableRows } from './pages.ts'

const PAGE = read('docs/gateway.md')
const YAML = blocks(PAGE, 'yaml')
const [CALLBACK = '', COMPOSE = '', POLICY = ''] = YAML

const section = (heading: string) => PAGE.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
const codes = (text: string | undefined) =>
  [...(text ?? '').replace(/^ *```.*?^ *```$/gms, '').matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)
const VARIABLES = tableRows(PAGE).flatMap(([cell]) => codes(cell).filter((code) => /^MARGINWATCH_[A-Z_]+$/.test(code)))

/** The Python file that LiteLLM loads, and what a page may say of it. */
const FILE = 'gateway/marginwatch.py'

describe('docs/gateway.md', () => {
  test('names the callback as the generated configuration does', () => {
    const { policy } = readPolicy(POLICY, { file: 'docs/gateway.md', env: {} })
    if (!policy?.gateway) throw new Error('the policy of docs/gateway.md describes no gateway')
    const { callbacks } = parse(gatewayConfig({ ...policy, gateway: policy.gateway })).litellm_settings
    expect(parse(CALLBACK)).toEqual({ litellm_settings: { callbacks } })
  })

  test('shows a policy that is good, and no fourth block of YAML', () => {
    const { problems } = readPolicy(POLICY, { file: 'docs/gateway.md', env: {} })
    expect(problems?.map(formatProblem)).toBeUndefined()
    expect(YAML).toHaveLength(3)
  })

  test('sets in its compose file only variables that its table names, and mounts the spool that it names', () => {
    const { litellm } = parse(COMPOSE).services
    const named = tableRows(PAGE).flatMap(([cell = '']) =>
      codes(cell).filter((code) => code.startsWith('MARGINWATCH_')),
    )
    for (const name of Object.keys(litellm.environment)) expect(named).toContain(name)
    const mounted = litellm.volumes.map((volume: string) => volume.split(':')[1])
    expect(mounted).toContain(litellm.environment.MARGINWATCH_SPOOL)
    expect(litellm.command).toContain(`${mounted[0]}/config.yaml`)
  })

  test('explains what stands in the generated configuration and not in the policy', () => {
    const config = parse(read('gateway/config.yaml'))
    const { master_key: _, database_url: __, ...general } = config.general_settings
    const explained = codes(section('A LiteLLM of its own, generated'))
    for (const key of [...Object.keys(general), 'timezone']) expect(explained).toContain(key)
    expect(section('A LiteLLM of its own, generated')).toContain(
      `**\`proxy_batch_write_at\`** is ${general.proxy_batch_write_at} seconds`,
    )
  })
})

describe(`docs/gateway.md and ${FILE}`, () => {
  const source = read(FILE)

  test('name the same variables', () => {
    expect(new Set(VARIABLES)).toEqual(new Set(source.match(/\bMARGINWATCH_[A-Z_]+\b/g)))
  })

  test('name the same stamps', () => {
    const stamps = [...source.matchAll(/^[A-Z_]+: Final = "(marginwatch_\w+)"$/gm)].map(([, name]) => name)
    const named = tableRows(section('What is stamped')).flatMap(([cell]) => codes(cell))
    expect(stamps.length).toBeGreaterThan(0)
    expect(named.sort()).toEqual(stamps.sort())
  })

  test('name the same fields of a record', () => {
    const tuples = [...source.matchAll(/^_(?:PLAIN|ERROR|METADATA)\b[^=]*= \(([^)]*)\)/gms)]
    const routed = /^_ROUTED\b.*\{([^}]*)\}/m.exec(source)?.[1] ?? ''
    const sent = [...tuples.map(([, list = '']) => list), routed].flatMap((list) =>
      [...list.matchAll(/"(\w+)"/g)].map(([, name = '']) => name),
    )
    expect(tuples).toHaveLength(3)
    const named = new Set(tableRows(section('What is sent')).flatMap(([cell]) => codes(cell)))
    expect(sent.filter((name) => !named.has(name))).toEqual([])
    expect([...named].filter((name) => !new RegExp(`\\b${name}\\b`).test(source))).toEqual([])
  })

  test('agree on sizes and pauses', () => {
    const number = (name: string) => {
      const [, written = ''] = new RegExp(`^_${name}: Final = ([\\d._* ]+)$`, 'm').exec(source) ?? []
      return written.split('*').reduce((product, factor) => product * Number(factor.replaceAll('_', '')), 1)
    }
    const spool = section('The spool').replace(/\s+/g, ' ')
    expect(spool).toContain(`files of ${number('SEGMENT_BYTES') / 2 ** 20} MiB`)
    expect(spool).toContain(`${number('MEMORY_BYTES') / 2 ** 20} MiB wait in memory`)
    expect(spool).toContain(`at most ${number('DEAD_LETTER_BYTES') / 2 ** 20} MB`)
    expect(spool).toContain(`up to ${number('RECORDS')} records at a time`)
    expect(spool).toContain(`after ${number('FIRST_PAUSE')} seconds, then ever later, up to ${number('LONGEST_PAUSE')}`)
    expect(section('What is sent')).toContain(`the first ${number('MESSAGE')} characters`)
    expect(number('HEARTBEAT')).toBe(10)
    const asked = section('What is asked before a call').replace(/\s+/g, ' ')
    expect(asked).toContain(`After ${number('OPENS_AFTER')} failures in a row`)
    expect(asked).toContain(`every ${number('FIRST_REST')} seconds at first, later every ${number('LONGEST_REST')}`)
    expect(asked).toContain(`${number('REMEMBERED').toLocaleString('en')} of them`)
    expect(number('LONGEST_MEMORY')).toBe(3600)
  })
})
