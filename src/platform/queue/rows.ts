/** The rows of `work`: how they are put in, taken by lease, and end. */
import {
  aliasedTable,
  and,
  asc,
  eq,
  gt,
  inArray,
  lt,
  lte,
  notExists,
  notInArray,
  type Placeholder,
  sql,
} from 'drizzle-orm'
import { type Db, prepared, preparedWrite, type Tx, type Unit } from '../db'
import { forUpdate } from '../db/dialect'
import { work } from './schema'

export interface NewWork extends Record<string, unknown> {
  kind: string
  payload: unknown
  orderingKey: string | null
  uniqueKey: string | null
  dueAt: number
  now: number
}

export interface DueWork {
  id: number
  kind: string
  payload: unknown
  attempts: number
}

interface Wanted extends Record<string, unknown> {
  kind: string
  now: number
  limit: number
}

type Parameter = <Name extends keyof Wanted & string>(name: Name) => Placeholder<Name>

/** In the words of the partial indexes: a parameter would not let them be used. */
export const isWaiting = eq(work.state, sql`'waiting'`)
export const isDead = eq(work.state, sql`'dead'`)

/** Nothing happens if work of this kind waits under the same unique key. */
export const putWork = preparedWrite<NewWork>('put_work', (db, $) =>
  db
    .insert(work)
    .values({
      kind: $('kind'),
      payload: $('payload'),
      orderingKey: $('orderingKey'),
      uniqueKey: $('uniqueKey'),
      state: 'waiting',
      attempts: 0,
      dueAt: $('dueAt'),
      leaseUntil: 0,
      lastError: null,
      createdAt: $('now'),
    } as never)
    .onConflictDoNothing(),
)

const due = (db: Db, $: Parameter) => {
  const earlier = aliasedTable(work, 'earlier')
  return db
    .select({ id: work.id, kind: work.kind, payload: work.payload, attempts: work.attempts })
    .from(work)
    .where(
      and(
        eq(work.kind, $('kind')),
        isWaiting,
        lte(work.dueAt, $('now')),
        lte(work.leaseUntil, $('now')),
        notExists(
          db
            .select({ one: sql`1` })
            .from(earlier)
            .where(
              and(
                eq(earlier.kind, work.kind),
                eq(earlier.orderingKey, work.orderingKey),
                lt(earlier.id, work.id),
                eq(earlier.state, sql`'waiting'`),
              ),
            ),
        ),
      ),
    )
    .orderBy(asc(work.dueAt), asc(work.id))
    .limit($('limit'))
}

/** What work of this kind is due, without taking it. */
export const lookForWork = prepared<Wanted, DueWork[]>('look_for_work', due)

/** The same for a unit that takes it: another copy is neither waited for nor disturbed. */
export const lockWork = prepared<Wanted, DueWork[]>('lock_work', (db, $) => forUpdate(due(db, $), 'skip locked'))

export async function leaseWork(tx: Tx, ids: number[], leaseUntil: number): Promise<void> {
  if (ids.length === 0) return
  await tx
    .update(work)
    .set({ leaseUntil, attempts: sql`${work.attempts} + 1` })
    .where(inArray(work.id, ids))
}

export async function renewLeases(tx: Tx, ids: number[], leaseUntil: number): Promise<void> {
  await tx
    .update(work)
    .set({ leaseUntil })
    .where(and(inArray(work.id, ids), isWaiting))
}

/** Gives free whatever is leased, but for what is under way here. */
export async function releaseLeases(tx: Tx, except: number[]): Promise<void> {
  await tx
    .update(work)
    .set({ leaseUntil: 0 })
    .where(and(isWaiting, gt(work.leaseUntil, 0), notInArray(work.id, except)))
}

/** Ends work together with its effect; without it, if another copy has ended the work meanwhile. */
export async function endWork(tx: Tx, id: number, effect: Unit<void> | undefined): Promise<void> {
  const mine = await tx.delete(work).where(eq(work.id, id)).returning({ id: work.id })
  if (mine.length > 0) await effect?.(tx)
}

export type Failed =
  | { lastError: string; dueAt: number }
  // Dead work waits for a person, and must not keep the same work from being put in anew.
  | { lastError: string; state: 'dead'; uniqueKey: null }

/** Whoever took it since, because the lease had run out, says how it ended. */
export async function failWork(tx: Tx, id: number, attempt: number, failed: Failed): Promise<void> {
  await tx
    .update(work)
    .set({ ...failed, leaseUntil: 0 })
    .where(and(eq(work.id, id), eq(work.attempts, attempt)))
}

export async function reviveWork(tx: Tx, id: number, now: number): Promise<string | undefined> {
  const [revived] = await tx
    .update(work)
    .set({ state: 'waiting', attempts: 0, dueAt: now, leaseUntil: 0 })
    .where(and(eq(work.id, id), isDead))
    .returning({ kind: work.kind })
  return revived?.kind
}
