/** When each schedule last began, so that several copies on one database run it once, and a restart misses none. */
import { table, text, time } from '../db/dialect'

export const scheduleRuns = table('schedule_runs', {
  name: text('name').primaryKey(),
  startedAt: time('started_at').notNull(),
})
