/**
 * What providers say later. A receipt is believed if its provider's signature holds, is noted once however often it
 * comes, and waits if it is quicker than the note that its message was taken.
 */
import { and, desc, eq, inArray, lt } from 'drizzle-orm'
import type { Db, Tx } from '../../../platform/db'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import type { Receipt, ReceiptRequest } from '../channels/channel'
import { deliveries, deliveryReceipts } from '../schema'
import type { ApplyingReceipts } from './applying-receipts'
import type { Providers } from './providers'

export interface Receipts {
  take(
    provider: string,
    request: ReceiptRequest,
  ): Promise<Result<string | undefined, 'provider_unknown' | 'receipt_forged' | 'receipt_malformed'>>
  /** Forgets those older than the moment; answers how many. */
  prune(before: number): Promise<number>
}

const PRUNE_AT_ONCE = 2_000

export function createReceipts(
  { store, clock, log }: Runtime,
  { providers, applying }: { providers: Providers; applying: ApplyingReceipts },
): Receipts {
  /** Notes it; answers whether it is new. */
  async function note(tx: Tx, provider: string, { providerId, status, reason, invalidRecipient, at }: Receipt) {
    const noted = await tx
      .insert(deliveryReceipts)
      .values({
        provider,
        providerId,
        status,
        reason: reason ?? null,
        invalidRecipient: invalidRecipient === true,
        at: at ?? clock(),
        appliedAt: null,
      })
      .onConflictDoNothing()
      .returning({ status: deliveryReceipts.status })
    return noted.length > 0
  }

  async function apply(provider: string, receipt: Receipt): Promise<void> {
    const latest = (db: Db) =>
      db
        .select()
        .from(deliveries)
        .where(and(eq(deliveries.provider, provider), eq(deliveries.providerId, receipt.providerId)))
        .orderBy(desc(deliveries.id))
        .limit(1)
    await store.write(async (tx) => {
      if (!(await note(tx, provider, receipt))) return
      const [delivery] = await latest(tx)
      if (!delivery) return
      await applying.receipt(tx, delivery, receipt.status, {
        reason: receipt.reason ?? null,
        invalidRecipient: receipt.invalidRecipient === true,
        at: receipt.at ?? clock(),
      })
    })
  }

  return {
    async take(name, request) {
      const channel = providers.get(name)?.channel
      if (!channel?.receipts) return fail('provider_unknown')
      const read = await channel.receipts(request)
      if (read.verdict === 'forged') {
        log.warn({ provider: name }, 'a receipt was refused: its signature does not hold')
        return fail('receipt_forged')
      }
      if (read.verdict === 'malformed') return fail('receipt_malformed')
      for (const receipt of read.receipts) await apply(name, receipt)
      return ok(read.answer)
    },

    prune: (before) =>
      store.write(async (tx) => {
        const old = await tx
          .select({ provider: deliveryReceipts.provider, providerId: deliveryReceipts.providerId })
          .from(deliveryReceipts)
          .where(lt(deliveryReceipts.at, before))
          .limit(PRUNE_AT_ONCE)
        for (const { provider } of new Map(old.map((row) => [row.provider, row])).values()) {
          const ids = old.filter((row) => row.provider === provider).map(({ providerId }) => providerId)
          await tx
            .delete(deliveryReceipts)
            .where(
              and(
                eq(deliveryReceipts.provider, provider),
                inArray(deliveryReceipts.providerId, ids),
                lt(deliveryReceipts.at, before),
              ),
            )
        }
        return old.length
      }),
  }
}
