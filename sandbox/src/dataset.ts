import { readFileSync } from 'node:fs'

/** Requests to a real conversational service in the order of their arrival. See `data/README.md` for source and licence. */
export interface Dataset {
  readonly size: number
  /** Tokens in and tokens out of each request. */
  readonly input: Uint16Array
  readonly output: Uint16Array
  /** Wait since the request before, as a multiple of the mean wait. */
  readonly gap: Float64Array
}

const FILE = new URL('../data/azure-llm-conv-2023.csv', import.meta.url)

/** Reads the data set. Throws on a row that is not `TIMESTAMP,ContextTokens,GeneratedTokens`, naming its line. */
export function readDataset(): Dataset {
  const lines = readFileSync(FILE, 'utf8').split('\n').slice(1)
  if (lines.at(-1) === '') lines.pop()
  const size = lines.length
  const input = new Uint16Array(size)
  const output = new Uint16Array(size)
  const times = new Float64Array(size)
  lines.forEach((line, index) => {
    const [time = '', context, generated] = line.split(',')
    times[index] = Date.parse(`${time.trim().slice(0, 23).replace(' ', 'T')}Z`)
    input[index] = Number(context)
    output[index] = Number(generated)
    if (Number.isNaN(times[index]) || !input[index] || !output[index])
      throw new Error(`azure-llm-conv-2023.csv line ${index + 2}: expected time,tokens,tokens but found ${line}`)
  })
  return { size, input, output, gap: gaps(times) }
}

function gaps(times: Float64Array): Float64Array {
  const mean = ((times.at(-1) ?? 0) - (times[0] ?? 0)) / (times.length - 1)
  return times.map((time, index) => (index === 0 ? 1 : (time - (times[index - 1] ?? time)) / mean))
}
