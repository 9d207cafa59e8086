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
  await import(pathToFileURL(main).href)
})
