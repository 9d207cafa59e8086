/** A bounded place for values that are found by a key, and thrown out by the subjects that they speak of. */
export interface Shelf<T> {
  /** The value, which counts as used then. */
  get(key: string): T | undefined
  /** Keeps a value; when the shelf is full, the one that was not used for the longest time goes. */
  set(key: string, value: T, subjects: readonly string[]): void
  delete(key: string): void
  /** Throws out each value that speaks of a subject. Its time grows with what it throws out, not with what is kept. */
  forget(subject: string): void
  clear(): void
  readonly size: number
}

interface Kept<T> {
  readonly value: T
  readonly subjects: readonly string[]
}

export function createShelf<T>(capacity: number): Shelf<T> {
  // A Map keeps the order of insertion: the first key is the one that was not used for the longest time.
  const kept = new Map<string, Kept<T>>()
  const bySubject = new Map<string, Set<string>>()
  const remove = (key: string) => {
    const found = kept.get(key)
    if (found === undefined) return
    kept.delete(key)
    for (const subject of found.subjects) {
      const keys = bySubject.get(subject)
      keys?.delete(key)
      if (keys?.size === 0) bySubject.delete(subject)
    }
  }
  return {
    get(key) {
      const found = kept.get(key)
      if (found === undefined) return undefined
      kept.delete(key)
      kept.set(key, found)
      return found.value
    },
    set(key, value, subjects) {
      remove(key)
      kept.set(key, { value, subjects })
      for (const subject of subjects) {
        const keys = bySubject.get(subject) ?? new Set()
        bySubject.set(subject, keys.add(key))
      }
      const [oldest] = kept.keys()
      if (kept.size > capacity && oldest !== undefined) remove(oldest)
    },
    delete: remove,
    forget(subject) {
      for (const key of [...(bySubject.get(subject) ?? [])]) remove(key)
    },
    clear() {
      kept.clear()
      bySubject.clear()
    },
    get size() {
      return kept.size
    },
  }
}
