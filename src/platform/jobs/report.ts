/** What an operator sees of schedules: from the database, so that it is the same beside a serving process. */
import type { Db } from '../db'
import { nextDue } from './due'
import { lastRuns } from './runs'
import { isFrequent, isHeld, type LastRun, LEASE_MS, type MissedRule, type ScheduleTiming } from './turn'

export type LastOutcome = 'done' | 'failed' | 'under_way' | 'interrupted'

export interface ScheduleReport {
  name: string
  pattern: string
  timeZone: string
  missed: MissedRule
  /** When it began last; nothing if it never has. */
  lastStartedAt: number | null
  lastEndedAt: number | null
  lastOutcome: LastOutcome | null
  error: string | null
  nextAt: number | null
}

export async function reportSchedules(
  db: Db,
  schedules: readonly ScheduleTiming[],
  now: number,
): Promise<ScheduleReport[]> {
  const runs = await lastRuns(db)
  return schedules.map((schedule) => reportOf(schedule, runs.get(schedule.name), now))
}

function reportOf(schedule: ScheduleTiming, last: LastRun | undefined, now: number): ScheduleReport {
  const { name, pattern, timeZone = 'UTC', missed } = schedule
  const ran = last !== undefined && last.startedAt > 0
  const lastOutcome = ran ? outcomeOf(schedule, last, now) : null
  const ended = (lastOutcome === 'done' || lastOutcome === 'failed') && (last?.endedAt ?? 0) >= (last?.startedAt ?? 0)
  return {
    name,
    pattern,
    timeZone,
    missed,
    lastStartedAt: ran ? last.startedAt : null,
    lastEndedAt: ended ? (last?.endedAt ?? null) : null,
    lastOutcome,
    error: lastOutcome === 'failed' ? (last?.error ?? null) : null,
    nextAt: nextDue(schedule, now) ?? null,
  }
}

/** The end of a frequent run is noted with the next one, so for a while it is only known how the one before went. */
function outcomeOf(schedule: ScheduleTiming, last: LastRun, now: number): LastOutcome {
  const held = isHeld(last, now)
  const ended = last.endedAt !== null && last.leaseUntil === 0
  const unnoted = isFrequent(schedule, now) && !(held && now - last.startedAt > LEASE_MS)
  if (last.outcome !== null && (ended || unnoted)) return last.outcome as LastOutcome
  return held ? 'under_way' : 'interrupted'
}
