/** What becomes of a delivery when a try has ended: it was accepted, is tried again after a pause, or has failed. */
import { and, eq, notInArray, sql } from 'drizzle-orm'
import { type Changes, prepared, type Tx } from '../../../platform/db'
import { backoff } from '../../../platform/queue/backoff'
import type { Runtime } from '../../../platform/runtime'
import type { Medium, Sent } from '../channels/channel'
import { deliveries, notifications } from '../schema'
import type { ApplyingReceipts } from './applying-receipts'
import type { DeliveryRow } from './outbox'
import type { Step, Track } from './routing'
import type { DeliveryState } from './states'
import type { Suppressions } from './suppressions'
import type { Targets } from './targets'
import { stillOurs, type Tracks, trackOf, type Way } from './tracks'

/** One try, as the status of a notification shows it. */
export interface Try {
  at: number
  provider: string | null
  /** `interrupted`: the process ended before it knew. `replayed`: from here on it was sent again. */
  outcome: 'accepted' | 'transient' | 'permanent' | 'interrupted' | 'replayed'
  reason: string | null
  tookMs: number
}

/** What came of going round the providers once. */
export interface Tried extends Way {
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
  /** Puts a delivery off; its try does not count. */
  putOff(tx: Tx, delivery: DeliveryRow, wait: Wait): Promise<void>
}

export interface Wait {
  until: number
  reason: string
  digest: boolean
  /** Somebody wants it so: it is no reason to try another way meanwhile. */
  isWished: boolean
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

/** What somebody's own endpoint does not take is theirs to look at; whatever else fails for good, the operator's. */
const deadBy = (provider: string): DeliveryState => (provider === 'webhook' ? 'failed' : 'dead')

export function createOutcomes(
  { clock, random, metrics }: Runtime,
  {
    tracks,
    applying,
    suppressions,
    targets,
  }: {
    tracks: Tracks
    applying: ApplyingReceipts
    suppressions: Suppressions
    targets: Targets
  },
): Outcomes {
  const pauseAfter = (attempt: number, urgent: boolean) =>
    backoff(attempt, {
      firstMs: FIRST_PAUSE_MS,
      longestMs: urgent ? LONGEST_URGENT_PAUSE_MS : LONGEST_PAUSE_MS,
      random,
    })

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
    if (track.length > 1 && !waitsForReceipt) await tracks.callOffOthers(tx, delivery)
    const alone = (notification.tracks as Track[]).length === 1 && track.length === 1
    if (alone) await settleNotification(tx, { id: notification.id, status: 'accepted' })
    else await tracks.refresh(tx, notification.id)
    if (providerId !== null) await applying.applyEarly(tx, { ...delivery, state: 'accepted', provider, providerId })
  }

  async function tryAgain(
    tx: Tx,
    tried: Tried,
    { sent, provider }: Asked & { sent: Extract<Sent, { outcome: 'transient' }> },
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
      return tracks.end(tx, tried, { state: 'failed', reason, tries, atTheEnd: tooLate ? 'expired' : deadBy(provider) })
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
    pauseAfter,

    async record(tx, tried) {
      const { asked, delivery, to } = tried
      const last = asked.at(-1) as Asked
      const { sent } = last
      for (const each of asked) if (each.sent.gone) await targets.forget(tx, each.sent.gone)
      if (sent.outcome === 'accepted') return accepted(tx, tried, last, sent.providerId ?? null)
      if (sent.outcome === 'transient') return tryAgain(tx, tried, { ...last, sent })
      if (sent.invalidRecipient && to !== '') await suppressions.add(tx, delivery.medium as Medium, to, 'invalid')
      if (sent.refusedBy !== undefined) await targets.endpointRefused(tx, sent.refusedBy)
      return tracks.end(tx, tried, {
        state: 'failed',
        reason: sent.reason,
        tries: triesWith(tried),
        provider: last.provider,
        atTheEnd: deadBy(last.provider),
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
  }
}
