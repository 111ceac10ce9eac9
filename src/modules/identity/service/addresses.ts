/**
 * Addresses to which a message must go although they are not the user’s own: one that the account is being moved to, and
 * one that it was moved from. Kept sealed, and for a month at the most.
 */
import { eq, inArray, lt } from 'drizzle-orm'
import type { Tx } from '../../../platform/db'
import type { Runtime } from '../../../platform/runtime'
import { otherAddresses } from '../schema'

const KEPT_MS = 30 * 24 * 3_600_000
const PRUNE_AT_ONCE = 1_000

export interface Addresses {
  keep(tx: Tx, userId: string, address: string): Promise<string>
  find(id: string): Promise<string | undefined>
  eraseOf(tx: Tx, userId: string): Promise<void>
  prune(): Promise<number>
}

export function createAddresses({ store, clock, newId, keyring }: Runtime): Addresses {
  return {
    async keep(tx, userId, address) {
      const id = newId('adr')
      const sealed = keyring.seal('other-address', address)
      await tx.insert(otherAddresses).values({ id, userId, sealed, expiresAt: clock() + KEPT_MS })
      return id
    },

    async find(id) {
      const [row] = await store.read.select().from(otherAddresses).where(eq(otherAddresses.id, id))
      return row && keyring.open('other-address', row.sealed)
    },

    async eraseOf(tx, userId) {
      await tx.delete(otherAddresses).where(eq(otherAddresses.userId, userId))
    },

    prune: () =>
      store.write(async (tx) => {
        const old = await tx
          .select({ id: otherAddresses.id })
          .from(otherAddresses)
          .where(lt(otherAddresses.expiresAt, clock()))
          .limit(PRUNE_AT_ONCE)
        const ids = old.map(({ id }) => id)
        if (ids.length > 0) await tx.delete(otherAddresses).where(inArray(otherAddresses.id, ids))
        return ids.length
      }),
  }
}
