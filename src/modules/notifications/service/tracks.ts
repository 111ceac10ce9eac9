/**
 * The ways of a message, one after the other. Within a track the next step begins when one has failed or takes too
 * long; once one has reached the person, the others of the track are called off.
 */
import { and, desc, eq, inArray, ne } from 'drizzle-orm'
import type { Tx } from '../../../platform/db'
import { forUpdate } from '../../../platform/db/dialect'
import type { Runtime } from '../../../platform/runtime'
import type { Medium } from '../channels/channel'
import { deliveries, notifications } from '../schema'
import { type DeliveryRow, insertDelivery, type NotificationRow, type Outbox } from './outbox'
import type { Track } from './routing'
import { type DeliveryState, REACHED, statusOf } from './states'

/** A delivery, and the notification that it brings. */
export interface Way {
  delivery: DeliveryRow
  notification: NotificationRow
}

export interface Ending extends Partial<Pick<DeliveryRow, 'tries' | 'provider'>> {
  state: DeliveryState
  reason: string
  /** What a failure is with no way behind it; `dead`, for somebody to look at, if nothing is said. */
  atTheEnd?: DeliveryState
}

export interface Tracks {
  /** Ends a delivery that has not reached the person; where it failed or was skipped, its next step begins. */
  end(tx: Tx, way: Way, ending: Ending): Promise<void>
  /** Begins the next step of a delivery that has not succeeded in time; it goes on being tried itself. */
  fallBack(tx: Tx, deliveryId: string): Promise<void>
  callOffOthers(tx: Tx, delivery: DeliveryRow): Promise<void>
  /** The notification is as far as its furthest delivery; once nothing more can come of it, its secret goes. */
  refresh(tx: Tx, notificationId: string): Promise<void>
}

/** An accepted one may yet fail and go another way; a failed one may be sent again by an operator. */
const OVER: ReadonlySet<string> = new Set(['delivered', 'expired', 'cancelled', 'skipped'])

export const trackOf = ({ track }: DeliveryRow, { tracks }: NotificationRow) => (tracks as Track[])[track] ?? []

/** Nobody has taken it since: whoever did says how it ended. */
export const stillOurs = ({ id, attempts }: DeliveryRow) =>
  and(eq(deliveries.id, id), eq(deliveries.attempts, attempts))

export function createTracks(
  { clock, metrics }: Runtime,
  { outbox, isOn }: { outbox: Outbox; isOn: (medium: Medium) => boolean },
): Tracks {
  async function refresh(tx: Tx, notificationId: string): Promise<void> {
    const rows = await tx
      .select({ state: deliveries.state })
      .from(deliveries)
      .where(eq(deliveries.notificationId, notificationId))
    const status = statusOf(rows.map(({ state }) => state))
    // Another track may still need it.
    const goesOn = rows.some(({ state }) => state === 'waiting' || state === 'accepted')
    await tx
      .update(notifications)
      .set(OVER.has(status) && !goesOn ? { status, sealedSecret: null } : { status })
      .where(eq(notifications.id, notificationId))
  }

  async function callOffOthers(tx: Tx, { id, notificationId, track }: DeliveryRow): Promise<void> {
    await tx
      .update(deliveries)
      .set({ state: 'cancelled', reason: 'reached another way', fallbackAt: null, leaseUntil: 0 })
      .where(
        and(
          eq(deliveries.notificationId, notificationId),
          eq(deliveries.track, track),
          eq(deliveries.state, 'waiting'),
          ne(deliveries.id, id),
        ),
      )
  }

  /** Puts the next step in, if there is one that was not begun; answers whether anything of the track still goes on. */
  async function beginNext(tx: Tx, delivery: DeliveryRow, notification: NotificationRow): Promise<boolean> {
    const track = trackOf(delivery, notification)
    const begun = await tx
      .select({ medium: deliveries.medium, state: deliveries.state, id: deliveries.id })
      .from(deliveries)
      .where(and(eq(deliveries.notificationId, notification.id), eq(deliveries.track, delivery.track)))
    const others = begun.filter(({ id }) => id !== delivery.id)
    const next = track.findIndex(
      ({ medium }, i) => i > delivery.step && isOn(medium) && !begun.some((each) => each.medium === medium),
    )
    if (next >= 0) {
      insertDelivery(tx, outbox.newDelivery(notification, track, { track: delivery.track, step: next }))
      metrics.messages.inc({ channel: delivery.medium, outcome: 'fell_back' })
      return true
    }
    return others.some(({ state }) => state === 'waiting' || REACHED.has(state))
  }

  /** What failed before a step that nobody can take has no way behind it either. */
  async function lastFailureIsDead(tx: Tx, { notificationId, track }: DeliveryRow): Promise<void> {
    const [last] = await tx
      .select({ id: deliveries.id })
      .from(deliveries)
      .where(
        and(
          eq(deliveries.notificationId, notificationId),
          eq(deliveries.track, track),
          eq(deliveries.state, 'failed'),
          // What somebody's own endpoint refuses is theirs to look at.
          ne(deliveries.medium, 'webhook'),
        ),
      )
      .orderBy(desc(deliveries.step))
      .limit(1)
    if (last) await tx.update(deliveries).set({ state: 'dead' }).where(eq(deliveries.id, last.id))
  }

  async function end(
    tx: Tx,
    { delivery, notification }: Way,
    { state, reason, atTheEnd = 'dead', ...changes }: Ending,
  ): Promise<void> {
    const mine = await tx
      .update(deliveries)
      .set({ ...changes, state, reason, leaseUntil: 0, fallbackAt: null })
      .where(and(stillOurs(delivery), inArray(deliveries.state, ['waiting', 'accepted'])))
      .returning({ id: deliveries.id })
    if (mine.length === 0) return
    const goesOn = state === 'failed' || state === 'skipped' ? await beginNext(tx, delivery, notification) : false
    if (state === 'skipped' && !goesOn) await lastFailureIsDead(tx, delivery)
    const isLast = state === 'failed' && !goesOn
    if (isLast) await tx.update(deliveries).set({ state: atTheEnd }).where(eq(deliveries.id, delivery.id))
    metrics.messages.inc({ channel: delivery.medium, outcome: isLast ? atTheEnd : state })
    await refresh(tx, notification.id)
  }

  return {
    end,
    callOffOthers,
    refresh,

    async fallBack(tx, deliveryId) {
      const [delivery] = await forUpdate(tx.select().from(deliveries).where(eq(deliveries.id, deliveryId)))
      if (delivery?.fallbackAt === undefined || delivery.fallbackAt === null || delivery.fallbackAt > clock()) return
      await tx.update(deliveries).set({ fallbackAt: null }).where(eq(deliveries.id, deliveryId))
      const [notification] = await tx.select().from(notifications).where(eq(notifications.id, delivery.notificationId))
      const open = delivery.state === 'waiting' || delivery.state === 'accepted'
      const late =
        notification?.expiresAt !== undefined && notification.expiresAt !== null && notification.expiresAt <= clock()
      if (!notification || !open || late) return
      await beginNext(tx, delivery, notification)
    },
  }
}
