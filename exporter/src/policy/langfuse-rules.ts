import type { Tree } from './document.ts'
import { found, type Issue } from './problem.ts'
import { list, map, span, text } from './tree.ts'

/** What of `sources.langfuse` no single value shows: projects that are named or read twice, and times that do not fit together. */
export function langfuseIssues(tree: Tree): Issue[] {
  const projects = list(tree, 'sources', 'langfuse')
  return projects.flatMap((project, i) => [...twice(projects, project, i), ...times(tree, i)])
}

function twice(projects: readonly Tree[], project: Tree, i: number): Issue[] {
  const issues: Issue[] = []
  const path = ['sources', 'langfuse', i]
  const earlier = projects.slice(0, i)
  const name = text(project, 'name')
  if (name !== null && earlier.some((other) => text(other, 'name') === name)) {
    const message = `${found(name)} a second time, expected a name of its own for each project`
    issues.push({ path: [...path, 'name'], message })
  }
  const same = (key: string) => (other: Tree) =>
    text(project, key) !== null &&
    text(other, key) === text(project, key) &&
    text(other, 'url') === text(project, 'url')
  if (earlier.some(same('secret_key'))) {
    const message =
      'the same key as of a project above it, expected the key pair of another project: it would be read twice'
    issues.push({ path: [...path, 'secret_key'], message })
  }
  if (earlier.some(same('admin_key'))) {
    const message = 'the same server as of a project above it, expected it once: its queues would be counted twice'
    issues.push({ path: [...path, 'admin_key'], message })
  }
  return issues
}

/** A row that leaves the window is not looked at again, and one whose second report cannot be told from a new one counts twice. */
function times(tree: Tree, i: number): Issue[] {
  const path = ['sources', 'langfuse', i]
  const [window, settle, every] = ['window', 'settle', 'every'].map((key) => span(tree, ...path, key))
  const dedupe = span(map(tree, 'ledger'), 'dedupe_window')
  if (!window || !settle || !every) return []
  const issues: Issue[] = []
  if (window.ms < settle.ms + every.ms) {
    const message = `${found(window.text)}, expected at least settle (${settle.text}) and every (${every.text}) together: a call would leave the window before it counts`
    issues.push({ path: [...path, 'window'], message })
  }
  if (dedupe && dedupe.ms < window.ms + every.ms) {
    const message = `${found(window.text)}, expected at most ledger.dedupe_window (${dedupe.text}) without every (${every.text}): a row that is read twice would be recorded twice`
    issues.push({ path: [...path, 'window'], message })
  }
  return issues
}
