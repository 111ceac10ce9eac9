/** What was told to whom, for operators: one notification with every try, lists, and the dead ones to be sent again. */
import { and, asc, desc, eq, gte, lt, or, sql } from 'drizzle-orm'
import type { Tx } from '../../../platform/db'
import { forUpdate } from '../../../platform/db/dialect'
import { iso, isoOrNull } from '../../../platform/moment'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import type { Identity, Noted } from '../../identity'
import type { Medium } from '../channels/channel'
import { deliveries, notifications } from '../schema'
import { plainAddress, recipientHash } from './address'
import type { Facts } from './notice'
import { type DeliveryRow, type NotificationRow, SENT_BY_NAME } from './outbox'
import type { Try } from './outcomes'
import type { Reach } from './reach'
import type { Track } from './routing'
import { type DeliveryState, type NotificationState, statusAt, statusOf } from './states'
import type { Suppressions } from './suppressions'

export interface DeliveryView {
  id: string
  channel: string
  track: number
  step: number
  state: DeliveryState
  provider: string | null
  reason: string | null
  attempts: Array<Omit<Try, 'at'> & { at: string }>
  dueAt: string
  acceptedAt: string | null
  deliveredAt: string | null
}

export interface NotificationView {
  id: string
  userId: string | null
  template: string
  category: string
  status: NotificationState
  about: string
  dueAt: string
  expiresAt: string | null
  createdAt: string
}

export type DetailedView = NotificationView & { data: Record<string, unknown>; deliveries: DeliveryView[] }

export interface MessageQuery {
  to?: string | undefined
  status?: string | undefined
  template?: string | undefined
  about?: string | undefined
  limit: number
  after?: string | undefined
}

export interface DeadQuery {
  channel?: Medium | undefined
  template?: string | undefined
  limit: number
  after?: string | undefined
}

interface Page {
  items: NotificationView[]
  next: string | undefined
}

export interface Messages {
  get(id: string): Promise<Result<DetailedView, 'notification_not_found'>>
  /** Newest first. `next` is where to go on; a page may be short, or empty, and not be the last. */
  search(query: MessageQuery): Promise<Page>
  /** Deliveries that failed with no way behind them; the person may have been reached by another track. */
  dead(
    query: DeadQuery,
  ): Promise<Array<DeliveryView & { notificationId: string; template: string; userId: string | null }>>
  /** Sends a dead notification again from the beginning of its tracks; the tries so far stay in its list. */
  replay(id: string, noted: Noted): Promise<Result<NotificationView, 'notification_not_found' | 'not_dead'>>
  /** Calls off what somebody sent by name, as far as it has not gone yet. What a provider is being handed may still go. */
  cancel(
    id: string,
    noted: Noted,
  ): Promise<Result<NotificationView, 'notification_not_found' | 'template_protected' | 'nothing_waits'>>
  /** What is kept of a person. */
  export(userId: string): Promise<NotificationView[]>
}

const EXPORTED = 1_000
/** With filters that no index serves, so many are looked through for one page. */
const LOOKED_THROUGH = 5_000

export function createMessages(
  { store, clock, keyring }: Runtime,
  {
    identity,
    reach,
    suppressions,
    wake,
  }: { identity: Identity; reach: Reach; suppressions: Suppressions; wake: (tx: Tx) => void },
): Messages {
  const view = (row: NotificationRow): NotificationView => ({
    id: row.id,
    userId: row.userId,
    template: row.template,
    category: row.category,
    status: statusAt(row, clock()),
    about: row.about,
    dueAt: iso(row.dueAt),
    expiresAt: isoOrNull(row.expiresAt),
    createdAt: iso(row.createdAt),
  })

  /** The oldest notification that a search without an index looks at; nothing if it comes to the end before. */
  async function floorOf(after: string | undefined): Promise<string | undefined> {
    const [row] = await store.read
      .select({ id: notifications.id })
      .from(notifications)
      .where(after === undefined ? undefined : lt(notifications.id, after))
      .orderBy(desc(notifications.id))
      .offset(LOOKED_THROUGH)
      .limit(1)
    return row?.id
  }

  /** A person here, or an address that is nobody’s, as the outbox names both. */
  async function recipientOf(to: string): Promise<string> {
    const person = await identity.find(to)
    return person?.id ?? recipientHash(keyring, plainAddress(to))
  }

  async function search({ to, status, template, about, limit, after }: MessageQuery): Promise<Page> {
    const recipient = to === undefined ? undefined : await recipientOf(to)
    const hasIndex = recipient !== undefined || about !== undefined || (status === undefined && template === undefined)
    const floor = hasIndex ? undefined : await floorOf(after)
    const rows = await store.read
      .select()
      .from(notifications)
      .where(
        and(
          recipient === undefined ? undefined : eq(notifications.recipient, recipient),
          about === undefined ? undefined : isAbout(about),
          status === undefined ? undefined : eq(notifications.status, status),
          template === undefined ? undefined : eq(notifications.template, template),
          after === undefined ? undefined : lt(notifications.id, after),
          floor === undefined ? undefined : gte(notifications.id, floor),
        ),
      )
      .orderBy(desc(notifications.id))
      .limit(limit + 1)
    const items = rows.slice(0, limit).map(view)
    return { items, next: rows.length > limit ? items.at(-1)?.id : floor }
  }

  /** All steps of a track that failed go at once: whoever replays has seen that nothing else helped. */
  async function again(
    tx: Tx,
    id: string,
    addresses: ReadonlyArray<{ medium: string; address: string | undefined }>,
    noted: Noted,
  ): Promise<Result<NotificationView, 'notification_not_found' | 'not_dead'>> {
    const [row] = await forUpdate(tx.select().from(notifications).where(eq(notifications.id, id)))
    if (!row) return fail('notification_not_found')
    const ways = await tx.select().from(deliveries).where(eq(deliveries.notificationId, id))
    const tracks = new Set(ways.filter(({ state }) => state === 'dead').map(({ track }) => track))
    if (tracks.size === 0) return fail('not_dead')
    const revived = ways.filter(({ track, state }) => tracks.has(track) && (state === 'dead' || state === 'failed'))
    const ids = revived.map((way) => way.id)
    // Whoever wants it sent again wants the address tried again.
    for (const { medium, address } of addresses)
      if (address && revived.some((way) => way.medium === medium))
        await suppressions.liftInvalid(tx, medium, address, noted)
    const now = clock()
    const reason = 'sent again by an operator'
    const anew = { state: 'waiting', attempts: 0, dueAt: now, readyAt: now, leaseUntil: 0, reason }
    const replayed: Try = { at: now, provider: null, outcome: 'replayed', reason, tookMs: 0 }
    for (const way of revived) {
      const tries = [...(way.tries as Try[]), replayed]
      await tx
        .update(deliveries)
        .set({ ...anew, tries })
        .where(eq(deliveries.id, way.id))
    }
    const status = statusOf(ways.map((way) => (ids.includes(way.id) ? 'waiting' : way.state)))
    await tx.update(notifications).set({ status }).where(eq(notifications.id, id))
    await noted(tx, 'message.replay', id)
    wake(tx)
    return ok(view({ ...row, status }))
  }

  async function callOff(tx: Tx, id: string, noted: Noted): ReturnType<Messages['cancel']> {
    const [row] = await forUpdate(tx.select().from(notifications).where(eq(notifications.id, id)))
    if (!row) return fail('notification_not_found')
    if (!row.uniqueKey.startsWith(SENT_BY_NAME)) return fail('template_protected')
    const ways = await tx.select().from(deliveries).where(eq(deliveries.notificationId, id))
    const comes = row.inApp && row.dueAt > clock()
    if (!comes && ways.every(({ state }) => state !== 'waiting')) return fail('nothing_waits')
    await tx
      .update(deliveries)
      .set({ state: 'cancelled', reason: 'called off', fallbackAt: null, leaseUntil: 0 })
      .where(and(eq(deliveries.notificationId, id), eq(deliveries.state, 'waiting')))
    await tx.update(deliveries).set({ fallbackAt: null }).where(eq(deliveries.notificationId, id))
    const status = statusOf(['cancelled', ...ways.map(({ state }) => (state === 'waiting' ? 'cancelled' : state))])
    const inApp = row.inApp && !comes
    // One that was taken may yet fail, and no other way follows it.
    const tracks = (row.tracks as Track[]).map((steps, track) =>
      steps.filter(({ medium }) => ways.some((way) => way.track === track && way.medium === medium)),
    )
    await tx.update(notifications).set({ status, inApp, tracks }).where(eq(notifications.id, id))
    await noted(tx, 'message.cancel', id)
    return ok(view({ ...row, status, inApp }))
  }

  return {
    search,
    cancel: (id, noted) => store.write((tx) => callOff(tx, id, noted)),

    async get(id) {
      const [row] = await store.read.select().from(notifications).where(eq(notifications.id, id))
      if (!row) return fail('notification_not_found')
      const ways = await store.read
        .select()
        .from(deliveries)
        .where(eq(deliveries.notificationId, id))
        .orderBy(asc(deliveries.track), asc(deliveries.step))
      return ok({ ...view(row), data: onlyIds((row.facts as Facts).data), deliveries: ways.map(deliveryView) })
    },

    async dead({ channel, template, limit, after }) {
      const rows = await store.read
        .select({ delivery: deliveries, notification: notifications })
        .from(deliveries)
        .innerJoin(notifications, eq(notifications.id, deliveries.notificationId))
        .where(
          and(
            isDead,
            channel === undefined ? undefined : eq(deliveries.medium, channel),
            template === undefined ? undefined : eq(notifications.template, template),
            after === undefined ? undefined : lt(deliveries.id, after),
          ),
        )
        .orderBy(desc(deliveries.id))
        .limit(limit)
      return rows.map(({ delivery, notification: { id, template, userId } }) => ({
        ...deliveryView(delivery),
        notificationId: id,
        template,
        userId,
      }))
    },

    async replay(id, noted) {
      const [seen] = await store.read.select().from(notifications).where(eq(notifications.id, id))
      if (!seen) return fail('notification_not_found')
      const whom = await reach.whom(seen)
      const ways = await store.read.select().from(deliveries).where(eq(deliveries.notificationId, id))
      const addresses = await Promise.all(
        ways.map(async ({ medium }) => ({ medium, address: await whom.addressFor(medium as Medium) })),
      )
      return store.write((tx) => again(tx, id, addresses, noted))
    },

    async export(userId) {
      const rows = await store.read
        .select()
        .from(notifications)
        .where(eq(notifications.recipient, userId))
        .orderBy(desc(notifications.id))
        .limit(EXPORTED)
      return rows.map(view)
    },
  }
}

/** In the words of the partial index: a parameter would not let it be used. */
const isDead = eq(deliveries.state, sql`'dead'`)

/** Whoever looks after messages need not know how much money somebody has. */
const onlyIds = (data: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(data).filter(([, value]) => /^[a-z]{3}_[0-9a-z]{20}$/.test(String(value))))

function deliveryView(row: DeliveryRow): DeliveryView {
  return {
    id: row.id,
    channel: row.medium,
    track: row.track,
    step: row.step,
    state: row.state as DeliveryState,
    provider: row.provider,
    reason: row.reason,
    attempts: (row.tries as Try[]).map((each) => ({ ...each, at: iso(each.at) })),
    dueAt: iso(row.dueAt),
    acceptedAt: isoOrNull(row.acceptedAt),
    deliveredAt: isoOrNull(row.deliveredAt),
  }
}

/** The unique key begins with what a notification is about, so it serves as the index. */
const isAbout = (about: string) => or(beginsWith(about), beginsWith(`${SENT_BY_NAME}${about}`))

const beginsWith = (about: string) =>
  and(gte(notifications.uniqueKey, `${about} `), lt(notifications.uniqueKey, `${about}!`))
