import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

/** A file of the repository, by its path from the root. */
export function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

export function exists(path: string): boolean {
  return existsSync(join(ROOT, path))
}

/** The repository's own Markdown files, those that are not committed yet included. */
export function markdownFiles(): string[] {
  return listed('*.md')
}

/** Files of the repository that match a pattern of git's, without what it ignores. */
export function listed(...patterns: readonly string[]): string[] {
  const list = ['ls-files', '--cached', '--others', '--exclude-standard', '--', ...patterns]
  return [...new Set(execFileSync('git', list, { cwd: ROOT, encoding: 'utf8' }).split('\n'))].filter(
    (file) => file !== '' && exists(file),
  )
}

/** The contents of a page's fenced blocks of one language, in order. */
export function blocks(page: string, language: string): string[] {
  return [...page.matchAll(/^ *```(\w*)\n(.*?)^ *```$/gms)].flatMap(([, found, text = '']) =>
    found === language ? [text] : [],
  )
}

/** Text without its fenced blocks and inline code, in which nothing is a link. */
export function prose(page: string): string {
  return page.replace(/^ *```.*?^ *```$/gms, '').replace(/(`+)(?!`).*?\1/gs, '')
}

/** The anchors under which GitHub shows the headings of a page. */
export function anchors(page: string): Set<string> {
  const headings = [...page.replace(/^ *```.*?^ *```$/gms, '').matchAll(/^#{1,6} +(.+)$/gm)]
  return new Set(
    headings.map(([, text = '']) =>
      text
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

/** Rows of a page's tables, cells trimmed; heads and rulers are among them. */
export function tableRows(page: string): string[][] {
  return [...page.matchAll(/^\|(.+)\|$/gm)].map(([, row = '']) => row.split(/(?<!\\)\|/).map((cell) => cell.trim()))
}
