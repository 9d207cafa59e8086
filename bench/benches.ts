import type { Bench } from './support/setting.ts'

/** A bench by the name it is asked for, and what its rows are about. */
export interface BenchEntry {
  readonly name: string
  readonly title: string
  /** How it is measured, in sentences for the reader of the results. */
  readonly method: string
  /** After so long it is ended; 30 where it says nothing. */
  readonly longestMinutes?: number
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
    name: 'decisions',
    title: 'A decision',
    method:
      'One question after the other inside of a process that holds the sums of 100,000 customers, each with a hold that is ' +
      'written to the journal; then over HTTP by 1, 10 and 100 callers at a time, who share two processors with the program.',
    load: () => import('./decisions.ts'),
  },
  {
    name: 'gateway-file',
    title: 'The file in LiteLLM',
    method:
      '`gateway/marginwatch.py` alone, driven by a script: CPU and wall time of its hooks with a thousand of LiteLLM’s records. ' +
      'Then a process has left a full spool, and it is sent by hand to the running program.',
    load: () => import('./gateway-file.ts'),
  },
  {
    name: 'gateway-delay',
    title: 'What the file adds to a call',
    method:
      'Two real LiteLLM on one upstream that answers at once, with the file and without, asked in turn; sixteen callers ask in ' +
      'waves, for left alone they gather at either by chance. The program that the file posts to, and both databases, run on ' +
      'the same machine. The spread of the difference at p50 is that of the five fifths of the pairs. A provider takes some ' +
      'hundred milliseconds until its first token: five more are not noticed.',
    load: () => import('./gateway-delay.ts'),
  },
  {
    name: 'gateway-metric',
    title: 'From LiteLLM’s answer to the metric',
    method:
      'A call is answered by the real LiteLLM, then /metrics is asked for until its counter has moved; the scrapes are in the ' +
      'time.',
    load: () => import('./gateway-metric.ts'),
  },
  {
    name: 'gateway-outage',
    title: 'An outage behind LiteLLM',
    method:
      'Sixteen callers of the real LiteLLM; the program is down for a minute (5 seconds with --quick), killed once and started ' +
      'again, and LiteLLM is stopped by SIGTERM and started again. In the same LiteLLM, `generic_api` with five retries posts ' +
      'to a program of its own that is away at the same times.',
    load: () => import('./gateway-outage.ts'),
  },
  {
    name: 'overspend',
    title: 'How far a limit can be passed',
    method:
      'Callers behind a stand-in for a gateway ask the running program before each call, until limits of $0.50, $8 and $35, ' +
      'of which $0, $2 and $28 were spent before, are used up. Calls of $0.0005 to $0.50, half of them with `max_tokens`, one answer in a hundred up to ten times as long as ' +
      'usual; records arrive up to 60 s late. With faults: the gateway and the program are killed twice each, and for 30 s ' +
      'nothing passes between them. Times are compressed. Spent is what the provider charged; overspend is at most the sum of ' +
      'true cost less held over the calls that are under way when a limit is reached. A block is false when more was free than ' +
      '1 % of the limit, and than a usual (p99) call for the asker and for each call that is not yet recorded.',
    longestMinutes: 60,
    load: () => import('./overspend.ts'),
  },
  {
    name: 'gateway-overspend',
    title: 'A limit behind the real LiteLLM',
    method:
      'Ten customers with a limit of $0.12 each and twenty callers each, until every caller was refused three times in a row; calls ' +
      'cost some $0.0015, half of them without max_tokens, one answer in fifty is ten times as long. By our file (fail-closed), ' +
      'by LiteLLM’s own budgets with its default reservation, and by those without it. Free is the limit less what all calls ' +
      'that had begun cost in the end; a usual call is the p99 of those that were answered.',
    load: () => import('./gateway-overspend.ts'),
  },
  {
    name: 'bound',
    title: 'The bound of a budget, and refusals too early',
    method:
      'Callers of one customer against the decisions, the holds and what is spent, in virtual time: with and without ' +
      '`max_tokens`, with and without a cheaper model near the limit, with and without knowledge of earlier answers; one answer ' +
      'in fifty is ten times as long as usual, and they go on until nothing is left. A value is the most that was really spent ' +
      'in eight runs. A refusal is too early when more than 1 % of the limit, and more than one usual call (p99) for each call ' +
      'on its way, is really free.',
    load: () => import('./bound.ts'),
  },
  {
    name: 'forecast',
    title: 'How far forecasts are off',
    method:
      'Months whose end is known are foretold after some of their days, from the third month on; the error is the mean of the ' +
      'absolute errors as shares of the month. Forty years of invented companies (weekdays, ends of months, growth, a new ' +
      'customer, a day’s outage, heavy tails), and twenty times half a year of the sandbox’s traffic, with the token sizes and ' +
      'waits of a real trace. Beside it spend so far by run rate, and spend so far with last month’s same days. ' +
      '`docs/forecast.md` says what is real of it.',
    load: () => import('./forecast.ts'),
  },
  {
    name: 'docker',
    title: 'Reading twenty containers',
    method:
      'Debian’s Docker engine with twenty idle containers, read over its socket as the source does: the list, then the counters ' +
      'and the state of each at the same time. The engine itself takes up to a second for the counters of a container. For ' +
      'comparison the same containers one after the other. CPU is that of the reading process.',
    load: () => import('./docker.ts'),
  },
  {
    name: 'demo',
    title: 'The demonstration',
    method: 'A month of history, some 240,000 calls, at the first start without a source.',
    load: () => import('./demo.ts'),
  },
]
