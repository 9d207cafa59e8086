import { capture } from '../../src/views/metrics/capture.ts'
import { createWriter, type Writer } from '../../src/views/metrics/exposition.ts'
import type { Family } from '../../src/views/metrics/sample.ts'

/** The families as a page. A family that cannot be written is a failure. */
export async function expose(
  families: Iterable<Family>,
  format: 'text' | 'openmetrics' = 'text',
  writer: Writer = createWriter(),
): Promise<string> {
  const slices: Buffer[] = []
  const onFault = (_: unknown, error: Error): never => {
    throw error
  }
  for await (const slice of writer.render(Array.from(families, capture), { format, onFault })) slices.push(slice)
  return Buffer.concat(slices).toString()
}
