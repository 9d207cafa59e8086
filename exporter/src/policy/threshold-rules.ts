import type { Tree } from './document.ts'
import { THRESHOLD_ACTIONS } from './policy.ts'
import { found, type Issue, type Path } from './problem.ts'
import { list, text } from './tree.ts'
import { readPercent } from './units.ts'

/** What is wrong with the thresholds of a budget as a whole: their shares rise, and what they do gets more severe. */
export function thresholdIssues(tree: Tree, ladder: Path, pausable: boolean): Issue[] {
  const path = [...ladder, 'thresholds']
  const entries = list(tree, ...path)
  return [...rising(entries, path), ...severer(entries, path, pausable)]
}

function rising(entries: readonly Tree[], path: Path): Issue[] {
  const shares = entries.map((entry) => readPercent(text(entry, 'at') ?? '') ?? null)
  return entries.flatMap((entry, i): Issue[] => {
    const [share, before] = [shares[i] ?? null, i === 0 ? null : (shares[i - 1] ?? null)]
    if (share === null || before === null || share > before) return []
    const [own, last] = [text(entry, 'at'), text(entries[i - 1], 'at')]
    const message =
      share === before
        ? `${found(own)} a second time; expected each share once`
        : `${found(own)} after ${last}; expected shares that rise`
    return [{ path: [...path, i, 'at'], message }]
  })
}

const STOPS = ['block', 'pause']

function severer(entries: readonly Tree[], path: Path, pausable: boolean): Issue[] {
  const actions = entries.map((entry) => text(entry, 'do') ?? '')
  const stop = actions.findIndex((action) => STOPS.includes(action))
  const stopped = stop < 0 ? '' : `${actions[stop]} at ${text(entries[stop], 'at')}`
  const others = THRESHOLD_ACTIONS.filter((action) => action !== 'pause').join(' or ')
  return actions.flatMap((action, i): Issue[] => {
    const message =
      action === 'pause' && !pausable
        ? `found "pause", which only agents can be; expected ${others}`
        : STOPS.includes(action) && i > stop
          ? `${found(action)} after ${stopped}; expected at most one of block and pause`
          : action === 'degrade' && stop >= 0 && i > stop
            ? `found "degrade" after ${stopped}, where no call is left to degrade; expected it before`
            : action === 'degrade' && actions.indexOf('degrade') < i
              ? 'found "degrade" a second time; calls are degraded from the first on'
              : null
    return message === null ? [] : [{ path: [...path, i, 'do'], message }]
  })
}
