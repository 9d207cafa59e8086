// npm start: installs and builds what is missing, then becomes `marginwatch serve` with the arguments given after `--`.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from './build.mjs'
import { checkNode, installRuntime, ROOT, run } from './install.mjs'

await run(async () => {
  checkNode()
  await installRuntime()
  build()
  const main = join(ROOT, 'exporter', 'dist', 'main.js')
  // In this process, not in a child of it: signals, standard streams and the exit code then need nobody to hand them on.
  process.argv = [process.execPath, main, 'serve', ...process.argv.slice(2)]
  if (process.env.npm_lifecycle_event === 'start') endWithShell()
  await import(pathToFileURL(main).href)
})

/**
 * npm hands a signal on to the shell that it runs this script with, and Debian's ends without handing it on further: the
 * exporter would stay behind, with its port. So the end of the shell is taken as the signal.
 */
function endWithShell() {
  const shell = process.ppid
  const watch = setInterval(() => {
    if (process.ppid === shell) return
    clearInterval(watch)
    process.kill(process.pid, 'SIGTERM')
  }, 250)
  watch.unref()
}
