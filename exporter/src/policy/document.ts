import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
  type YAMLError,
  type YAMLMap,
} from 'yaml'
import type { Path } from './problem.ts'

/**
 * A YAML file as its author wrote it: every scalar is its own text (`007` stays `007`, money is never a float), an empty
 * value is null, maps have no prototype.
 */
export type Tree = string | null | Tree[] | TreeMap
export interface TreeMap {
  [key: string]: Tree
}

export function isTreeMap(tree: Tree | undefined): tree is TreeMap {
  return typeof tree === 'object' && tree !== null && !Array.isArray(tree)
}

/** Line and column, from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** Something that cannot be read as YAML, or not as one meaning. */
export interface Flaw extends Position {
  readonly path: Path
  readonly message: string
}

export interface PolicyDocument {
  readonly tree: Tree
  /** Where the key or the value at a path stands; of something that is not there, where its parent stands. */
  locate(path: Path, at: 'key' | 'value'): Position
}

const UNQUOTED = `not valid YAML: inside { } the name of a variable must stand in quotes, e.g. "\${LITELLM_KEY}"`
const DEEPEST = 32
const MOST_FROM_ALIASES = 10_000

/**
 * Reads YAML 1.2 with anchors, keeping positions. A text that is not YAML gives the syntax errors alone: what the rest
 * would mean is a guess. Never throws.
 */
export function readDocument(given: string): { document?: PolicyDocument; flaws: Flaw[] } {
  // Editors of Windows put a byte order mark in front, over which the parser stumbles.
  const text = given.replace(/^\uFEFF/, '')
  const lines = new LineCounter()
  const position: Locate = (offset) => {
    const { line, col } = lines.linePos(Math.min(offset, text.length))
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }
  try {
    const options = { lineCounter: lines, prettyErrors: false, uniqueKeys: false, schema: 'core' } as const
    const parsed = parseDocument(text, options)
    const errors = [...parsed.errors, ...parsed.warnings]
    if (errors.length > 0) return { flaws: syntaxFlaws(text, errors, position) }
    const reader = new TreeReader(position)
    const tree = reader.read(parsed.contents as Node | null, [])
    return { document: { tree, locate: (path, at) => reader.locate(path, at) }, flaws: reader.flaws }
  } catch (error) {
    // The parser calls itself for each level: only a text of thousands of brackets gets here.
    if (!(error instanceof RangeError)) throw error
    return { flaws: [{ line: 1, column: 1, path: [], message: 'not valid YAML: nested too deeply to be read' }] }
  }
}

type Locate = (offset: number) => Position

/** The parser's errors, without what follows on a line from a variable's name that stands there without quotes. */
function syntaxFlaws(text: string, errors: readonly YAMLError[], position: Locate): Flaw[] {
  const flaws = errors.map(({ code, message, pos: [offset] }) => {
    const unquoted = text.startsWith(`$\{`, offset - 1)
    const said = unquoted ? UNQUOTED : complaint(code, message)
    return { ...position(unquoted ? offset - 1 : offset), path: [], message: said, unquoted }
  })
  const lines = new Set(flaws.filter(({ unquoted }) => unquoted).map(({ line }) => line))
  return flaws.flatMap(({ unquoted, ...flaw }) => (unquoted || !lines.has(flaw.line) ? [flaw] : []))
}

function complaint(code: YAMLError['code'], message: string): string {
  if (code === 'MULTIPLE_DOCS') return 'a second document begins here, but a policy file has one'
  // The parser may quote what it stumbled over, and that may be a key in clear text.
  return `not valid YAML: ${code === 'TAG_RESOLVE_FAILED' ? message : message.replace(/: ".*$/s, '')}`
}

/** Parsed nodes → tree, remembering where everything stood. */
class TreeReader {
  readonly flaws: Flaw[] = []
  private readonly position: Locate
  private readonly places = new Map<string, { key?: number; value?: number }>()
  private readonly anchors = new Map<string, Node>()
  private readonly open = new Set<Node>()
  private aliased = 0
  private fromAliases = 0

  constructor(position: Locate) {
    this.position = position
  }

  locate(path: Path, at: 'key' | 'value'): Position {
    // What is a list may be written as its only entry.
    const place = this.places.get(name(path)) ?? this.places.get(name(path.filter((step) => step !== 0)))
    const offset = at === 'key' ? (place?.key ?? place?.value) : (place?.value ?? place?.key)
    if (offset !== undefined) return this.position(offset)
    return path.length === 0 ? { line: 1, column: 1 } : this.locate(path.slice(0, -1), 'key')
  }

  read(node: Node | null, path: Path): Tree {
    if (node === null) return null
    if (path.length > DEEPEST) return this.flaw(node, path, `nested deeper than ${DEEPEST} levels`)
    if (isAlias(node)) return this.alias(node, path)
    if (this.aliased > 0 && ++this.fromAliases > MOST_FROM_ALIASES) return null
    if (node.anchor !== undefined) this.anchors.set(node.anchor, node)
    this.open.add(node)
    const tree = this.value(node, path)
    this.open.delete(node)
    return tree
  }

  private value(node: Node, path: Path): Tree {
    if (!isScalar(node) || node.value !== null || node.source) this.place(path, { value: start(node) })
    if (isScalar(node)) return scalarText(node)
    if (isSeq(node)) return node.items.map((item, i) => this.read(item as Node | null, [...path, i]))
    return isMap(node) ? this.map(node, path) : null
  }

  private map(node: YAMLMap, path: Path): TreeMap {
    const map: TreeMap = Object.create(null)
    for (const pair of node.items) {
      const key = pair.key as Node | null
      const text = isScalar(key) ? scalarText(key) : null
      if (key === null || text === null) this.flaw(key ?? node, path, 'a key must be a plain word')
      else if (text in map)
        this.flaw(
          key,
          [...path, text],
          `the key stands here a second time; first on line ${this.locate([...path, text], 'key').line}`,
        )
      else {
        this.place([...path, text], { key: start(key) })
        map[text] = this.read(pair.value as Node | null, [...path, text])
      }
    }
    return map
  }

  private alias(node: Node & { source: string }, path: Path): Tree {
    const target = this.anchors.get(node.source)
    if (target === undefined) return this.flaw(node, path, `no anchor &${node.source} stands before this alias`)
    if (this.open.has(target)) return this.flaw(node, path, `the alias *${node.source} lies inside what it stands for`)
    this.aliased++
    const tree = this.read(target, path)
    this.aliased--
    if (this.aliased === 0 && this.fromAliases > MOST_FROM_ALIASES) {
      return this.flaw(node, path, `aliases stand for more than ${MOST_FROM_ALIASES} values`)
    }
    return tree
  }

  private place(path: Path, offsets: { key?: number; value?: number }): void {
    this.places.set(name(path), { ...this.places.get(name(path)), ...offsets })
  }

  private flaw(node: Node, path: Path, message: string): null {
    const place = this.position(start(node))
    this.flaws.push({ ...place, path, message })
    return null
  }
}

/** A scalar's own text: numbers and booleans as they were written; null for an empty value, `~` or `null`. */
function scalarText(scalar: Scalar): string | null {
  if (scalar.value === null) return null
  return typeof scalar.value === 'string' ? scalar.value : (scalar.source ?? String(scalar.value))
}

function start(node: Node): number {
  return node.range?.[0] ?? 0
}

function name(path: Path): string {
  return path.join('\u0000')
}
