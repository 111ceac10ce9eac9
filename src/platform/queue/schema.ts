/** The durable queue: what is still to be done. A finished row is deleted; one that failed for good is kept as dead. */
import { sql } from 'drizzle-orm'
import { index, int, json, serial, table, text, time, uniqueIndex } from '../db/dialect'

export const work = table(
  'work',
  {
    id: serial('id'),
    /** Who does it: `event:<subscriber>` or `job:<name>`. */
    kind: text('kind').notNull(),
    /** Work of one kind with the same key is done in the order it came. */
    orderingKey: text('ordering_key'),
    /** Work that was put in twice under one key is done once. */
    uniqueKey: text('unique_key'),
    payload: json('payload').notNull(),
    /** `waiting` or `dead`. */
    state: text('state').notNull(),
    attempts: int('attempts').notNull(),
    dueAt: time('due_at').notNull(),
    /** Until then a copy of the process is at it; afterwards anybody may take it. */
    leaseUntil: time('lease_until').notNull(),
    lastError: text('last_error'),
    createdAt: time('created_at').notNull(),
  },
  // Work is put in for most of what happens, so a row is only in the indexes that it has something to say to. A query
  // uses one that is partial if it states its condition in the same words, and not as a parameter.
  (t) => [
    uniqueIndex('work_unique_key').on(t.kind, t.uniqueKey).where(sql`unique_key is not null`),
    index('work_due').on(t.kind, t.dueAt).where(sql`state = 'waiting'`),
    index('work_order').on(t.kind, t.orderingKey, t.id).where(sql`ordering_key is not null`),
    index('work_dead').on(t.id).where(sql`state = 'dead'`),
  ],
)
