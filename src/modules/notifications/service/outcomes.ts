/**
 * What becomes of a delivery, its track and its notification when a try has ended, in one transaction. Within a track
 * the next step begins when one has failed; once one has reached the person, the others of the track are called off.
 */
import { and, eq, inArray, ne, notInArray, sql } from 'drizzle-orm'
import { type Changes, prepared, type Tx } from '../../../platform/db'
import { forUpdate } from '../../../platform/db/dialect'
import type { Runtime } from '../../../platform/runtime'
import type { Medium, ReceiptStatus, Sent } from '../channels/channel'
import { deliveries, deliveryReceipts, notifications } from '../schema'
import { type DeliveryRow, insertDelivery, type NotificationRow, type Outbox } from './outbox'
import type { Step, Track } from './routing'
import { type DeliveryState, REACHED, statusOf } from './states'
import type { Suppressions } from './suppressions'
import type { Targets } from './targets'

/** One try, as the status of a notification shows it. */
export interface Try {
  at: number
  provider: string | null
  /** `interrupted`: the process ended before it knew. */
  outcome: 'accepted' | 'transient' | 'permanent' | 'interrupted'
  reason: string | null
  tookMs: number
}

/** What came of going round the providers once. */
export interface Tried {
  delivery: DeliveryRow
  notification: NotificationRow
  to: string
  /** Each provider that was asked; the last one decided. At least one. */
  asked: readonly Asked[]
  /** A try before it was under way when its process ended. */
  interrupted: boolean
  /** One for all that were gathered, so that they stay together. */
  pauseMs: number
}

export interface Asked {
  provider: string
  sent: Sent
  at: number
  tookMs: number
}

export interface Outcomes {
  record(tx: Tx, tried: Tried): Promise<void>
  /** How long a delivery rests that failed for now. */
  pauseAfter(attempt: number, urgent: boolean): number
  /** Ends a delivery that was not sent at all. */
  end(tx: Tx, delivery: DeliveryRow, notification: NotificationRow, state: DeliveryState, reason: string): Promise<void>
  /** Puts a delivery off; its try does not count. */
  putOff(tx: Tx, delivery: DeliveryRow, wait: Wait): Promise<void>
  /** Begins the next step of a delivery that has not succeeded in time; it goes on being tried itself. */
  fallBack(tx: Tx, deliveryId: string): Promise<void>
  /** Applies what a provider says later; answers whether its message is known. */
  receipt(tx: Tx, delivery: DeliveryRow, status: ReceiptStatus, about: ReceiptFacts): Promise<void>
}

export interface Wait {
  until: number
  reason: string
  digest: boolean
  /** Somebody wants it so: it is no reason to try another way meanwhile. */
  isWished: boolean
}

interface ReceiptFacts {
  reason: string | null
  invalidRecipient: boolean
  at: number
}

const FIRST_PAUSE_MS = 2_000
const LONGEST_PAUSE_MS = 30 * 60_000
/** Whoever waits for a code waits for minutes. */
const LONGEST_URGENT_PAUSE_MS = 30_000
/** What never expires is given up after this, as mail servers do (RFC 5321, section 4.5.4.1, asks for four to five days). */
const GIVE_UP_MS = 4 * 24 * 3_600_000
/** An endpoint of somebody’s own is nobody’s only way of hearing. */
const GIVE_UP_WEBHOOK_MS = 24 * 3_600_000
const TRIES_KEPT = 20
/** An accepted one may yet fail and go another way; a failed one may be sent again by an operator. */
const OVER: ReadonlySet<string> = new Set(['delivered', 'expired', 'cancelled', 'skipped'])

const acceptOne = prepared<Record<string, unknown>, Changes>('delivery_accepted', (db, $) =>
  db
    .update(deliveries)
    .set({
      state: $('state'),
      provider: $('provider'),
      providerId: $('providerId'),
      tries: $('tries'),
      acceptedAt: $('acceptedAt'),
      addressHash: $('addressHash'),
      leaseUntil: 0,
      reason: null,
    } as never)
    // Whatever was thought of it meanwhile: a provider has it.
    .where(and(eq(deliveries.id, $('id')), notInArray(deliveries.state, ['accepted', 'delivered']))),
)

const settleNotification = prepared<{ id: string; status: string }, Changes>('notification_settled', (db, $) =>
  db
    .update(notifications)
    .set({ status: $('status') } as never)
    .where(eq(notifications.id, $('id'))),
)

export function createOutcomes(
  { clock, random, metrics }: Runtime,
  {
    outbox,
    suppressions,
    targets,
    isOn,
  }: {
    outbox: Outbox
    suppressions: Suppressions
    targets: Targets
    isOn: (medium: Medium) => boolean
  },
): Outcomes {
  const trackOf = ({ track }: DeliveryRow, { tracks }: NotificationRow) => (tracks as Track[])[track] ?? []

  /** Doubles with each try, and is spread over half its length so that failures do not come back together. */
  function pauseAfter(attempt: number, urgent: boolean): number {
    const longest = urgent ? LONGEST_URGENT_PAUSE_MS : LONGEST_PAUSE_MS
    const whole = Math.min(longest, FIRST_PAUSE_MS * 2 ** Math.min(attempt - 1, 20))
    return Math.round(whole / 2 + (whole / 2) * ((random(1)[0] ?? 0) / 255))
  }

  function triesWith({ delivery, asked, interrupted }: Tried): Try[] {
    const lost: Try = { at: delivery.dueAt, provider: null, outcome: 'interrupted', reason: null, tookMs: 0 }
    const now = asked.map(
      ({ provider, sent, at, tookMs }): Try => ({
        at,
        provider,
        outcome: sent.outcome,
        reason: sent.outcome === 'accepted' ? null : sent.reason,
        tookMs,
      }),
    )
    return [...(delivery.tries as Try[]), ...(interrupted ? [lost] : []), ...now].slice(-TRIES_KEPT)
  }

  /** The notification is as far as its furthest delivery; once nothing more can come of it, its secret goes. */
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

  async function end(
    tx: Tx,
    delivery: DeliveryRow,
    notification: NotificationRow,
    state: DeliveryState,
    reason: string,
    changes: Partial<DeliveryRow> = {},
    /** What a failure is with no way behind it: for somebody to look at. */
    atTheEnd: DeliveryState = 'dead',
  ): Promise<void> {
    const mine = await tx
      .update(deliveries)
      .set({ ...changes, state, reason, leaseUntil: 0, fallbackAt: null })
      .where(and(stillOurs(delivery), inArray(deliveries.state, ['waiting', 'accepted'])))
      .returning({ id: deliveries.id })
    if (mine.length === 0) return
    const goesOn = state === 'failed' || state === 'skipped' ? await beginNext(tx, delivery, notification) : false
    const isEndpoint = delivery.medium === 'webhook'
    if (isEndpoint && state === 'failed' && notification.userId !== null)
      await targets.endpointRefused(tx, notification.userId)
    // What somebody's own endpoint refuses is theirs to look at.
    const last = isEndpoint && atTheEnd === 'dead' ? 'failed' : atTheEnd
    const isLast = state === 'failed' && !goesOn
    if (isLast) await tx.update(deliveries).set({ state: last }).where(eq(deliveries.id, delivery.id))
    metrics.messages.inc({ channel: delivery.medium, outcome: isLast ? last : state })
    await refresh(tx, notification.id)
  }

  async function accepted(tx: Tx, tried: Tried, { provider, at }: Asked, providerId: string | null): Promise<void> {
    const { delivery, notification } = tried
    const track = trackOf(delivery, notification)
    const waitsForReceipt = (track[delivery.step] as Step | undefined)?.success === 'delivered'
    const { changes } = await acceptOne(tx, {
      id: delivery.id,
      state: 'accepted',
      provider,
      providerId,
      tries: triesWith(tried),
      acceptedAt: at,
      addressHash: suppressions.hashOf(tried.to),
    })
    if (changes === 0) return
    if (delivery.medium === 'webhook' && notification.userId !== null)
      await targets.endpointTook(tx, notification.userId)
    if (track.length > 1 && !waitsForReceipt)
      await tx.update(deliveries).set({ fallbackAt: null }).where(eq(deliveries.id, delivery.id))
    metrics.messages.inc({ channel: delivery.medium, outcome: 'accepted' })
    metrics.messageWait.observe({ channel: delivery.medium }, Math.max(0, at - delivery.readyAt) / 1000)
    if (track.length > 1 && !waitsForReceipt) await callOffOthers(tx, delivery)
    const alone = (notification.tracks as Track[]).length === 1 && track.length === 1
    if (alone) await settleNotification(tx, { id: notification.id, status: 'accepted' })
    else await refresh(tx, notification.id)
    if (providerId !== null) await applyEarly(tx, { ...delivery, state: 'accepted', provider, providerId })
  }

  /** A receipt may come before the message is noted as accepted. */
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
      await end(tx, now, notification, 'failed', about.reason ?? 'the provider could not deliver it')
      return
    }
    await tx
      .update(deliveries)
      .set({ state: 'delivered', deliveredAt: about.at, fallbackAt: null })
      .where(eq(deliveries.id, now.id))
    metrics.messages.inc({ channel: now.medium, outcome: 'delivered' })
    if (trackOf(now, notification).length > 1) await callOffOthers(tx, now)
    await refresh(tx, notification.id)
  }

  async function tryAgain(
    tx: Tx,
    tried: Tried,
    { sent }: Asked & { sent: Extract<Sent, { outcome: 'transient' }> },
  ): Promise<void> {
    const { delivery, notification } = tried
    // The pause begins at the answer: a provider may have kept the question for half a minute.
    const at = clock()
    const { reason, retryAfterMs = 0, aboutMessage = false } = sent
    const { expiresAt, urgent } = notification
    // What a provider asks for all messages its breaker keeps; another one may take this one sooner.
    const dueAt = at + Math.max(tried.pauseMs, aboutMessage ? retryAfterMs : 0)
    const tooLate = expiresAt !== null && dueAt >= expiresAt
    const patience = delivery.medium === 'webhook' ? GIVE_UP_WEBHOOK_MS : GIVE_UP_MS
    const tooLong = at - delivery.readyAt > patience
    const tries = triesWith(tried)
    if (tooLate || tooLong)
      return end(tx, delivery, notification, 'failed', reason, { tries }, tooLate ? 'expired' : 'dead')
    const hasNext = trackOf(delivery, notification).length > delivery.step + 1
    await tx
      .update(deliveries)
      .set({
        dueAt,
        leaseUntil: 0,
        reason,
        tries,
        // What cannot wait falls back at its first failure, unless it has done so.
        ...(urgent && hasNext
          ? { fallbackAt: sql`case when ${deliveries.fallbackAt} is null then null else ${at} end` }
          : {}),
      })
      .where(and(stillOurs(delivery), eq(deliveries.state, 'waiting')))
    metrics.messages.inc({ channel: delivery.medium, outcome: 'retried' })
  }

  return {
    end,
    receipt,
    pauseAfter,

    async record(tx, tried) {
      const { asked, delivery, notification, to } = tried
      const last = asked.at(-1) as Asked
      const { sent } = last
      for (const each of asked) if (each.sent.gone) await targets.forget(tx, each.sent.gone)
      if (sent.outcome === 'accepted') return accepted(tx, tried, last, sent.providerId ?? null)
      if (sent.outcome === 'transient') return tryAgain(tx, tried, { ...last, sent })
      if (sent.invalidRecipient && to !== '') await suppressions.add(tx, delivery.medium as Medium, to, 'invalid')
      return end(tx, delivery, notification, 'failed', sent.reason, {
        tries: triesWith(tried),
        provider: last.provider,
      })
    },

    async putOff(tx, delivery, { until, reason, digest, isWished }) {
      const waited = Math.max(0, (delivery.fallbackAt ?? 0) - delivery.dueAt)
      await tx
        .update(deliveries)
        .set({
          dueAt: until,
          leaseUntil: 0,
          reason,
          digest,
          attempts: Math.max(0, delivery.attempts - 1),
          ...(isWished ? { readyAt: until } : {}),
          ...(isWished && delivery.fallbackAt !== null ? { fallbackAt: until + waited } : {}),
        })
        .where(and(stillOurs(delivery), eq(deliveries.state, 'waiting')))
    },

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

/** Nobody has taken it since: whoever did says how it ended. */
const stillOurs = ({ id, attempts }: DeliveryRow) => and(eq(deliveries.id, id), eq(deliveries.attempts, attempts))
