/** Things to be done at their times, by one timer. */
export interface Agenda {
  /** Does `what` once the clock shows `time`. */
  at(time: number, what: () => void): void
  /** Forgets everything. */
  clear(): void
}

interface Entry {
  readonly time: number
  /** Of two at the same time, the one that was noted first comes first. */
  readonly order: number
  readonly what: () => void
}

/** @param now epoch milliseconds; a clock that runs on by itself */
export function createAgenda(now: () => number): Agenda {
  const heap: Entry[] = []
  let order = 0
  let timer: NodeJS.Timeout | null = null
  let wakesAt = Number.POSITIVE_INFINITY

  const wake = (): void => {
    timer = null
    wakesAt = Number.POSITIVE_INFINITY
    for (let next = heap[0]; next && next.time <= now(); next = heap[0]) {
      takeFirst(heap)
      next.what()
    }
    arm()
  }
  const arm = (): void => {
    const first = heap[0]
    if (!first || first.time >= wakesAt) return
    if (timer) clearTimeout(timer)
    wakesAt = first.time
    timer = setTimeout(wake, Math.max(1, first.time - now()))
  }
  return {
    at(time, what) {
      put(heap, { time, order: order++, what })
      arm()
    },
    clear() {
      heap.length = 0
      if (timer) clearTimeout(timer)
      timer = null
      wakesAt = Number.POSITIVE_INFINITY
    },
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order)
}

function put(heap: Entry[], entry: Entry): void {
  let index = heap.length
  heap.push(entry)
  while (index > 0) {
    const above = (index - 1) >> 1
    const parent = heap[above] as Entry
    if (isBefore(parent, entry)) break
    heap[index] = parent
    index = above
  }
  heap[index] = entry
}

function takeFirst(heap: Entry[]): void {
  const last = heap.pop()
  if (!last || heap.length === 0) return
  let index = 0
  for (;;) {
    let below = 2 * index + 1
    const left = heap[below]
    if (!left) break
    const right = heap[below + 1]
    if (right && isBefore(right, left)) below += 1
    const child = heap[below] as Entry
    if (!isBefore(child, last)) break
    heap[index] = child
    index = below
  }
  heap[index] = last
}
