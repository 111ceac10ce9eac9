/** The rows of services, as every part of this module reads them. */
import { and, eq, exists, inArray, sql } from 'drizzle-orm'
import type { Db, Tx } from '../../../platform/db'
import { services, waits } from '../schema'
import { MINUTE_MS } from './time'

export type ServiceRow = typeof services.$inferSelect

export interface ServiceRows {
  find(db: Db, id: string): Promise<ServiceRow | undefined>
  findAll(db: Db, ids: readonly string[]): Promise<Map<string, ServiceRow>>
  /** Within the unit in which there is more time for these, or for all: whoever waits is offered it from the next tick on. */
  hasGrown(tx: Tx, moment: number, ids?: readonly string[]): Promise<void>
  /** What is free for these, or for all, is to be offered to whoever waits. */
  offerFrom(tx: Tx, moment: number, ids?: readonly string[]): Promise<void>
}

/** How long one keeps somebody busy, with the buffer after it. */
export const takesMs = ({ durationMinutes, bufferMinutes }: ServiceRow): number =>
  (durationMinutes + bufferMinutes) * MINUTE_MS

export function createServiceRows(): ServiceRows {
  async function offerFrom(tx: Tx, moment: number, ids?: readonly string[]): Promise<void> {
    const wait = tx
      .select({ id: waits.id })
      .from(waits)
      .where(and(sql`${waits.state} = 'waiting'`, eq(waits.serviceId, services.id)))
    await tx
      .update(services)
      .set({ grownFrom: moment })
      .where(
        and(eq(services.active, true), exists(wait), ids === undefined ? undefined : inArray(services.id, [...ids])),
      )
  }

  return {
    async find(db, id) {
      const [row] = await db.select().from(services).where(eq(services.id, id))
      return row
    },

    async findAll(db, ids) {
      const wanted = [...new Set(ids)]
      const rows = wanted.length === 0 ? [] : await db.select().from(services).where(inArray(services.id, wanted))
      return new Map(rows.map((row) => [row.id, row]))
    },

    offerFrom,

    async hasGrown(tx, moment, ids) {
      if (ids?.length === 0) return
      // Whoever holds an offer at present is asked if it lapses. Waits before services, as wherever both change.
      await tx
        .update(waits)
        .set({ grownMeanwhile: true })
        .where(and(sql`${waits.state} = 'offered'`, ids === undefined ? undefined : inArray(waits.serviceId, [...ids])))
      await offerFrom(tx, moment, ids)
    },
  }
}
