import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const LOAD = fileURLToPath(new URL('./load.js', import.meta.url))

/** Posts `rate` records a second to the program until it is stopped; see `load.ts`. */
export async function startLoad(url: string, rate: number): Promise<{ stop(): Promise<void> }> {
  const child = fork(LOAD, [url, String(rate)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  await once(child, 'message')
  return {
    async stop() {
      const ended = once(child, 'exit')
      child.disconnect()
      await ended
    },
  }
}
