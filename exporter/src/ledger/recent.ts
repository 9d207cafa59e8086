/**
 * A compact set of 32-bit words that answers "surely not there" at once. A hit must be looked up in the ledger: with a
 * million keys one in four thousand new ones is a false alarm. 8–16 bytes a key.
 */
export interface RecentKeys {
  has(word: number): boolean
  add(word: number): void
  readonly size: number
}

export function createRecentKeys(expected = 0): RecentKeys {
  let slots = new Uint32Array(capacityFor(expected))
  let size = 0
  // 0 marks an empty slot, so a word of 0 is kept as 1: one more false alarm in four thousand million.
  const place = (table: Uint32Array, word: number): number => {
    const mask = table.length - 1
    let index = (Math.imul(word, 0x9e3779b1) >>> 0) & mask
    while (table[index] !== 0 && table[index] !== word) index = (index + 1) & mask
    return index
  }
  const grow = () => {
    const larger = new Uint32Array(slots.length * 2)
    for (const word of slots) if (word !== 0) larger[place(larger, word)] = word
    slots = larger
  }
  return {
    has: (word) => slots[place(slots, word >>> 0 || 1)] !== 0,
    add: (word) => {
      const mark = word >>> 0 || 1
      const index = place(slots, mark)
      if (slots[index] !== 0) return
      slots[index] = mark
      if (++size * 2 > slots.length) grow()
    },
    get size() {
      return size
    },
  }
}

function capacityFor(expected: number): number {
  let capacity = 1024
  while (capacity < expected * 2) capacity *= 2
  return capacity
}
