import { type Answer, errorAnswer } from './answers.ts'
import type { RecordOptions } from './parts.ts'
import { spendRow } from './row.ts'
import { type RowQuery, type Rows, SORT_FIELDS, type SortField } from './rows.ts'

/** Answers `GET /spend/logs/v2` as 1.106.2 does. */
export function answerSpendLogs(rows: Rows, params: URLSearchParams, now: number, record: RecordOptions): Answer {
  const query = readQuery(params)
  if ('body' in query) return query
  const { calls, total, capped } = rows.page(query, now)
  return {
    status: 200,
    body: {
      data: calls.map((call) => spendRow(call, record)),
      total,
      page: query.page,
      page_size: query.pageSize,
      total_pages: Math.ceil(total / query.pageSize),
      total_is_capped: capped,
    },
  }
}

function readQuery(params: URLSearchParams): RowQuery | Answer {
  const page = whole(params.get('page') ?? '1', 'page', [1, Number.MAX_SAFE_INTEGER])
  if (typeof page !== 'number') return page
  const pageSize = whole(params.get('page_size') ?? '50', 'page_size', [1, 1000])
  if (typeof pageSize !== 'number') return pageSize
  const sort = readSort(params)
  if ('body' in sort) return sort
  const range = readRange(params.get('start_date'), params.get('end_date'))
  if ('body' in range) return range
  const filters = {
    endUser: params.get('end_user'),
    requestId: params.get('request_id'),
    status: params.get('status_filter'),
  }
  return { ...range, ...sort, ...filters, page, pageSize }
}

function readSort(params: URLSearchParams): Pick<RowQuery, 'sortBy' | 'descending'> | Answer {
  const sortBy = params.get('sort_by') ?? 'startTime'
  const sortOrder = (params.get('sort_order') ?? 'desc').toLowerCase()
  if (!isSortField(sortBy)) {
    const fields = [...SORT_FIELDS].sort().join(', ')
    return errorAnswer(400, `Invalid sort_by: ${sortBy}. Must be one of: ${fields}`, 'bad_request', 'sort_by')
  }
  if (sortOrder !== 'asc' && sortOrder !== 'desc') {
    const message = `Invalid sort_order: ${sortOrder}. Must be one of: asc, desc`
    return errorAnswer(400, message, 'bad_request', 'sort_order')
  }
  return { sortBy, descending: sortOrder === 'desc' }
}

function isSortField(text: string): text is SortField {
  return (SORT_FIELDS as readonly string[]).includes(text)
}

function readRange(start: string | null, end: string | null): Pick<RowQuery, 'from' | 'to'> | Answer {
  if (start === null || end === null) return errorAnswer(400, 'Start date and end date are required', 'bad_request')
  const from = parseDate(start)
  const to = parseDate(end)
  if (from === null) return invalidDate(start)
  if (to === null) return invalidDate(end)
  return { from, to }
}

const DATE = /^(\d{4}-\d{2}-\d{2})(?: (\d{2}:\d{2}:\d{2}))?$/

/** `YYYY-MM-DD` or `YYYY-MM-DD HH:MM:SS`, UTC; whole seconds, so a window's last second is only its first moment. */
function parseDate(text: string): number | null {
  const match = DATE.exec(text.trim())
  const time = match ? Date.parse(`${match[1]}T${match[2] ?? '00:00:00'}Z`) : Number.NaN
  return Number.isNaN(time) ? null : time
}

function invalidDate(text: string): Answer {
  const expected = "'YYYY-MM-DD' or 'YYYY-MM-DD HH:MM:SS'"
  return errorAnswer(400, `Invalid date format: ${text}. Expected: ${expected}`, 'bad_request')
}

/** A whole number within bounds, or the refusal of the parameter check in front of the handler. */
function whole(text: string, name: string, [least, most]: readonly [number, number]): number | Answer {
  const value = Number(text)
  if (!Number.isInteger(value) || text.trim() === '')
    return invalid(name, text, 'int_parsing', 'Input should be a valid integer, unable to parse string as an integer')
  if (value < least)
    return invalid(name, text, 'greater_than_equal', `Input should be greater than or equal to ${least}`)
  if (value > most) return invalid(name, text, 'less_than_equal', `Input should be less than or equal to ${most}`)
  return value
}

function invalid(name: string, input: string, type: string, msg: string): Answer {
  return { status: 422, body: { detail: [{ type, loc: ['query', name], msg, input }] } }
}
