/** What an operator sees of the queue: from the database, so that it is the same beside a serving process. */
import { and, asc, desc, lt, type SQL, sql } from 'drizzle-orm'
import type { Db } from '../db'
import { count, sum } from '../db/dialect'
import { isDead, isWaiting } from './rows'
import { work } from './schema'

export interface KindReport {
  kind: string
  /** All that is not dead: due now, under way, or to be done later. */
  waiting: number
  due: number
  underWay: number
  dead: number
  /** The moment for which the oldest that waits was meant. */
  oldestDueAt: number | null
}

export interface DeadWork {
  id: number
  kind: string
  attempts: number
  lastError: string | null
  createdAt: number
}

export async function reportKinds(db: Db, now: number): Promise<KindReport[]> {
  const counted = (condition: SQL) => sum(sql`case when ${condition} then 1 else 0 end`)
  const rows = await db
    .select({
      kind: work.kind,
      waiting: counted(isWaiting),
      due: counted(sql`${isWaiting} and ${work.dueAt} <= ${now} and ${work.leaseUntil} <= ${now}`),
      underWay: counted(sql`${isWaiting} and ${work.leaseUntil} > ${now}`),
      dead: counted(isDead),
      oldestDueAt: sql<number | null>`min(case when ${isWaiting} then ${work.dueAt} end)`,
    })
    .from(work)
    .groupBy(work.kind)
    .orderBy(asc(work.kind))
  // PostgreSQL hands the smallest out as text where it is computed.
  return rows.map((row) => ({ ...row, oldestDueAt: row.oldestDueAt === null ? null : Number(row.oldestDueAt) }))
}

export async function countWork(db: Db): Promise<{ waiting: number; dead: number }> {
  const of = async (condition: SQL) => (await db.select({ n: count() }).from(work).where(condition))[0]?.n ?? 0
  return { waiting: await of(isWaiting), dead: await of(isDead) }
}

/** Newest first, those before the id. */
export function deadWork(db: Db, limit: number, before: number | undefined): Promise<DeadWork[]> {
  return db
    .select({
      id: work.id,
      kind: work.kind,
      attempts: work.attempts,
      lastError: work.lastError,
      createdAt: work.createdAt,
    })
    .from(work)
    .where(and(isDead, before === undefined ? undefined : lt(work.id, before)))
    .orderBy(desc(work.id))
    .limit(limit)
}
