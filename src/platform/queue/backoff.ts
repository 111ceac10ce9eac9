/** How long a failure rests before it is tried again. */
import type { Runtime } from '../runtime'

export interface Backoff {
  firstMs: number
  longestMs: number
  random: Runtime['random']
}

/** Doubles with each try, and is spread over half its length so that failures do not come back together. */
export function backoff(attempt: number, { firstMs, longestMs, random }: Backoff): number {
  const whole = Math.min(longestMs, firstMs * 2 ** (attempt - 1))
  const spread = (random(1)[0] ?? 0) / 255
  return Math.round(whole / 2 + (whole / 2) * spread)
}
