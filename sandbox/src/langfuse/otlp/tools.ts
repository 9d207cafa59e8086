import { parsed } from './usage.ts'

type Fields = Readonly<Record<string, unknown>>

/** Types under which a call of a tool stands in a list of what was answered. */
const CALLS = new Set(['function_call', 'tool_use', 'tool-call', 'tool_call'])

/** Names of the tools that an answer calls, one for each call; a call that stands there twice with its id counts once. */
export function calledTools(output: string | null): string[] {
  const names: string[] = []
  const seen = new Set<string>()
  const add = (call: Fields): void => {
    const name = textIn(call, 'name') ?? textIn(objectIn(call, 'function'), 'name')
    const id = textIn(call, 'call_id') ?? textIn(call, 'id') ?? textIn(call, 'toolCallId')
    if (name === null || (id !== null && seen.has(id))) return
    if (id !== null) seen.add(id)
    names.push(name)
  }
  walk(output === null ? null : parsed(output), (fields) => {
    if (CALLS.has(String(fields.type)) && !('function' in fields)) add(fields)
    for (const key of ['tool_calls', 'toolCalls']) {
      const calls = fields[key]
      if (Array.isArray(calls)) calls.filter(isFields).forEach(add)
    }
  })
  return names
}

/** Names of the tools that a question offers. */
export function offeredTools(input: string | null): string[] {
  const question = input === null ? null : parsed(input)
  const tools = isFields(question) ? question.tools : null
  if (!Array.isArray(tools)) return []
  return tools
    .filter(isFields)
    .map((tool) => textIn(tool, 'name') ?? textIn(objectIn(tool, 'function'), 'name'))
    .filter((name) => name !== null)
}

function walk(value: unknown, visit: (fields: Fields) => void): void {
  if (Array.isArray(value)) for (const one of value) walk(one, visit)
  else if (isFields(value)) {
    visit(value)
    for (const inner of Object.values(value)) walk(inner, visit)
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function objectIn(fields: Fields, key: string): Fields {
  const value = fields[key]
  return isFields(value) ? value : {}
}

function textIn(fields: Fields, key: string): string | null {
  const value = fields[key]
  return typeof value === 'string' && value !== '' ? value : null
}
