#!/usr/bin/env node
import { run } from './cli/program.ts'

// Nothing else knows the process: its arguments, environment, streams, signals and exit code.
process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  watched: process.stderr.isTTY === true,
  onSignal: (listener) => {
    process.once('SIGINT', () => listener('stop'))
    process.once('SIGTERM', () => listener('stop'))
    process.on('SIGHUP', () => listener('reload'))
  },
})
