/** How many series a page of metrics has. */
export function seriesOf(page: string): number {
  return page.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length
}

/** The sum of a counter's series whose labels hold a text. */
export function total(page: string, name: string, label = ''): number {
  let sum = 0
  for (const line of page.split('\n')) {
    if (line.startsWith(`${name}{`) && line.includes(label)) sum += Number(line.slice(line.lastIndexOf(' ')))
  }
  return sum
}
