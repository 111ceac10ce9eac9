/**
 * Which moment of each schedule was handled last, and how its last run went: so that several copies run a moment once,
 * and what was missed is known. The end of a run is noted beside the begin of the next where turns follow each other
 * within a minute, so it may belong to the run before.
 */
import { table, text, time } from '../db/dialect'

export const scheduleRuns = table('schedule_runs', {
  name: text('name').primaryKey(),
  /** The moment that was handled last, or from which on moments count. */
  dueAt: time('due_at').notNull().default(0),
  /** When it last began; 0 if it never has. */
  startedAt: time('started_at').notNull(),
  endedAt: time('ended_at'),
  /** Until then a copy of the process is at it; afterwards that copy is held to be dead. */
  leaseUntil: time('lease_until').notNull().default(0),
  /** `done` or `failed`. */
  outcome: text('outcome'),
  error: text('error'),
})
