/** What a schedule has to do now, decided from what is known of its last run. Pure: the database and the clock are outside. */
import { dueBetween, gapAt, nextDue, type Timing } from './due'

/** What is done about moments that passed while nobody was there, or while the run before was still under way. */
export type MissedRule = 'skip' | 'run_once'

export interface ScheduleTiming extends Timing {
  name: string
  missed: MissedRule
}

export interface LastRun {
  /** The moment that was handled last. */
  dueAt: number
  /** 0 if it never ran. */
  startedAt: number
  endedAt: number | null
  leaseUntil: number
  outcome: string | null
  error: string | null
}

export type Turn =
  | { act: 'wait'; until: number }
  | { act: 'run'; dueAt: number }
  | { act: 'pass over'; dueAt: number }
  | { act: 'start anew'; dueAt: number }

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** A copy that is at a run says so again long before this has passed. */
export const LEASE_MS = MINUTE_MS
/** A run that begins within this time of its moment is on time and missed nothing. */
const ON_TIME_MS = MINUTE_MS
/** How soon it is looked again whether another copy has ended its run. */
const BUSY_MS = 5_000

export function turnOf(schedule: ScheduleTiming, last: LastRun, now: number): Turn {
  if (isAstray(schedule, last, now)) return { act: 'start anew', dueAt: now }
  if (isHeld(last, now)) return { act: 'wait', until: now + BUSY_MS }
  const after = handledUntil(schedule, last, now)
  const dueAt = dueBetween(schedule, after, now)
  if (dueAt === undefined) return { act: 'wait', until: nextDue(schedule, after) ?? Number.POSITIVE_INFINITY }
  if (schedule.missed === 'skip' && now - dueAt > ON_TIME_MS) return { act: 'pass over', dueAt }
  return { act: 'run', dueAt }
}

/** Whether turns follow each other so closely that what is noted of them is noted together. */
export function isFrequent(timing: Timing, around: number): boolean {
  return gapAt(timing, around) < MINUTE_MS
}

/** A lease that ends further ahead than any is given comes from a clock that was wrong. */
export function isHeld({ leaseUntil }: Pick<LastRun, 'leaseUntil'>, now: number): boolean {
  return leaseUntil > now && leaseUntil - now <= 2 * LEASE_MS
}

/**
 * Whether the last moment lies too far ahead to wait for. A clock that was set back runs no moment a second time: the
 * schedule waits for the one after the last, for a day or one gap between two moments at the most (an hour where they
 * come within a minute). What lies further ahead is the trace of a clock that was wrong, and says nothing.
 */
function isAstray(schedule: ScheduleTiming, { dueAt }: LastRun, now: number): boolean {
  if (dueAt - now <= HOUR_MS) return false
  const gap = gapAt(schedule, now)
  return dueAt - now > (gap < MINUTE_MS ? HOUR_MS : Number.isFinite(gap) ? Math.max(DAY_MS, gap) : DAY_MS)
}

/** With the rule `skip`, moments that came while a run was under way are passed over as well. */
function handledUntil({ missed }: ScheduleTiming, { dueAt, endedAt }: LastRun, now: number): number {
  return missed === 'skip' && endedAt !== null && endedAt <= now ? Math.max(dueAt, endedAt) : dueAt
}
