import { expect, test } from 'vitest'
import { readDataset } from './dataset.ts'

test('the data set is read whole: 19,366 requests with the published token totals and a mean gap of one', () => {
  const data = readDataset()
  expect(data.size).toBe(19_366)
  expect([data.input[0], data.output[0]]).toEqual([374, 44])
  expect(data.input.reduce((sum, tokens) => sum + tokens, 0) / data.size).toBeCloseTo(1154.697, 3)
  expect(data.output.reduce((sum, tokens) => sum + tokens, 0) / data.size).toBeCloseTo(211.126, 3)
  const gaps = data.gap.subarray(1)
  expect(gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length).toBeCloseTo(1, 6)
  expect(gaps.every((gap) => gap >= 0)).toBe(true)
})
