/**
 * Loaded into the program's process before the program: answers over the process's channel what nobody can see from
 * outside. It keeps nothing running.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { ProbeAsked, ProbeTold } from './program.ts'

const delay = monitorEventLoopDelay({ resolution: 1 })

function answer(asked: ProbeAsked): ProbeTold {
  const { user, system } = process.cpuUsage()
  const cpu = (user + system) / 1_000
  if (asked === 'watch delay') {
    delay.reset()
    delay.enable()
  }
  if (asked !== 'delay') return { cpu, delay: null }
  delay.disable()
  const ms = (nanoseconds: number) => nanoseconds / 1e6
  return { cpu, delay: { p50: ms(delay.percentile(50)), p99: ms(delay.percentile(99)), max: ms(delay.max) } }
}

process.on('message', (asked: ProbeAsked) => process.send?.(answer(asked)))
// A listener would keep the process alive after the program has ended.
process.channel?.unref()
