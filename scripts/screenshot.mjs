// Makes docs/images/page.png again, and prints the lines of /metrics that stand beside it in the README: runs the
// demonstration on a ledger of its own, waits for its first live calls and takes a picture of the page. Needs Chromium
// (Debian package chromium).
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from './build.mjs'
import { checkNode, installAll, ROOT, run, Sentence } from './install.mjs'

const FILE = join(ROOT, 'docs', 'images', 'page.png')
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'
const ARGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
/** Events of the history that the demonstration begins with do not count as pushed; these came by HTTP. */
const PUSHED = /^marginwatch_events_total\{source="litellm",result="accepted"\} [1-9]/m

await run(async () => {
  checkNode()
  await installAll()
  build()
  const directory = await mkdtemp(join(tmpdir(), 'marginwatch-screenshot-'))
  const demo = startDemo(directory)
  try {
    const url = await demo.listening
    await untilPushed(url)
    await takePicture(url)
    process.stderr.write(`${FILE}\n`)
    const metrics = await (await fetch(`${url}/metrics`)).text()
    process.stdout.write(metrics.replace(/^(?!llm_spend_usd\{period="month").*\n/gm, ''))
  } finally {
    await demo.stop()
    await rm(directory, { recursive: true, force: true })
  }
})

/** Runs the program as `npm start` does, but from a folder without a policy, on a free port. */
function startDemo(directory) {
  const main = join(ROOT, 'exporter', 'dist', 'main.js')
  const config = join(ROOT, 'marginwatch.yaml')
  const child = spawn(process.execPath, [main, 'serve', '--config', config, '--port', '0', '--data', directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise((done) => child.once('close', done))
  const listening = new Promise((done, fail) => {
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      said += text
      const found = /demonstration at (http:\S+)/.exec(said)
      if (found) done(found[1])
    })
    child.once('error', fail)
    void ended.then((code) => fail(new Sentence(`The demonstration ended with ${code}; it said:\n${said}`)))
  })
  const stop = async () => {
    child.kill('SIGINT')
    await ended
  }
  return { listening, stop }
}

async function untilPushed(url) {
  for (;;) {
    const answer = await fetch(`${url}/metrics`)
    if (PUSHED.test(await answer.text())) return
    await new Promise((done) => setTimeout(done, 500))
  }
}

async function takePicture(url) {
  // A package of the exporter's, not of the root's.
  const { chromium } = createRequire(join(ROOT, 'exporter', 'package.json'))('playwright-core')
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS })
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, colorScheme: 'light' })
    await page.goto(url)
    await page.waitForSelector('h2')
    await page.screenshot({ path: FILE, fullPage: true })
  } finally {
    await browser.close()
  }
}
