/** The outbox: what has happened, written in the transaction in which it happened. Ids only, no personal data. */
import { sql } from 'drizzle-orm'
import { index, int, json, serial, table, text, time } from '../db/dialect'

export const events = table(
  'events',
  {
    id: serial('id'),
    type: text('type').notNull(),
    /** Events of one key reach a subscriber in order. */
    key: text('key').notNull(),
    payload: json('payload').notNull(),
    at: time('at').notNull(),
    /** While its deliveries are not in the queue yet: 1 goes before 2. */
    lane: int('lane'),
  },
  (t) => [index('events_lane').on(t.lane, t.id).where(sql`lane is not null`)],
)
