/** Work that is done again and again. */
export interface Every {
  /** Lets the running turn finish, then stops. */
  close(): Promise<void>
}

/**
 * Does `job` at once and then `ms` after each end, one turn at a time. A turn that fails is reported and does not stop the
 * next.
 */
export function every(ms: number, job: () => Promise<unknown>, failed: (cause: unknown) => void): Every {
  let timer: NodeJS.Timeout | null = null
  let closed = false
  let running: Promise<void> = Promise.resolve()
  const turn = async () => {
    try {
      await job()
    } catch (cause) {
      failed(cause)
    }
    if (!closed) timer = setTimeout(start, ms)
  }
  const start = () => {
    running = turn()
  }
  start()
  return {
    async close() {
      closed = true
      if (timer) clearTimeout(timer)
      await running
    },
  }
}
