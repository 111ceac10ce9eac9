/** How many messages a second a provider is given: a token bucket, refilled by the clock. */
import type { Clock } from '../../../platform/ids'

export interface Pace {
  /** How many may go now. */
  allowance(): number
  spend(): void
}

export const unlimited: Pace = { allowance: () => Number.POSITIVE_INFINITY, spend() {} }

/** One second's worth may go at once. */
export function createPace(clock: Clock, perSecond: number): Pace {
  const most = Math.max(1, perSecond)
  let tokens = most
  let at = clock()

  function refill(): void {
    const now = clock()
    // A clock that was set back gives nothing and takes nothing.
    tokens = Math.min(most, tokens + (Math.max(0, now - at) / 1000) * perSecond)
    at = now
  }

  return {
    allowance() {
      refill()
      return Math.floor(tokens)
    },
    spend() {
      tokens -= 1
    },
  }
}
