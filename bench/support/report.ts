/** One measurement, as `npm run bench` prints it: a JSON line. */
export interface Measurement {
  name: string
  value: number
  unit: string
  /** What it is held against in the same run. */
  peer: string
  peer_value: number
  /** `value / peer_value`; what is asked of it stands in `goal`. */
  ratio: number
  goal: string
  [detail: string]: unknown
}

const rounded = (value: number) => Number(value.toPrecision(4))

export function report({ value, peer_value, ratio, ...rest }: Measurement): void {
  const { name, unit, peer, goal, ...details } = rest
  const numbers = Object.fromEntries(
    Object.entries(details).map(([key, each]) => [key, typeof each === 'number' ? rounded(each) : each]),
  )
  console.log(
    JSON.stringify({
      name,
      value: rounded(value),
      unit,
      peer,
      peer_value: rounded(peer_value),
      ratio: rounded(ratio),
      goal,
      ...numbers,
    }),
  )
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}
