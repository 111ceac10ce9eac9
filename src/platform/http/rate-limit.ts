/**
 * Fixed windows of 60 s, counted in memory, in counters of their own for each class of caller. A caller that has used
 * up its window is told when the next begins. Each copy of the process counts for itself.
 */
import type { Clock } from '../ids'
import { httpProblem } from './problem'

export interface Allowance {
  allowed: boolean
  limit: number
  remaining: number
  /** Seconds until the window ends. */
  resetS: number
  /** The first one of this window that is too much. */
  firstRefused: boolean
}

export interface RateLimiter {
  take(key: string, limit: number): Allowance
  /** Whether the limit was reached in this window; counts nothing. */
  isSpent(key: string, limit: number): boolean
}

const WINDOW_MS = 60_000
/** Above this many callers in a window, counters of past windows are dropped at once. */
const SWEEP_AT = 50_000

interface Window {
  endsAt: number
  used: number
}

export function createRateLimiter(clock: Clock): RateLimiter {
  const windows = new Map<string, Window>()

  function sweep(now: number): void {
    for (const [key, { endsAt }] of windows) if (endsAt <= now) windows.delete(key)
  }

  return {
    isSpent(key, limit) {
      const window = windows.get(key)
      return window !== undefined && window.endsAt > clock() && window.used >= limit
    },

    take(key, limit) {
      const now = clock()
      let window = windows.get(key)
      if (!window || window.endsAt <= now) {
        if (windows.size >= SWEEP_AT) sweep(now)
        window = { endsAt: now + WINDOW_MS, used: 0 }
        windows.set(key, window)
      }
      window.used += 1
      return {
        allowed: window.used <= limit,
        limit,
        remaining: Math.max(0, limit - window.used),
        resetS: Math.max(1, Math.ceil((window.endsAt - now) / 1000)),
        firstRefused: window.used === limit + 1,
      }
    },
  }
}

/** Counts one request, says in the answer's headers what is left, and refuses what is too much. */
export function takeOrRefuse(limiter: RateLimiter, key: string, limit: number, headers: Record<string, string>): void {
  const allowance = limiter.take(key, limit)
  headers['ratelimit-limit'] = String(limit)
  headers['ratelimit-remaining'] = String(allowance.remaining)
  headers['ratelimit-reset'] = String(allowance.resetS)
  refuseTooMuch(allowance)
}

/**
 * Counts one try at a password, a code or another factor; its counter is nobody else's, and no header tells of it.
 * `reached` is called once a window, when the limit is first met.
 */
export function takeForFactor(limiter: RateLimiter, key: string, limit: number, reached?: () => void): void {
  const allowance = limiter.take(key, limit)
  if (allowance.firstRefused) reached?.()
  refuseTooMuch(allowance)
}

function refuseTooMuch({ allowed, resetS }: Allowance): void {
  if (allowed) return
  const headers = { 'retry-after': String(resetS) }
  throw httpProblem('rate_limited', `Too many requests: wait ${resetS} s.`, { retryAfter: resetS }, headers)
}
