/** Work that goes behind people who wait: it is begun in batches, with a rest after each while there is traffic. */
import type { Traffic } from './traffic'

export interface Patience {
  /** Milliseconds until a batch under this name may begin; 0: now. */
  restOf(name: string): number
  began(name: string): void
  ended(name: string): void
}

interface Batch {
  underWay: number
  since: number
  restUntil: number
}

/** While a batch is under way nobody knows how long its rest will be. */
const LOOK_AGAIN_MS = 50

export function createPatience(traffic: Traffic, now: () => number = () => performance.now()): Patience {
  const batches = new Map<string, Batch>()

  function batchOf(name: string): Batch {
    const known = batches.get(name) ?? { underWay: 0, since: 0, restUntil: 0 }
    batches.set(name, known)
    return known
  }

  return {
    restOf(name) {
      const { underWay, restUntil } = batchOf(name)
      if (underWay > 0) return traffic.busy() ? LOOK_AGAIN_MS : 0
      return Math.max(0, restUntil - now())
    },
    began(name) {
      const batch = batchOf(name)
      if (batch.underWay === 0) batch.since = now()
      batch.underWay += 1
    },
    ended(name) {
      const batch = batchOf(name)
      batch.underWay -= 1
      if (batch.underWay === 0) batch.restUntil = now() + traffic.restAfter(now() - batch.since)
    },
  }
}
