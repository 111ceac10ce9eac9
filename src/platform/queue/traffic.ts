/**
 * Whether people are waiting for answers in numbers. Work that nobody waits for then takes a tenth of the time and leaves
 * the rest: what it puts off stays in the database and is done when it is quieter.
 */
export interface Traffic {
  /** A request came in. */
  note(): void
  busy(): boolean
  /** How long others go first, in milliseconds, after work that took so long. */
  restAfter(workMs: number): number
}

/** Fewer requests a second than this leave room enough for everything. */
const BUSY_PER_SECOND = 200
const WINDOW_MS = 250
const REST_FACTOR = 9
const LONGEST_REST_MS = 1_000

export function createTraffic(now: () => number = () => performance.now()): Traffic {
  let count = 0
  let since = now()
  let perSecond = 0

  function busy(): boolean {
    const passed = now() - since
    if (passed >= WINDOW_MS) {
      perSecond = (count * 1000) / passed
      count = 0
      since = now()
    }
    return perSecond > BUSY_PER_SECOND || count > (BUSY_PER_SECOND * WINDOW_MS) / 1000
  }

  return {
    note() {
      count += 1
    },
    busy,
    restAfter: (workMs) => (busy() ? Math.min(LONGEST_REST_MS, workMs * REST_FACTOR) : 0),
  }
}

/** Nobody waits for anything. */
export const noTraffic: Traffic = { note() {}, busy: () => false, restAfter: () => 0 }
