import { z } from 'zod'

/** One condition of a `filter` or of `filters`; all of them must hold. */
export const FILTER = z.discriminatedUnion('type', [
  z.object({ type: z.literal('string'), column: z.string(), operator: textOperator(), value: z.string() }),
  z.object({
    type: z.literal('stringOptions'),
    column: z.string(),
    operator: z.enum(['any of', 'none of']),
    value: z.array(z.string()).min(1),
  }),
  z.object({
    type: z.literal('arrayOptions'),
    column: z.string(),
    operator: z.enum(['any of', 'none of', 'all of']),
    value: z.array(z.string()),
  }),
  z.object({
    type: z.literal('stringObject'),
    column: z.string(),
    key: z.string(),
    operator: textOperator(),
    value: z.string(),
  }),
  z.object({ type: z.literal('boolean'), column: z.string(), operator: z.enum(['=', '<>']), value: z.boolean() }),
  z.object({
    type: z.literal('datetime'),
    column: z.string(),
    operator: z.enum(['>', '<', '>=', '<=']),
    value: z.iso.datetime({ offset: true }),
  }),
  z.object({
    type: z.literal('number'),
    column: z.string(),
    operator: z.enum(['=', '>', '<', '>=', '<=']),
    value: z.number(),
  }),
  z.object({
    type: z.literal('null'),
    column: z.string(),
    operator: z.enum(['is null', 'is not null']),
    value: z.literal(''),
  }),
])
export type Filter = z.infer<typeof FILTER>

/** What a column holds; '' and null are both nothing. Times are epoch milliseconds. */
export type ColumnValue = string | number | boolean | null | readonly string[] | Readonly<Record<string, string>>

/** What may be asked of a column. */
export type ColumnKind = 'text' | 'list' | 'object' | 'boolean' | 'time' | 'number'

const KINDS: Readonly<Record<Filter['type'], readonly ColumnKind[]>> = {
  string: ['text'],
  stringOptions: ['text'],
  arrayOptions: ['list'],
  stringObject: ['object'],
  boolean: ['boolean'],
  datetime: ['time'],
  number: ['number'],
  null: ['text', 'list', 'object', 'boolean', 'time', 'number'],
}

/** The complaint about a filter on a column of this kind; null when it is one that the column understands. */
export function wrongKind({ type, column }: Filter, kind: ColumnKind): string | null {
  return KINDS[type].includes(kind) ? null : `Invalid filter type ${type} for column ${column}: it holds a ${kind}`
}

/** Whether a value meets a filter. A filter of another type than the value's is met by nothing. */
export function meets(filter: Filter, value: ColumnValue): boolean {
  switch (filter.type) {
    case 'string':
      return textMeets(filter.operator, String(value ?? ''), filter.value)
    case 'stringOptions':
      return filter.value.includes(String(value ?? '')) === (filter.operator === 'any of')
    case 'arrayOptions':
      return listMeets(filter.operator, Array.isArray(value) ? (value as string[]) : [], filter.value)
    case 'stringObject':
      return textMeets(filter.operator, (value as Record<string, string> | null)?.[filter.key] ?? '', filter.value)
    case 'boolean':
      return (value === filter.value) === (filter.operator === '=')
    case 'datetime':
      return typeof value === 'number' && numberMeets(filter.operator, value, Date.parse(filter.value))
    case 'number':
      return typeof value === 'number' && numberMeets(filter.operator, value, filter.value)
    case 'null':
      return isNothing(value) === (filter.operator === 'is null')
  }
}

function textOperator() {
  return z.enum(['=', 'contains', 'does not contain', 'starts with', 'ends with'])
}

function textMeets(operator: string, text: string, wanted: string): boolean {
  if (operator === '=') return text === wanted
  if (operator === 'contains') return text.includes(wanted)
  if (operator === 'does not contain') return !text.includes(wanted)
  return operator === 'starts with' ? text.startsWith(wanted) : text.endsWith(wanted)
}

function listMeets(operator: string, list: readonly string[], wanted: readonly string[]): boolean {
  if (operator === 'all of') return wanted.every((one) => list.includes(one))
  return wanted.some((one) => list.includes(one)) === (operator === 'any of')
}

function numberMeets(operator: string, value: number, wanted: number): boolean {
  if (operator === '=') return value === wanted
  if (operator === '>') return value > wanted
  if (operator === '<') return value < wanted
  return operator === '>=' ? value >= wanted : value <= wanted
}

function isNothing(value: ColumnValue): boolean {
  return value === null || value === '' || (Array.isArray(value) && value.length === 0)
}
