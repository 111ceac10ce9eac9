/** The rows of services, as every part of this module reads them. */
import { eq, inArray } from 'drizzle-orm'
import type { Db } from '../../../platform/db'
import { services } from '../schema'

export type ServiceRow = typeof services.$inferSelect

export interface ServiceRows {
  find(db: Db, id: string): Promise<ServiceRow | undefined>
  findAll(db: Db, ids: readonly string[]): Promise<Map<string, ServiceRow>>
}

export function createServiceRows(): ServiceRows {
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
  }
}
