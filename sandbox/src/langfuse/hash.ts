const PRIME_1 = 0x9e3779b1
const PRIME_2 = 0x85ebca77
const PRIME_3 = 0xc2b2ae3d
const PRIME_4 = 0x27d4eb2f
const PRIME_5 = 0x165667b1

/** xxHash32 of a text's UTF-8 with seed 0 (Yann Collet's specification), by which Langfuse orders rows of one moment. */
export function xxHash32(text: string): number {
  const bytes = Buffer.from(text)
  const length = bytes.length
  let at = 0
  let hash = PRIME_5
  if (length >= 16) {
    const lanes = [(PRIME_1 + PRIME_2) | 0, PRIME_2, 0, -PRIME_1 | 0]
    for (; at + 16 <= length; at += 16)
      for (let lane = 0; lane < 4; lane++) lanes[lane] = round(lanes[lane] ?? 0, bytes.readUInt32LE(at + lane * 4))
    hash = [1, 7, 12, 18].reduce((sum, turn, lane) => (sum + turned(lanes[lane] ?? 0, turn)) | 0, 0)
  }
  hash = (hash + length) | 0
  for (; at + 4 <= length; at += 4)
    hash = Math.imul(turned((hash + Math.imul(bytes.readUInt32LE(at), PRIME_3)) | 0, 17), PRIME_4)
  for (; at < length; at++) hash = Math.imul(turned((hash + Math.imul(bytes[at] ?? 0, PRIME_5)) | 0, 11), PRIME_1)
  hash = Math.imul(hash ^ (hash >>> 15), PRIME_2)
  hash = Math.imul(hash ^ (hash >>> 13), PRIME_3)
  return (hash ^ (hash >>> 16)) >>> 0
}

function round(lane: number, word: number): number {
  return Math.imul(turned((lane + Math.imul(word, PRIME_2)) | 0, 13), PRIME_1)
}

function turned(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by))
}
