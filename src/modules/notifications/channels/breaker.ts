/**
 * A circuit breaker (M. Nygard, "Release It!"): after five failures in a row a provider is left alone for a while, which
 * doubles with each failed trial; then one message is let through to see. Only what says something of the provider's
 * health counts, and only of messages that were begun since it was last left alone: thirty that were under way together
 * fail of one cause. A provider that names a moment (`Retry-After`) is left alone until then.
 */
import type { Clock } from '../../../platform/ids'

export type BreakerState = 'closed' | 'open' | 'half_open'

/** One message at the provider. */
export interface Ticket {
  readonly epoch: number
  readonly isTrial: boolean
}

export interface Breaker {
  /** Whether a message may be sent now; one only while it is half open. */
  allows(): boolean
  enter(): Ticket | undefined
  succeeded(ticket: Ticket): void
  failed(ticket: Ticket, retryAfterMs?: number): void
  /** It ended without telling anything of the provider. */
  release(ticket: Ticket): void
  state(): BreakerState
  /** For how long no message may be sent, in milliseconds; 0 if one may now. */
  restMs(): number
}

const FAILURES_TO_OPEN = 5
const FIRST_PAUSE_MS = 30_000
const LONGEST_PAUSE_MS = 5 * 60_000
/** While a trial is under way nobody knows how it ends. */
const TRIAL_MS = 1_000

export function createBreaker(clock: Clock): Breaker {
  /** Counts how often it was left alone: what was begun before says nothing any more. */
  let epoch = 0
  let failures = 0
  let pauses = 0
  let trial = false
  let openedAt = 0
  let openForMs = 0

  function isOpen(): boolean {
    if (openForMs === 0) return false
    // A clock that was put back must not leave it alone for as long as it was put back.
    openedAt = Math.min(openedAt, clock())
    return clock() < openedAt + openForMs
  }

  function leaveAlone(forMs: number): void {
    const already = isOpen() ? openedAt + openForMs - clock() : 0
    epoch += 1
    trial = false
    openedAt = clock()
    openForMs = Math.max(already, forMs)
  }

  const isTrying = () => !isOpen() && pauses > 0
  const allows = () => !isOpen() && !(isTrying() && trial)

  return {
    allows,
    enter() {
      if (!allows()) return undefined
      const isTrial = isTrying()
      if (isTrial) trial = true
      return { epoch, isTrial }
    },
    succeeded(ticket) {
      if (ticket.epoch !== epoch) return
      failures = 0
      pauses = 0
      openForMs = 0
      trial = false
    },
    failed(ticket, retryAfterMs) {
      const isStale = ticket.epoch !== epoch
      if (retryAfterMs !== undefined) leaveAlone(retryAfterMs)
      if (isStale) return
      if (ticket.isTrial) trial = false
      failures += 1
      if (failures < FAILURES_TO_OPEN && pauses === 0) return
      leaveAlone(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** pauses))
      pauses += 1
    },
    release(ticket) {
      if (ticket.isTrial && ticket.epoch === epoch) trial = false
    },
    restMs: () => (isOpen() ? openedAt + openForMs - clock() : allows() ? 0 : TRIAL_MS),
    state: () => (isOpen() ? 'open' : isTrying() ? 'half_open' : 'closed'),
  }
}
