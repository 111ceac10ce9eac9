/** What a receipt does to its delivery, its track and its notification; receipts come in any order, and early. */
import { and, eq } from 'drizzle-orm'
import type { Tx } from '../../../platform/db'
import { forUpdate } from '../../../platform/db/dialect'
import type { Runtime } from '../../../platform/runtime'
import type { Medium, ReceiptStatus } from '../channels/channel'
import { deliveries, deliveryReceipts, notifications } from '../schema'
import type { DeliveryRow } from './outbox'
import type { Suppressions } from './suppressions'
import { type Tracks, trackOf } from './tracks'

export interface ApplyingReceipts {
  /** Applies what a provider says later. */
  receipt(tx: Tx, delivery: DeliveryRow, status: ReceiptStatus, about: ReceiptFacts): Promise<void>
  /** A receipt may come before the message is noted as accepted. */
  applyEarly(tx: Tx, delivery: DeliveryRow): Promise<void>
}

interface ReceiptFacts {
  reason: string | null
  invalidRecipient: boolean
  at: number
}

export function createApplyingReceipts(
  { clock, metrics }: Runtime,
  { tracks, suppressions }: { tracks: Tracks; suppressions: Suppressions },
): ApplyingReceipts {
  async function applyEarly(tx: Tx, delivery: DeliveryRow): Promise<void> {
    const early = await tx
      .select()
      .from(deliveryReceipts)
      .where(
        and(
          eq(deliveryReceipts.provider, delivery.provider ?? ''),
          eq(deliveryReceipts.providerId, delivery.providerId ?? ''),
        ),
      )
    for (const row of early) {
      if (row.appliedAt !== null) continue
      await receipt(tx, delivery, row.status as ReceiptStatus, row)
    }
  }

  async function receipt(tx: Tx, delivery: DeliveryRow, status: ReceiptStatus, about: ReceiptFacts): Promise<void> {
    await tx
      .update(deliveryReceipts)
      .set({ appliedAt: clock() })
      .where(
        and(
          eq(deliveryReceipts.provider, delivery.provider ?? ''),
          eq(deliveryReceipts.providerId, delivery.providerId ?? ''),
          eq(deliveryReceipts.status, status),
        ),
      )
    const [now] = await forUpdate(tx.select().from(deliveries).where(eq(deliveries.id, delivery.id)))
    // Receipts come in any order: what has arrived has arrived, and what is over is over.
    if (now?.state !== 'accepted' || status === 'accepted') return
    const [notification] = await tx.select().from(notifications).where(eq(notifications.id, now.notificationId))
    if (!notification) return
    if (status === 'failed') {
      // That one, whatever address the person has by now.
      if (about.invalidRecipient && now.addressHash !== null)
        await suppressions.addHash(tx, now.medium as Medium, now.addressHash, 'invalid')
      const reason = about.reason ?? 'the provider could not deliver it'
      return tracks.end(tx, { delivery: now, notification }, { state: 'failed', reason })
    }
    await tx
      .update(deliveries)
      .set({ state: 'delivered', deliveredAt: about.at, fallbackAt: null })
      .where(eq(deliveries.id, now.id))
    metrics.messages.inc({ channel: now.medium, outcome: 'delivered' })
    if (trackOf(now, notification).length > 1) await tracks.callOffOthers(tx, now)
    await tracks.refresh(tx, notification.id)
  }

  return { receipt, applyEarly }
}
