import type { Bench } from './support/setting.ts'

/** A bench by the name it is asked for, and what its rows are about. */
export interface BenchEntry {
  readonly name: string
  readonly title: string
  /** How it is measured, in sentences for the reader of the results. */
  readonly method: string
  readonly load: () => Promise<{ readonly run: Bench }>
}

/** All benches, in the order in which they run. Each runs in a process of its own. */
export const BENCHES: readonly BenchEntry[] = [
  {
    name: 'intake',
    title: 'Durable intake',
    method:
      'Prepared events into the embedded ledger, batches of 5,000, two under way, a tenth reported before, 4,000 combinations ' +
      'of names, 1,000 customers, over 35 days. Making them is not in the time.',
    load: () => import('./intake.ts'),
  },
  {
    name: 'batches',
    title: 'Small batches',
    method: 'Many callers whose batches become durable together, then one caller alone who waits for each batch.',
    load: () => import('./batches.ts'),
  },
  {
    name: 'reading',
    title: 'From a record to an event',
    method:
      'CPU time of the thread of JavaScript, 2,000 records at a time, with the policy’s defaults and the shipped prices.',
    load: () => import('./reading.ts'),
  },
  {
    name: 'http',
    title: 'Intake over HTTP',
    method:
      'Records as LiteLLM posts them, 500 a request, four requests under way, to the running program. The sender runs on the ' +
      'same machine.',
    load: () => import('./http.ts'),
  },
  {
    name: 'disk',
    title: 'Disk',
    method:
      'Size of the ledger’s files after a checkpoint; every event has an id, every fifth a new trace, every twentieth a new session.',
    load: () => import('./disk.ts'),
  },
  {
    name: 'latency',
    title: 'From call to metric',
    method:
      'One record is posted over HTTP, then /metrics is asked for until its counter has moved; the scrapes are in the time.',
    load: () => import('./latency.ts'),
  },
  {
    name: 'queries',
    title: 'Questions to the ledger',
    method:
      'One question after the other, rows as JavaScript objects in the time. Ten million events only with --large.',
    load: () => import('./queries.ts'),
  },
  {
    name: 'render',
    title: 'Rendering metrics',
    method:
      'The same series by our writer and by prom-client, in turn in one run, each in a process of its own; CPU time.',
    load: () => import('./render.ts'),
  },
  {
    name: 'scrape',
    title: 'A scrape at 1,000 customers on 3 models',
    method: 'GET /metrics of the running program over a connection that stays open.',
    load: () => import('./scrape.ts'),
  },
  {
    name: 'loop',
    title: 'Delay of the event loop',
    method:
      'One scrape a second. First events that are made and appended inside of the program’s process, then records over HTTP. ' +
      'The watch adds up to 1 ms.',
    load: () => import('./loop.ts'),
  },
  {
    name: 'start',
    title: 'Start',
    method: 'From the start of the process until /readyz answers 200, and the two parts of it that read the ledger.',
    load: () => import('./start.ts'),
  },
  {
    name: 'kill',
    title: 'kill -9',
    method:
      'The program is killed at any moment while it takes in events, started again, and its ledger compared with what was acknowledged.',
    load: () => import('./kill.ts'),
  },
  {
    name: 'demo',
    title: 'The demonstration',
    method: 'A month of history, some 300,000 calls, at the first start without a source.',
    load: () => import('./demo.ts'),
  },
]
