/** Which deliveries are due, and taking them by lease: the queries of the dispatcher. */
import {
  aliasedTable,
  and,
  asc,
  eq,
  inArray,
  isNotNull,
  lt,
  lte,
  ne,
  notExists,
  notInArray,
  or,
  sql,
} from 'drizzle-orm'
import type { Db, Tx } from '../../../platform/db'
import { forUpdate } from '../../../platform/db/dialect'
import type { Runtime } from '../../../platform/runtime'
import type { Medium } from '../channels/channel'
import { deliveries, notifications } from '../schema'
import type { DeliveryRow, NotificationRow } from './outbox'

export interface Taken {
  delivery: DeliveryRow
  notification: NotificationRow
  /** Its process ended while it was under way. */
  interrupted: boolean
}

export interface Taking {
  /** Takes what is due of the lanes, the first of them first. `held` is under way here, whatever its lease says. */
  take(medium: Medium, lanes: readonly number[], limit: number, held: ReadonlySet<string>): Promise<Taken[]>
  /** Takes the others of the sort that are gathered for the same person. */
  takeGathered(first: Taken, held: ReadonlySet<string>): Promise<Taken[]>
  renew(held: ReadonlySet<string>): Promise<void>
  /** Nobody else has the file of SQLite: what a process that died had under way is free. */
  release(): Promise<void>
  /** Those whose time is over. */
  over(db: Db, limit: number): Promise<Taken[]>
  /** Those of media that nobody here can use any more. */
  stranded(db: Db, media: readonly Medium[], limit: number): Promise<Taken[]>
  /** Ids of those that have waited long enough for the next step to begin. */
  fallingBack(db: Db): Promise<string[]>
}

export const LEASE_MS = 90_000
const DIGEST_AT_ONCE = 50
const FALLING_BACK_AT_ONCE = 200
/** A lease that has run out, and was one. */
const INTERRUPTED = 1

/** In the words of the partial index: a parameter would not let it be used. */
const isWaiting = eq(deliveries.state, sql`'waiting'`)

export function createTaking({ store, clock }: Runtime): Taking {
  const isFree = () => and(isWaiting, lte(deliveries.dueAt, clock()), lte(deliveries.leaseUntil, clock()))

  /** Of what is gathered for a person the first stands for all: it takes the others along. */
  function standsForItself(db: Db) {
    const earlier = aliasedTable(deliveries, 'earlier')
    return or(
      eq(deliveries.digest, false),
      notExists(
        db
          .select({ one: sql`1` })
          .from(earlier)
          .where(
            and(
              sql`${earlier.digest} and ${earlier.state} = 'waiting'`,
              eq(earlier.recipient, deliveries.recipient),
              eq(earlier.medium, deliveries.medium),
              lt(earlier.id, deliveries.id),
              lte(earlier.dueAt, clock()),
            ),
          ),
      ),
    )
  }

  const due = (db: Db, medium: Medium, lanes: readonly number[], limit: number) =>
    db
      .select({ id: deliveries.id })
      .from(deliveries)
      .where(and(eq(deliveries.medium, medium), inArray(deliveries.lane, [...lanes]), isFree(), standsForItself(db)))
      .orderBy(asc(deliveries.lane), asc(deliveries.dueAt))
      .limit(limit)

  const withNotification = (db: Db) =>
    db
      .select({ delivery: deliveries, notification: notifications })
      .from(deliveries)
      .innerJoin(notifications, eq(notifications.id, deliveries.notificationId))

  async function lease(tx: Tx, ids: string[]): Promise<Taken[]> {
    if (ids.length === 0) return []
    const rows = await withNotification(tx).where(inArray(deliveries.id, ids))
    await tx
      .update(deliveries)
      .set({ leaseUntil: clock() + LEASE_MS, attempts: sql`${deliveries.attempts} + 1` })
      .where(inArray(deliveries.id, ids))
    return rows.map(({ delivery, notification }) => ({
      delivery: { ...delivery, attempts: delivery.attempts + 1 },
      notification,
      interrupted: delivery.leaseUntil > 0,
    }))
  }

  const taken = (rows: Array<Omit<Taken, 'interrupted'>>): Taken[] =>
    rows.map((row) => ({ ...row, interrupted: false }))

  return {
    async take(medium, lanes, limit, held) {
      if ((await due(store.read, medium, lanes, 1)).length === 0) return []
      return store.write(async (tx) => {
        // After a jump of the clock what is under way here looks as if its lease had run out.
        const rows = await forUpdate(due(tx, medium, lanes, limit + held.size), 'skip locked')
        const ids = rows.map(({ id }) => id).filter((id) => !held.has(id))
        return lease(tx, ids.slice(0, limit))
      })
    },

    takeGathered: ({ delivery, notification }, held) =>
      store.write(async (tx) => {
        const rows = await tx
          .select({ id: deliveries.id })
          .from(deliveries)
          .innerJoin(notifications, eq(notifications.id, deliveries.notificationId))
          .where(
            and(
              sql`${deliveries.digest}`,
              isFree(),
              eq(deliveries.recipient, delivery.recipient),
              eq(deliveries.medium, delivery.medium),
              eq(notifications.category, notification.category),
              ne(deliveries.id, delivery.id),
            ),
          )
          .orderBy(asc(deliveries.id))
          .limit(DIGEST_AT_ONCE - 1)
        return lease(
          tx,
          rows.map(({ id }) => id).filter((id) => !held.has(id)),
        )
      }),

    async renew(held) {
      if (held.size === 0) return
      await store.write(async (tx) => {
        await tx
          .update(deliveries)
          .set({ leaseUntil: clock() + LEASE_MS })
          .where(and(inArray(deliveries.id, [...held]), isWaiting))
      })
    },

    async release() {
      if (store.engine !== 'sqlite') return
      await store.write(async (tx) => {
        await tx
          .update(deliveries)
          .set({ leaseUntil: INTERRUPTED })
          .where(and(isWaiting, sql`${deliveries.leaseUntil} > ${INTERRUPTED}`))
      })
    },

    over: async (db, limit) =>
      taken(
        await withNotification(db)
          .where(and(isWaiting, lte(deliveries.expiresAt, clock()), lte(deliveries.leaseUntil, clock())))
          .orderBy(asc(deliveries.expiresAt))
          .limit(limit),
      ),

    stranded: async (db, media, limit) =>
      taken(
        await withNotification(db)
          .where(and(isWaiting, notInArray(deliveries.medium, [...media, 'in_app'])))
          .limit(limit),
      ),

    async fallingBack(db) {
      const rows = await db
        .select({ id: deliveries.id })
        .from(deliveries)
        .where(and(isNotNull(deliveries.fallbackAt), lte(deliveries.fallbackAt, clock())))
        .orderBy(asc(deliveries.fallbackAt))
        .limit(FALLING_BACK_AT_ONCE)
      return rows.map(({ id }) => id)
    },
  }
}
