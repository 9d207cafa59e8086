import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type Response, Router } from 'express'
import { methodNotAllowed } from '../../http/problem.ts'
import { asOf, type PageLinks, renderFragment, renderPage } from './document.ts'
import type { PageModel } from './model.ts'

export interface PageDeps {
  /** Reads memory only: the page never waits for a database. */
  readonly read: () => PageModel
}

/**
 * `GET /`: the page. `GET /page/fragment`: its changing part, asked for by its script every two seconds; 304 while nothing
 * has changed. `GET /page/page.<hash>.{css,js}` and the icon: never change under their name. Numbers are never cached.
 */
export function pageRouter({ read }: PageDeps): Router {
  const router = Router()
  const links = serveAssets(router)
  router
    .route('/')
    .get((_req, res) => {
      const model = read()
      notCached(res).type('text/html').send(renderPage(model, links))
    })
    .all(methodNotAllowed('GET'))
  router
    .route('/page/fragment')
    .get((req, res) => {
      const model = read()
      const text = renderFragment(model)
      const tag = `"${hash(text)}"`
      notCached(res).set({ ETag: tag, 'As-Of': asOf(model), 'Page-Script': links.script })
      // Not left to express: its own check answers anew whoever asks not to be cached, and so does a browser's fetch.
      if (req.headers['if-none-match'] === tag) res.status(304).end()
      else res.type('text/html').send(text)
    })
    .all(methodNotAllowed('GET'))
  return router
}

function notCached(res: Response): Response {
  return res.set('Cache-Control', 'no-store')
}

const ASSETS = [
  { link: 'style', file: 'page.css', type: 'text/css' },
  { link: 'script', file: 'page.js', type: 'text/javascript' },
  { link: 'icon', file: 'icon.svg', type: 'image/svg+xml' },
] as const

/** Reads the assets once and serves them under names that carry their content's hash, so that a browser may keep them. */
function serveAssets(router: Router): PageLinks {
  const links = { style: '', script: '', icon: '' }
  for (const { link, file, type } of ASSETS) {
    const body = readFileSync(new URL(`../../../assets/page/${file}`, import.meta.url))
    const path = `/page/${file.replace('.', `.${hash(body)}.`)}`
    links[link] = path
    router
      .route(path)
      .get((_req, res) => {
        res.set('Cache-Control', 'public, max-age=31536000, immutable').type(type).send(body)
      })
      .all(methodNotAllowed('GET'))
  }
  return links
}

function hash(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 16)
}
