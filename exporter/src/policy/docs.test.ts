import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import {
  BACKSTOP_DEFAULTS,
  BUDGET_DEFAULTS,
  LADDER_DEFAULTS,
  SPEND_DEFAULTS,
  TENANT_DAY_DEFAULTS,
  THRESHOLD_DEFAULTS,
} from './budget-defaults.ts'
import {
  DEFAULTS,
  DOCKER_DEFAULTS,
  GATEWAY_DEFAULTS,
  GATEWAY_MODEL_DEFAULTS,
  LANGFUSE_DEFAULTS,
  LANGFUSE_PROJECT_DEFAULTS,
  POLL_DEFAULTS,
} from './defaults.ts'
import { schemaKeys } from './keys.ts'
import { formatProblem, type Path, pathText } from './problem.ts'
import { readPolicy } from './read.ts'
import { AT_START } from './running.ts'
import { policySchema } from './schema.ts'

const PAGE = readFileSync(new URL('../../../docs/policy.md', import.meta.url), 'utf8')
const ENV = Object.fromEntries([...PAGE.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => [name, 'k']))

const ROWS = [...PAGE.matchAll(/^\| `([^`]+)` +\| (.+?) +\| (.+?) +\| `([^`]+)` +\|$/gm)].map(
  ([, key = '', preset = '', meaning = '', example = '']) => ({ key, preset, meaning, example }),
)
const SAMPLES = [...PAGE.matchAll(/```yaml\n(.*?)```/gs)].map(([, text = '']) => text)

/** `customers[].id` → the path of such a key in a file. */
function pathOf(key: string): Path {
  return key
    .replaceAll('[]', '.0')
    .split('.')
    .map((step) => (step === '0' ? 0 : step === '*' ? 'name' : step))
}

function presetOf(key: string): string | undefined {
  const defaults = {
    ...DEFAULTS,
    sources: {
      litellm: { ...DEFAULTS.sources.litellm, poll: POLL_DEFAULTS },
      langfuse: [LANGFUSE_PROJECT_DEFAULTS],
      docker: DOCKER_DEFAULTS,
    },
    budgets: {
      ...BUDGET_DEFAULTS,
      customer: { ...LADDER_DEFAULTS, thresholds: [THRESHOLD_DEFAULTS] },
      tenant_day: TENANT_DAY_DEFAULTS,
      tiers: { name: LADDER_DEFAULTS },
      spend: [SPEND_DEFAULTS],
      backstop: BACKSTOP_DEFAULTS,
    },
    gateway: { ...GATEWAY_DEFAULTS, models: { name: GATEWAY_MODEL_DEFAULTS }, langfuse: LANGFUSE_DEFAULTS },
  }
  let value: unknown = defaults
  for (const step of pathOf(key)) value = (value as Record<string, unknown> | undefined)?.[step]
  if (!Array.isArray(value)) return value as string | undefined
  const [first] = value
  if (typeof first !== 'object') return `[${value.join(', ')}]`
  return value.map(({ at, do: action }) => `${at} ${action}`).join(', ')
}

/** A file that says one thing. */
function fileWith(path: Path, value: unknown): string {
  const nested = path.reduceRight<unknown>(
    (inner, step) => (typeof step === 'number' ? [inner] : { [step]: inner }),
    value,
  )
  return JSON.stringify(nested)
}

describe('docs/policy.md', () => {
  test('has each key of the schema in its tables, in the order of the schema, and no other', () => {
    expect(ROWS.map(({ key }) => key)).toEqual(schemaKeys(policySchema({})))
    expect(ROWS.length).toBeGreaterThan(50)
  })

  test.each(ROWS)('names the default of $key', ({ key, preset }) => {
    const value = presetOf(key)
    if (value !== undefined) expect(preset).toBe(`\`${value}\``)
    else {
      // Without a default a key is either optional, and then null is as good as nothing, or needed.
      const path = pathOf(key)
      const problems = readPolicy(fileWith(path, null), { file: 'f', env: {} }).problems ?? []
      const needed = problems.some((problem) => problem.path === pathText(path))
      expect(preset).toBe(needed ? '_needed_' : '—')
    }
  })

  test.each(ROWS)('has an example of $key that is taken and is not the default', ({ key, example }) => {
    const path = pathOf(key)
    const file = fileWith(path, parse(example))
    const problems = readPolicy(file, { file: 'f', env: ENV }).problems ?? []
    const text = pathText(path)
    const own = problems.filter(
      ({ path, message }) => (path === text || path.startsWith(`${text}[`)) && !/tiers|gateway\.models/.test(message),
    )
    expect(own.map(formatProblem)).toEqual([])
    if (key !== 'version') expect(example).not.toBe(presetOf(key))
  })

  test.each(SAMPLES)('shows only files that are good (%#)', (sample) => {
    expect(readPolicy(sample, { file: 'f', env: ENV }).problems?.map(formatProblem)).toBeUndefined()
  })

  test('writes the budgets of an empty file out as they are', () => {
    const [sample = ''] = SAMPLES.filter((sample) => sample.includes('high_daily_cost'))
    const { policy } = readPolicy(sample, { file: 'f', env: {} })
    expect(policy).toEqual(readPolicy('', { file: 'f', env: {} }).policy)
    expect(Object.keys(parse(sample).budgets)).toEqual(Object.keys(BUDGET_DEFAULTS))
  })

  test('names what takes effect after a restart', () => {
    const [, list = ''] = /These are read once at the start\..*?restart: (.*?)\. /s.exec(PAGE) ?? []
    expect([...list.matchAll(/`([^`]+)`/g)].map(([, key]) => key)).toEqual(AT_START.map(({ key }) => key))
  })
})
