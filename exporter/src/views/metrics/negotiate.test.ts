import { describe, expect, it } from 'vitest'
import { negotiateFormat, takesGzip } from './negotiate.ts'

const PROMETHEUS_2_42 =
  'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'
const PROMETHEUS_3_15 =
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.7,application/openmetrics-text;version=0.0.1;q=0.6,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.3'

describe('the format', () => {
  it.each<[string, string | undefined, 'text' | 'openmetrics']>([
    ['Prometheus 2.42', PROMETHEUS_2_42, 'openmetrics'],
    ['Prometheus 3.15', PROMETHEUS_3_15, 'openmetrics'],
    [
      'Prometheus told to prefer text',
      'text/plain;version=0.0.4;q=0.7,application/openmetrics-text;version=1.0.0;q=0.6',
      'text',
    ],
    ['no header', undefined, 'text'],
    ['anything', '*/*', 'text'],
    ['a browser', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'text'],
    ['OpenMetrics without a version', 'application/openmetrics-text', 'openmetrics'],
    [
      'OpenMetrics in a quoted version, odd case and spaces',
      'Application/OpenMetrics-Text ; Version="1.0.0" ; Q=1',
      'openmetrics',
    ],
    ['an old draft of OpenMetrics only', 'application/openmetrics-text;version=0.0.1', 'text'],
    ['text refused', 'text/plain;q=0, */*', 'openmetrics'],
    ['any text rather than any application', 'application/*;q=0.4, text/*;q=0.5', 'text'],
    ['any application rather than any text', 'application/*;q=0.5, text/*;q=0.4', 'openmetrics'],
    ['something else only', 'image/png', 'text'],
    ['a q that is no number', 'application/openmetrics-text;q=best, text/plain;q=0.1', 'text'],
  ])('for %s', (_, accept, format) => {
    expect(negotiateFormat(accept)).toBe(format)
  })
})

describe('gzip', () => {
  it.each<[string | undefined, boolean]>([
    ['gzip', true],
    ['deflate, GZIP;q=0.5', true],
    ['*', true],
    ['gzip;q=0', false],
    ['gzip;q=0, *', false],
    ['identity', false],
    ['', false],
    [undefined, false],
  ])('for %s: %s', (header, taken) => {
    expect(takesGzip(header)).toBe(taken)
  })
})
