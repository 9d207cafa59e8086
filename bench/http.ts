/**
 * Intake over HTTP: records as LiteLLM posts them, 500 a request, four requests under way, to the running program. Making the
 * records is not measured. What the posting process needs competes with the program for the machine.
 */
import { type BenchRow, figureRow } from './row.ts'
import { type Client, createClient } from './support/client.ts'
import { type Program, startProgram } from './support/program.ts'
import { createRecords } from './support/records.ts'
import { folder, type Setting } from './support/setting.ts'

const INTAKE = '/v1/sources/litellm'
const RECORDS = 500
const UNDER_WAY = 4

interface Pace {
  readonly records: number
  readonly megabytes: number
  /** Microseconds of the program's CPU a record. */
  readonly cpu: number
}

export async function run(setting: Setting): Promise<BenchRow[]> {
  const program = await startProgram({ directory: await folder(setting, 'http') })
  const client = createClient(program.url)
  try {
    return [
      ...(await rowsOf({ program, client, slim: true }, setting)),
      ...(await rowsOf({ program, client, slim: false }, setting)),
    ]
  } finally {
    client.close()
    await program.stop()
  }
}

interface Posting {
  readonly program: Program
  readonly client: Client
  readonly slim: boolean
}

async function rowsOf(posting: Posting, { quick }: Setting): Promise<BenchRow[]> {
  const requests = quick ? 8 : 40
  const paces: Pace[] = []
  await post(posting, requests)
  for (let i = 0; i < (quick ? 1 : 5); i++) paces.push(await post(posting, requests))
  const name = posting.slim ? 'generic_api, without texts' : 'generic_api, whole'
  return [
    figureRow(
      { name, unit: 'records/s', decimals: 0 },
      paces.map(({ records }) => records),
    ),
    figureRow(
      { name: `${name}, volume`, unit: 'MB/s', decimals: 1 },
      paces.map(({ megabytes }) => megabytes),
    ),
    figureRow(
      { name: `${name}, the program’s CPU a record`, unit: 'µs', decimals: 1 },
      paces.map(({ cpu }) => cpu),
    ),
  ]
}

async function post({ program, client, slim }: Posting, requests: number): Promise<Pace> {
  const records = createRecords({ slim })
  const bodies = Array.from({ length: requests }, () => records.body(RECORDS))
  const bytes = bodies.reduce((sum, body) => sum + body.length, 0)
  const before = await program.probe('cpu')
  const began = performance.now()
  const sender = async () => {
    for (let body = bodies.pop(); body; body = bodies.pop()) expectAccepted(await client.post(INTAKE, body))
  }
  await Promise.all(Array.from({ length: UNDER_WAY }, sender))
  const seconds = (performance.now() - began) / 1_000
  const after = await program.probe('cpu')
  const count = requests * RECORDS
  return {
    records: count / seconds,
    megabytes: bytes / 1e6 / seconds,
    cpu: ((after.cpu - before.cpu) * 1_000) / count,
  }
}

function expectAccepted(answer: Buffer): void {
  const { accepted } = JSON.parse(answer.toString('utf8')) as { accepted: number }
  if (accepted !== RECORDS)
    throw new Error(`${accepted} of ${RECORDS} records were accepted: ${answer.toString('utf8').slice(0, 300)}`)
}
