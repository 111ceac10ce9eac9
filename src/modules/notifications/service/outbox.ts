/**
 * Putting a message out: a row for the notification and one for the first step of each of its tracks, in the
 * transaction of whatever causes it. What is the same (recipient, template, subject, due time) is put out once.
 */
import { eq } from 'drizzle-orm'
import { type Changes, prepared, preparedWrite, type Tx } from '../../../platform/db'
import type { Runtime } from '../../../platform/runtime'
import { deliveries, notifications } from '../schema'
import type { TemplateFacts } from '../templates/template'
import { recipientHash } from './address'
import type { Catalogue } from './catalogue'
import type { Facts, Notice } from './notice'
import type { Providers } from './providers'
import { fallbackAfterMs, type Routing, SECRET_MEDIA, type Step, type Track } from './routing'
import { LANE, type NotificationState, statusAt, statusOf } from './states'
import type { Targets } from './targets'

export type NotificationRow = typeof notifications.$inferSelect
export type DeliveryRow = typeof deliveries.$inferSelect

/** A notice whose ways are chosen; what is left is to write it down. */
export interface Arranged {
  notice: Notice
  facts: TemplateFacts
  tracks: readonly Track[]
  inApp: boolean
  recipient: string
}

export interface Put {
  id: string
  status: NotificationState
  isNew: boolean
}

export interface Outbox {
  /** Chooses the ways; looks into the database, so it is done before a unit. */
  arrange(notice: Notice): Promise<Arranged>
  /** Answers the notification; `isNew` is false if the same was put out before. */
  put(tx: Tx, arranged: Arranged): Promise<Put>
  /** The delivery of a step, to be put in. */
  newDelivery(
    of: Pick<NotificationRow, 'id' | 'recipient' | 'urgent' | 'dueAt' | 'expiresAt'>,
    track: Track,
    at: At,
  ): DeliveryRow
}

/** Begins the unique key of what somebody sent by name. */
export const SENT_BY_NAME = 'sent:'

interface At {
  track: number
  step: number
}

const insertNotification = prepared<Record<keyof NotificationRow, unknown>, Changes>('insert_notification', (db, $) =>
  db
    .insert(notifications)
    .values({
      id: $('id'),
      userId: $('userId'),
      recipient: $('recipient'),
      sealedAddress: $('sealedAddress'),
      addressId: $('addressId'),
      template: $('template'),
      category: $('category'),
      language: $('language'),
      facts: $('facts'),
      sealedSecret: $('sealedSecret'),
      about: $('about'),
      version: $('version'),
      tracks: $('tracks'),
      status: $('status'),
      urgent: $('urgent'),
      inApp: $('inApp'),
      readAt: $('readAt'),
      dueAt: $('dueAt'),
      expiresAt: $('expiresAt'),
      createdAt: $('createdAt'),
      uniqueKey: $('uniqueKey'),
    } as never)
    .onConflictDoNothing(),
)

export const insertDelivery = preparedWrite<Record<keyof DeliveryRow, unknown>>('insert_delivery', (db, $) =>
  db.insert(deliveries).values({
    id: $('id'),
    notificationId: $('notificationId'),
    recipient: $('recipient'),
    track: $('track'),
    step: $('step'),
    medium: $('medium'),
    state: $('state'),
    lane: $('lane'),
    attempts: $('attempts'),
    tries: $('tries'),
    dueAt: $('dueAt'),
    leaseUntil: $('leaseUntil'),
    expiresAt: $('expiresAt'),
    fallbackAt: $('fallbackAt'),
    digest: $('digest'),
    addressHash: $('addressHash'),
    provider: $('provider'),
    providerId: $('providerId'),
    reason: $('reason'),
    readyAt: $('readyAt'),
    acceptedAt: $('acceptedAt'),
    deliveredAt: $('deliveredAt'),
  } as never),
)

export function createOutbox(
  { clock, newId, keyring }: Runtime,
  {
    catalogue,
    routing,
    providers,
    targets,
    wake,
  }: { catalogue: Catalogue; routing: Routing; providers: Providers; targets: Targets; wake: (tx: Tx) => void },
): Outbox {
  /** The steps that somebody here can take. */
  function open(tracks: readonly Track[], has: { push: boolean; webhook: boolean }, isSecret: boolean): Track[] {
    const isThere = (medium: string) => (medium !== 'push' || has.push) && (medium !== 'webhook' || has.webhook)
    const takes = ({ medium }: Step) =>
      providers.isOn(medium) && isThere(medium) && (!isSecret || SECRET_MEDIA.has(medium))
    return tracks.map((track) => track.filter(takes)).filter((track) => track.length > 0)
  }

  /** Whoever has an endpoint hears there of all that is no secret, once: by the track that begins there, or by one more. */
  function withEndpoint(tracks: readonly Track[]): Track[] {
    const isEndpoint = ({ medium }: Step) => medium === 'webhook'
    const own = tracks.find(([first]) => first && isEndpoint(first)) ?? [{ medium: 'webhook' }]
    const others = tracks.filter((track) => track !== own).map((track) => track.filter((step) => !isEndpoint(step)))
    return [...others.filter((track) => track.length > 0), own]
  }

  function recipientOf({ userId, address }: Notice): string {
    return userId ?? recipientHash(keyring, address ?? '')
  }

  function newDelivery(
    {
      id,
      recipient,
      urgent,
      dueAt,
      expiresAt,
    }: Pick<NotificationRow, 'id' | 'recipient' | 'urgent' | 'dueAt' | 'expiresAt'>,
    track: Track,
    at: At,
  ): DeliveryRow {
    const step = track[at.step] as Step
    const now = clock()
    const begins = at.step === 0 ? Math.max(now, dueAt) : now
    // What cannot wait does not wait for a provider that is known to be down.
    const patience = urgent && !providers.isWell(step.medium) ? 0 : fallbackAfterMs(step, urgent)
    return {
      id: newId('dlv'),
      notificationId: id,
      recipient,
      track: at.track,
      step: at.step,
      medium: step.medium,
      state: 'waiting',
      lane: urgent ? LANE.urgent : LANE.normal,
      attempts: 0,
      tries: [],
      dueAt: begins,
      leaseUntil: 0,
      expiresAt,
      fallbackAt: at.step + 1 < track.length ? begins + patience : null,
      digest: false,
      addressHash: null,
      provider: null,
      providerId: null,
      reason: null,
      readyAt: begins,
      acceptedAt: null,
      deliveredAt: null,
    }
  }

  async function before(tx: Tx, uniqueKey: string): Promise<Put> {
    const [known] = await tx
      .select({ id: notifications.id, status: notifications.status, dueAt: notifications.dueAt })
      .from(notifications)
      .where(eq(notifications.uniqueKey, uniqueKey))
    if (!known) throw new Error('A notification is there and is not.')
    return { id: known.id, status: statusAt(known, clock()), isNew: false }
  }

  return {
    newDelivery,

    async arrange(notice) {
      const facts = await catalogue.factsOf(notice.template)
      if (!facts) throw new Error(`There is no template "${notice.template}".`)
      const recipient = recipientOf(notice)
      const { userId, only } = notice
      const wanted =
        notice.tracks ?? (only ? [only.map((medium) => ({ medium }))] : await routing.tracksOf(notice.template))
      const has = userId === undefined ? { push: false, webhook: false } : await targets.kindsOf(userId)
      const opened = open(wanted, has, facts.secret === true)
      const tracks = has.webhook && !facts.secret && !only ? withEndpoint(opened) : opened
      const inApp = userId !== undefined && !facts.secret && wanted.flat().some(({ medium }) => medium === 'in_app')
      return { notice, facts, tracks, inApp, recipient }
    },

    async put(tx, { notice, facts, tracks, inApp, recipient }) {
      const { userId = null, address, addressId = null, template, secret, about, version = null } = notice
      const now = clock()
      // Whoever is a little late wants it now.
      const dueAt = Math.max(now, notice.dueAt ?? now)
      const id = newId('ntf')
      const kept: Facts = {
        data: notice.data,
        ...(notice.people ? { people: notice.people } : {}),
        ...(secret ? { secretMember: secret.member } : {}),
        ...(notice.sessionId ? { sessionId: notice.sessionId } : {}),
        ...(notice.appointmentId ? { appointmentId: notice.appointmentId } : {}),
        ...(notice.claim ? { claim: notice.claim } : {}),
      }
      const row: NotificationRow = {
        id,
        userId,
        recipient,
        sealedAddress: address === undefined ? null : keyring.seal('notification-address', address),
        addressId,
        template,
        category: facts.category,
        language: notice.language ?? null,
        facts: kept,
        sealedSecret: secret?.sealed ?? null,
        about: about === '' ? id : about,
        version,
        tracks,
        status: tracks.length > 0 ? 'waiting' : inApp ? 'delivered' : statusOf([]),
        urgent: facts.urgent === true,
        inApp,
        readAt: null,
        dueAt,
        expiresAt: notice.expiresAt ?? null,
        createdAt: now,
        uniqueKey: [
          `${notice.byName ? SENT_BY_NAME : ''}${about === '' ? id : about}`,
          template,
          recipient,
          addressId ?? '',
          notice.only?.join() ?? '',
          notice.dueAt ?? '',
        ].join(' '),
      }
      const { changes } = await insertNotification(tx, row)
      if (changes === 0) return before(tx, row.uniqueKey)
      tracks.forEach((track, i) => {
        insertDelivery(tx, newDelivery(row, track, { track: i, step: 0 }))
      })
      wake(tx)
      return { id, status: statusAt(row, now), isNew: true }
    },
  }
}
