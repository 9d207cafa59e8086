/** Remembers what must end when a job has, however it has. */
export type Later = (end: () => Promise<unknown>) => void

/** Does a job, then ends what it has begun, the youngest first. What fails at that does not keep the rest from its end. */
export async function withCleanup<T>(job: (later: Later) => Promise<T>): Promise<T> {
  const ends: (() => Promise<unknown>)[] = []
  try {
    return await job((end) => void ends.push(end))
  } finally {
    for (const end of ends.reverse()) await end().catch((error) => process.stderr.write(`${error}\n`))
  }
}
