/** The rows of `schedule_runs`. Each change names the state it was decided on, and does nothing if that is no longer so. */
import { and, eq, gt } from 'drizzle-orm'
import type { Db, Store } from '../db'
import { scheduleRuns } from './schema'
import type { LastRun } from './turn'

export interface RunEnd {
  endedAt: number
  outcome: 'done' | 'failed'
  error: string | null
}

const columns = {
  dueAt: scheduleRuns.dueAt,
  startedAt: scheduleRuns.startedAt,
  endedAt: scheduleRuns.endedAt,
  leaseUntil: scheduleRuns.leaseUntil,
  outcome: scheduleRuns.outcome,
  error: scheduleRuns.error,
}

async function lastRunOf(db: Db, name: string): Promise<LastRun | undefined> {
  const [row] = await db.select(columns).from(scheduleRuns).where(eq(scheduleRuns.name, name))
  return row
}

export async function lastRuns(db: Db): Promise<Map<string, LastRun>> {
  const rows = await db.select({ name: scheduleRuns.name, ...columns }).from(scheduleRuns)
  return new Map(rows.map(({ name, ...run }) => [name, run]))
}

export function createRuns(store: Store) {
  const heldBy = (name: string, { dueAt, startedAt }: Pick<LastRun, 'dueAt' | 'startedAt'>) =>
    and(eq(scheduleRuns.name, name), eq(scheduleRuns.dueAt, dueAt), eq(scheduleRuns.startedAt, startedAt))

  return {
    /** A schedule that is seen for the first time has missed nothing: its moments count from now on. */
    async known(name: string, now: number): Promise<LastRun | undefined> {
      const known = await lastRunOf(store.read, name)
      if (known) return known
      return store.write(async (tx) => {
        await tx.insert(scheduleRuns).values({ name, dueAt: now, startedAt: 0 }).onConflictDoNothing()
        return lastRunOf(tx, name)
      })
    },

    /** Answers whether this copy was the one to make the change. */
    change: (name: string, seen: LastRun, values: Partial<LastRun>): Promise<boolean> =>
      store.write(async (tx) => {
        const changed = await tx
          .update(scheduleRuns)
          .set(values)
          .where(and(heldBy(name, seen), eq(scheduleRuns.leaseUntil, seen.leaseUntil)))
          .returning({ name: scheduleRuns.name })
        return changed.length > 0
      }),

    end: (name: string, begun: LastRun, end: RunEnd): Promise<void> =>
      store.write(async (tx) => {
        await tx
          .update(scheduleRuns)
          .set({ ...end, leaseUntil: 0 })
          .where(heldBy(name, begun))
      }),

    extend: (name: string, begun: LastRun, leaseUntil: number): Promise<void> =>
      store.write(async (tx) => {
        await tx.update(scheduleRuns).set({ leaseUntil }).where(heldBy(name, begun))
      }),

    /** Gives free what a process that is gone has held. */
    release: (): Promise<void> =>
      store.write(async (tx) => {
        await tx.update(scheduleRuns).set({ leaseUntil: 0 }).where(gt(scheduleRuns.leaseUntil, 0))
      }),
  }
}
