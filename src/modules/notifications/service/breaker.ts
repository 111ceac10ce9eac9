/**
 * A circuit breaker (M. Nygard, "Release It!"): after five failures in a row a provider is left alone for a while, which
 * doubles with each failed trial; then one message is let through to see. Only what says something of the provider's
 * health counts. A provider that names a moment (`Retry-After`) is left alone until then.
 */
import type { Clock } from '../../../platform/ids'

export type BreakerState = 'closed' | 'open' | 'half_open'

export interface Breaker {
  /** Whether a message may be sent now; true for one only while it is half open. */
  allows(): boolean
  /** Asks and, if it is half open, takes the one trial. */
  enter(): boolean
  succeeded(): void
  failed(retryAfterMs?: number): void
  /** The trial ended without telling anything of the provider. */
  release(): void
  state(): BreakerState
  /** When the next message may be let through. */
  opensAt(): number
}

const FAILURES_TO_OPEN = 5
const FIRST_PAUSE_MS = 30_000
const LONGEST_PAUSE_MS = 5 * 60_000

export function createBreaker(clock: Clock): Breaker {
  let failures = 0
  let pauses = 0
  let closedUntil = 0
  let trial = false

  const isOpen = () => closedUntil > clock()
  const isTrying = () => !isOpen() && pauses > 0
  const allows = () => !isOpen() && !(isTrying() && trial)

  return {
    allows,
    enter() {
      if (!allows()) return false
      if (isTrying()) trial = true
      return true
    },
    succeeded() {
      failures = 0
      pauses = 0
      closedUntil = 0
      trial = false
    },
    failed(retryAfterMs) {
      trial = false
      failures += 1
      if (retryAfterMs !== undefined) closedUntil = Math.max(closedUntil, clock() + retryAfterMs)
      if (failures < FAILURES_TO_OPEN && pauses === 0) return
      closedUntil = Math.max(closedUntil, clock() + Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** pauses))
      pauses += 1
    },
    release() {
      trial = false
    },
    state: () => (isOpen() ? 'open' : isTrying() ? 'half_open' : 'closed'),
    opensAt: () => closedUntil,
  }
}
