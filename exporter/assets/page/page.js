// Keeps the page up to date: asks for its changing part and changes only what differs, so that scroll position, focus, the
// selection and opened details stay as they are. Without this script the page loads itself anew every ten seconds.

const EVERY_MS = 2000
const TIMEOUT_MS = 10_000

const main = document.getElementById('main')
const live = document.getElementById('live')
const asOf = document.getElementById('asof')
const script = document.currentScript.getAttribute('src')

let tag = ''
let timer
let asking = false

async function refresh() {
  clearTimeout(timer)
  if (asking || document.hidden) return
  asking = true
  const again = await ask().catch(() => {
    say('lost', 'connection lost, last known numbers')
    return true
  })
  asking = false
  if (again) timer = setTimeout(refresh, EVERY_MS)
}

/** One question; true when it is worth asking again. */
async function ask() {
  const headers = tag === '' ? {} : { 'If-None-Match': tag }
  const answer = await fetch('/page/fragment', { headers, signal: AbortSignal.timeout(TIMEOUT_MS) })
  if (answer.status === 401 || answer.status === 403) {
    say('lost', 'key no longer accepted, load the page again')
    return false
  }
  if (answer.status !== 304 && !answer.ok) throw new Error(`answered ${answer.status}`)
  if (answer.headers.get('Page-Script') !== script) {
    location.reload()
    return false
  }
  if (answer.status !== 304) {
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
    morphChildren(main, page.body)
    tag = answer.headers.get('ETag') ?? ''
  }
  asOf.textContent = answer.headers.get('As-Of')
  say('live', 'live')
  return true
}

/** Told to readers of the screen, so only when it changes. */
function say(state, text) {
  if (live.textContent !== text) live.textContent = text
  document.documentElement.dataset.state = state
}

function morphChildren(have, want) {
  const old = [...have.childNodes]
  const fresh = [...want.childNodes]
  for (const [i, node] of fresh.entries()) {
    if (i < old.length) morph(old[i], node)
    else have.append(document.importNode(node, true))
  }
  for (const node of old.slice(fresh.length)) node.remove()
}

function morph(have, want) {
  if (have.isEqualNode(want)) return
  if (have.nodeType !== want.nodeType || have.nodeName !== want.nodeName || have.id !== want.id) {
    have.replaceWith(document.importNode(want, true))
  } else if (have.nodeType === Node.ELEMENT_NODE) {
    morphAttributes(have, want)
    morphChildren(have, want)
  } else {
    have.nodeValue = want.nodeValue
  }
}

/** `open` is the reader's own: whether details are shown is not the server's to say. */
function morphAttributes(have, want) {
  for (const { name, value } of want.attributes) if (have.getAttribute(name) !== value) have.setAttribute(name, value)
  for (const { name } of [...have.attributes])
    if (name !== 'open' && !want.hasAttribute(name)) have.removeAttribute(name)
}

document.addEventListener('visibilitychange', refresh)
refresh()
