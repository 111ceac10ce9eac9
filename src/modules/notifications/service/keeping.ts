/** How long messages are kept, and what of a person is shown to them and forgotten when they leave. */
import { and, eq, inArray, isNotNull, lt, ne } from 'drizzle-orm'
import type { Tx } from '../../../platform/db'
import { firstIdAt } from '../../../platform/ids'
import type { Runtime } from '../../../platform/runtime'
import type { Identity } from '../../identity'
import { deliveries, notifications } from '../schema'
import type { Messages } from './messages'
import type { PreferenceStore } from './preferences'
import type { Receipts } from './receipts'
import type { Targets } from './targets'

export interface Keeping {
  /** Deletes what is older than it is kept. */
  prune(): Promise<void>
}

const PRUNE_AT_ONCE = 1_000

export function createKeeping(
  { store, clock }: Runtime,
  {
    identity,
    messages,
    preferences,
    targets,
    receipts,
    keptMs,
  }: {
    identity: Identity
    messages: Messages
    preferences: PreferenceStore
    targets: Targets
    receipts: Receipts
    keptMs: number
  },
): Keeping {
  async function erase(tx: Tx, ids: string[]): Promise<void> {
    for (let from = 0; from < ids.length; from += PRUNE_AT_ONCE) {
      const some = ids.slice(from, from + PRUNE_AT_ONCE)
      await tx.delete(deliveries).where(inArray(deliveries.notificationId, some))
      await tx.delete(notifications).where(inArray(notifications.id, some))
    }
  }

  identity.closing.keeps({
    name: 'notifications',
    export: async (userId) => ({
      preferences: await preferences.of(userId),
      devices: await targets.list(userId),
      messages: await messages.export(userId),
    }),
    async erase(tx, userId) {
      const mine = await tx
        .select({ id: notifications.id })
        .from(notifications)
        .where(eq(notifications.recipient, userId))
      await erase(
        tx,
        mine.map(({ id }) => id),
      )
      await preferences.eraseOf(tx, userId)
      await targets.eraseOf(tx, userId)
    },
  })

  const pruneOnce = (before: number) =>
    store.write(async (tx) => {
      const old = await tx
        .select({ id: notifications.id })
        .from(notifications)
        .where(
          and(
            lt(notifications.id, firstIdAt('ntf', before)),
            lt(notifications.dueAt, before),
            ne(notifications.status, 'waiting'),
          ),
        )
        .limit(PRUNE_AT_ONCE)
      await erase(
        tx,
        old.map(({ id }) => id),
      )
      return old.length
    })

  /** What has expired is sent no more, so its secret is of no use. */
  const forgetSecrets = () =>
    store.write(async (tx) => {
      const old = await tx
        .select({ id: notifications.id })
        .from(notifications)
        .where(and(isNotNull(notifications.sealedSecret), lt(notifications.expiresAt, clock())))
        .limit(PRUNE_AT_ONCE)
      const ids = old.map(({ id }) => id)
      if (ids.length > 0)
        await tx.update(notifications).set({ sealedSecret: null }).where(inArray(notifications.id, ids))
      return ids.length
    })

  return {
    async prune() {
      while ((await forgetSecrets()) > 0);
      const before = clock() - keptMs
      while ((await pruneOnce(before)) > 0);
      while ((await receipts.prune(before)) > 0);
    },
  }
}
