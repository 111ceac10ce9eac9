/** Work that goes behind people who wait: it is begun in batches, with a rest after each while there is traffic. */
import type { Traffic } from './traffic'

export interface Patience {
  /** Whether others go before a batch under this name; `again` is called when it may begin, for the first who asked. */
  rests(name: string, again: () => void): boolean
  began(name: string): void
  ended(name: string): void
  /** Nobody is called any more. */
  end(): void
}

interface Batch {
  underWay: number
  since: number
  restUntil: number
}

/** What passes, and what comes when it has. */
export interface Pause {
  now(): number
  /** Answers how to call it off. */
  after(ms: number, then: () => void): () => void
}

/** While a batch is under way nobody knows how long its rest will be. */
const LOOK_AGAIN_MS = 50
/** What is still under way then waits for somebody else’s answer, and holds up no batch after it. */
const LONGEST_BATCH_MS = 1_000

const realPause: Pause = {
  now: () => performance.now(),
  after(ms, then) {
    const timer = setTimeout(then, ms)
    return () => clearTimeout(timer)
  },
}

export function createPatience(traffic: Traffic, { now, after }: Pause = realPause): Patience {
  const batches = new Map<string, Batch>()
  /** How each rest is called off. */
  const resting = new Map<string, () => void>()

  function batchOf(name: string): Batch {
    const known = batches.get(name) ?? { underWay: 0, since: 0, restUntil: 0 }
    batches.set(name, known)
    return known
  }

  function restOf(name: string): number {
    const { underWay, since, restUntil } = batchOf(name)
    if (underWay === 0) return Math.max(0, restUntil - now())
    if (!traffic.busy()) return 0
    if (now() < since + LONGEST_BATCH_MS) return LOOK_AGAIN_MS
    return Math.max(0, since + LONGEST_BATCH_MS + traffic.restAfter(LONGEST_BATCH_MS) - now())
  }

  return {
    rests(name, again) {
      const restMs = restOf(name)
      if (restMs === 0) return false
      if (resting.has(name)) return true
      const callOff = after(restMs, () => {
        resting.delete(name)
        again()
      })
      resting.set(name, callOff)
      return true
    },
    began(name) {
      const batch = batchOf(name)
      if (batch.underWay === 0 || now() >= batch.since + LONGEST_BATCH_MS) batch.since = now()
      batch.underWay += 1
    },
    ended(name) {
      const batch = batchOf(name)
      batch.underWay -= 1
      if (batch.underWay === 0) batch.restUntil = now() + traffic.restAfter(now() - batch.since)
    },
    end() {
      for (const callOff of resting.values()) callOff()
      resting.clear()
    },
  }
}
