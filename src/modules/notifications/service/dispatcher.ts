/**
 * Sends what is due. Each medium has a lane of its own, so one whose provider stalls holds up no other; within a lane
 * what is urgent goes first. A delivery is taken by lease, so any copy of the process may send it and one that dies
 * loses nothing: what it had under way is sent again, under the same id, when its lease has run out.
 */
import { aliasedTable, and, asc, eq, inArray, isNotNull, lt, lte, ne, notExists, or, sql } from 'drizzle-orm'
import type { Db, Tx } from '../../../platform/db'
import { forUpdate } from '../../../platform/db/dialect'
import type { Patience } from '../../../platform/queue/patience'
import type { Runtime } from '../../../platform/runtime'
import type { Medium, OutgoingMessage, Sent } from '../channels/channel'
import { deliveries, notifications } from '../schema'
import type { Compose } from './compose'
import type { DeliveryRow, NotificationRow } from './outbox'
import type { Asked, Outcomes } from './outcomes'
import type { Policy, Verdict } from './policy'
import type { Provider, Providers } from './providers'

export interface Dispatcher {
  start(): void
  /** Takes no more, and waits for what is under way. */
  stop(): Promise<void>
  /** Something may be due: called in the unit that puts it in. */
  wake(tx: Tx): void
  /** Sends everything that is due now and can go, and what comes due by it; for tests and for shutting down. */
  drain(): Promise<void>
  /** Begins the next step wherever one has waited long enough. */
  fallBackDue(): Promise<number>
  underWay(): number
}

interface Taken {
  delivery: DeliveryRow
  notification: NotificationRow
  /** Its process ended while it was under way. */
  interrupted: boolean
}

/** Lanes, the first before the other. */
const URGENT = 0
const NORMAL = 1
const POLL_MS = 1_000
const LEASE_MS = 90_000
/** A provider that has not ended a send by then has failed it; well within the lease. */
const SEND_LIMIT_MS = 60_000
const TAKE_AT_ONCE = 64
const DIGEST_AT_ONCE = 50
const FALL_BACK_AT_ONCE = 200
const BREAKER_FIGURES = { closed: 0, half_open: 1, open: 2 }
/** A lease that has run out, and was one. */
const INTERRUPTED = 1
/** Until a provider has room again. */
const NO_ROOM_MS = 1_000

export function createDispatcher(
  { store, clock, log, metrics }: Runtime,
  {
    providers,
    policy,
    compose,
    outcomes,
    patience,
  }: { providers: Providers; policy: Policy; compose: Compose; outcomes: Outcomes; patience: Patience },
): Dispatcher {
  const pumping = new Map<Medium, Promise<void>>()
  const again = new Set<Medium>()
  const underWay = new Set<Promise<void>>()
  const performing = new Map<string, number>()
  const resting = new Map<Medium, ReturnType<typeof setTimeout>>()
  let poll: ReturnType<typeof setInterval> | undefined
  let stopped = true

  /** Of what is gathered for a person the first stands for all: it takes the others along. */
  function standsForItself(db: Db) {
    const earlier = aliasedTable(deliveries, 'earlier')
    return or(
      eq(deliveries.digest, false),
      notExists(
        db
          .select({ one: sql`1` })
          .from(earlier)
          .where(
            and(
              sql`${earlier.digest} and ${earlier.state} = 'waiting'`,
              eq(earlier.recipient, deliveries.recipient),
              eq(earlier.medium, deliveries.medium),
              lt(earlier.id, deliveries.id),
              lte(earlier.dueAt, clock()),
            ),
          ),
      ),
    )
  }

  const due = (db: Db, medium: Medium, limit: number, lanes: readonly number[]) =>
    db
      .select({ id: deliveries.id })
      .from(deliveries)
      .where(
        and(
          eq(deliveries.medium, medium),
          eq(deliveries.state, sql`'waiting'`),
          inArray(deliveries.lane, [...lanes]),
          lte(deliveries.dueAt, clock()),
          lte(deliveries.leaseUntil, clock()),
          standsForItself(db),
        ),
      )
      .orderBy(asc(deliveries.lane), asc(deliveries.dueAt))
      .limit(limit)

  async function lease(tx: Tx, ids: string[]): Promise<Taken[]> {
    const rows = await tx
      .select({ delivery: deliveries, notification: notifications })
      .from(deliveries)
      .innerJoin(notifications, eq(notifications.id, deliveries.notificationId))
      .where(inArray(deliveries.id, ids))
    await tx
      .update(deliveries)
      .set({ leaseUntil: clock() + LEASE_MS, attempts: sql`${deliveries.attempts} + 1` })
      .where(inArray(deliveries.id, ids))
    return rows.map(({ delivery, notification }) => ({
      delivery: { ...delivery, attempts: delivery.attempts + 1 },
      notification,
      interrupted: delivery.leaseUntil > 0,
    }))
  }

  /** `hurry`: whoever drains waits for everything, so nothing rests. */
  async function take(medium: Medium, hurry: boolean): Promise<Taken[]> {
    const capacity = Math.min(TAKE_AT_ONCE, providers.capacity(medium))
    const room = capacity - (performing.get(medium) ?? 0)
    if (room <= 0) return []
    // Taken by the half, a commit is shared by many; what is urgent takes whatever place there is.
    const lanes = hurry ? [URGENT, NORMAL] : room * 2 < capacity ? [URGENT] : lanesOf(medium)
    if ((await due(store.read, medium, 1, lanes)).length === 0) return []
    return store.write(async (tx) => {
      const ids = (await forUpdate(due(tx, medium, room, lanes), 'skip locked')).map(({ id }) => id)
      return ids.length === 0 ? [] : lease(tx, ids)
    })
  }

  /** What is not urgent rests after each batch while people wait for answers. */
  function lanesOf(medium: Medium): readonly number[] {
    const restMs = patience.restOf(medium)
    if (restMs === 0) return [URGENT, NORMAL]
    if (!stopped && !resting.has(medium)) {
      const timer = setTimeout(() => {
        resting.delete(medium)
        pump(medium)
      }, restMs)
      resting.set(medium, timer)
    }
    return [URGENT]
  }

  /** The others of the sort that are gathered for the same person, as far as they are still to be told. */
  async function gather({ delivery: first, notification }: Taken): Promise<Taken[]> {
    const others = await store.write(async (tx) => {
      const rows = await tx
        .select({ id: deliveries.id })
        .from(deliveries)
        .innerJoin(notifications, eq(notifications.id, deliveries.notificationId))
        .where(
          and(
            sql`${deliveries.digest} and ${deliveries.state} = 'waiting'`,
            eq(deliveries.recipient, first.recipient),
            eq(deliveries.medium, first.medium),
            eq(notifications.category, notification.category),
            ne(deliveries.id, first.id),
            lte(deliveries.dueAt, clock()),
            lte(deliveries.leaseUntil, clock()),
          ),
        )
        .orderBy(asc(deliveries.id))
        .limit(DIGEST_AT_ONCE - 1)
      const ids = rows.map(({ id }) => id)
      return ids.length === 0 ? [] : lease(tx, ids)
    })
    const told: Taken[] = []
    for (const each of others) {
      const verdict = await policy.decide(each.delivery, each.notification)
      if (verdict.go) told.push(each)
      else await heed(each, verdict)
    }
    return told.toSorted((one, other) => (one.delivery.id < other.delivery.id ? -1 : 1))
  }

  /** What becomes of a delivery that is not to be sent now. */
  async function heed({ delivery, notification }: Taken, verdict: Exclude<Verdict, { go: true }>): Promise<void> {
    await store.write((tx) =>
      'end' in verdict
        ? outcomes.end(tx, delivery, notification, verdict.end, verdict.reason)
        : outcomes.putOff(tx, delivery, verdict.until, verdict.reason, verdict.digest),
    )
  }

  async function perform(taken: Taken): Promise<void> {
    const { delivery, notification } = taken
    const verdict = await policy.decide(delivery, notification)
    if (!verdict.go) return heed(taken, verdict)
    const { to, whom } = verdict
    const all = [taken, ...(delivery.digest ? await gather(taken) : [])]
    const message =
      all.length === 1
        ? await compose.message(delivery, notification, whom, to)
        : await compose.digest(
            delivery,
            all.map((each) => each.notification),
            whom,
            to,
          )
    if (!message.ok) {
      const sent: Sent = { outcome: 'permanent', reason: message.detail ?? message.code }
      await settle(all, to, [{ provider: 'kumbu', sent, at: clock(), tookMs: 0 }])
      return
    }
    const asked = await askAround(delivery, message.value)
    if (asked.length > 0) return settle(all, to, asked)
    await store.write(async (tx) => {
      for (const each of all)
        await outcomes.putOff(tx, each.delivery, clock() + NO_ROOM_MS, 'no provider has room', each.delivery.digest)
    })
  }

  /** One provider after the other, until one takes the message or says something of the message itself. */
  async function askAround({ medium, tries }: DeliveryRow, message: OutgoingMessage): Promise<Asked[]> {
    const failed = (tries as Array<{ provider: string | null }>).map(({ provider }) => provider ?? '')
    const asked: Asked[] = []
    for (;;) {
      const provider = providers.enter(medium as Medium, failed)
      if (!provider) return asked
      const name = provider.channel.provider
      if (asked.some((each) => each.provider === name)) {
        provider.breaker.release()
        providers.leave(provider)
        return asked
      }
      const one = await ask(provider, message)
      asked.push(one)
      failed.push(name)
      if (one.sent.outcome !== 'transient' || one.sent.aboutMessage) return asked
    }
  }

  async function ask(provider: Provider, message: OutgoingMessage): Promise<Asked> {
    const at = clock()
    const startedAt = performance.now()
    try {
      const sent = await within(SEND_LIMIT_MS, provider.channel.send(message))
      judge(provider, sent)
      return { provider: provider.channel.provider, sent, at, tookMs: Math.round(performance.now() - startedAt) }
    } finally {
      providers.leave(provider)
    }
  }

  /** What the answer says of the provider's health. */
  function judge({ breaker, channel }: Provider, sent: Sent): void {
    const { provider } = channel
    const before = breaker.state()
    if (sent.outcome === 'accepted') breaker.succeeded()
    // A refusal of the message alone says little: the provider may not even have been asked.
    else if (sent.outcome === 'permanent' || sent.aboutMessage) breaker.release()
    else breaker.failed(sent.retryAfterMs)
    const after = breaker.state()
    if (after !== before) metrics.breakers.set({ provider }, BREAKER_FIGURES[after])
    if (after === 'open' && before !== 'open' && sent.outcome === 'transient')
      log.warn({ provider, reason: sent.reason }, 'a provider is down; it is tried again later')
  }

  async function settle(all: readonly Taken[], to: string, asked: readonly Asked[]): Promise<void> {
    await store.write(async (tx) => {
      for (const [i, { delivery, notification, interrupted }] of all.entries()) {
        // The provider’s id of a digest stands beside the first that it holds.
        const own = i === 0 ? asked : asked.map(withoutProviderId)
        await outcomes.record(tx, { delivery, notification, to, asked: own, interrupted })
      }
    })
  }

  async function performSafely(taken: Taken): Promise<void> {
    const { medium } = taken.delivery
    const isPatient = taken.delivery.lane === NORMAL
    performing.set(medium, (performing.get(medium) ?? 0) + 1)
    if (isPatient) patience.began(medium)
    try {
      await perform(taken)
    } catch (error) {
      // The lease runs out by itself, so it is taken again.
      metrics.messages.inc({ channel: medium, outcome: 'broken' })
      log.error({ delivery: taken.delivery.id, error }, 'a delivery broke off')
    } finally {
      performing.set(medium, (performing.get(medium) ?? 1) - 1)
      if (isPatient) patience.ended(medium)
    }
  }

  async function pumpOnce(medium: Medium, hurry = false): Promise<number> {
    const taken = await take(medium, hurry)
    for (const each of taken) {
      const work = performSafely(each)
      underWay.add(work)
      void work.finally(() => {
        underWay.delete(work)
        if (!stopped) pump(medium)
      })
    }
    return taken.length
  }

  /** One taker a lane; who comes meanwhile makes it look once more. */
  function pump(medium: Medium): void {
    again.add(medium)
    if (pumping.has(medium)) return
    const work = (async () => {
      try {
        while (again.delete(medium) && !stopped) {
          // Whatever ends in the same turn is refilled together.
          await new Promise<void>((resolve) => setImmediate(resolve))
          await pumpOnce(medium)
        }
      } catch (error) {
        log.error({ medium, error }, 'deliveries could not be taken')
      } finally {
        pumping.delete(medium)
      }
    })()
    pumping.set(medium, work)
  }

  async function fallBackDue(): Promise<number> {
    const rows = await store.read
      .select({ id: deliveries.id })
      .from(deliveries)
      .where(and(isNotNull(deliveries.fallbackAt), lte(deliveries.fallbackAt, clock())))
      .orderBy(asc(deliveries.fallbackAt))
      .limit(FALL_BACK_AT_ONCE)
    if (rows.length === 0) return 0
    await store.write(async (tx) => {
      for (const { id } of rows) await outcomes.fallBack(tx, id)
    })
    return rows.length
  }

  /** What is over is over, also while nothing of its medium is sent. */
  async function expireDue(): Promise<number> {
    const over = (db: Db) =>
      db
        .select({ delivery: deliveries, notification: notifications })
        .from(deliveries)
        .innerJoin(notifications, eq(notifications.id, deliveries.notificationId))
        .where(
          and(
            eq(deliveries.state, sql`'waiting'`),
            lte(deliveries.expiresAt, clock()),
            lte(deliveries.leaseUntil, clock()),
          ),
        )
        .limit(FALL_BACK_AT_ONCE)
    if ((await over(store.read)).length === 0) return 0
    return store.write(async (tx) => {
      const rows = await over(tx)
      for (const { delivery, notification } of rows)
        await outcomes.end(tx, delivery, notification, 'expired', 'too late')
      return rows.length
    })
  }

  async function look(): Promise<void> {
    try {
      await expireDue()
      await fallBackDue()
    } catch (error) {
      log.error({ error }, 'steps that are due could not be begun')
    }
    for (const medium of providers.media()) pump(medium)
  }

  return {
    start() {
      stopped = false
      poll = setInterval(() => void look(), POLL_MS)
      void release().then(look)
    },
    async stop() {
      stopped = true
      clearInterval(poll)
      for (const timer of resting.values()) clearTimeout(timer)
      resting.clear()
      await Promise.allSettled([...pumping.values(), ...underWay])
      await Promise.allSettled([...underWay])
    },
    wake(tx) {
      if (stopped) return
      store.afterwards(tx, () => {
        for (const medium of providers.media()) pump(medium)
      })
    },
    async drain() {
      for (;;) {
        await Promise.allSettled([...pumping.values(), ...underWay])
        let begun = (await expireDue()) + (await fallBackDue())
        for (const medium of providers.media()) begun += await pumpOnce(medium, true)
        await Promise.allSettled([...underWay])
        if (begun === 0) return
      }
    },
    fallBackDue,
    underWay: () => underWay.size,
  }

  /** Nobody else has this file: what a process that died had under way is free. */
  async function release(): Promise<void> {
    if (store.engine !== 'sqlite') return
    try {
      await store.write(async (tx) => {
        await tx
          .update(deliveries)
          .set({ leaseUntil: INTERRUPTED })
          .where(and(eq(deliveries.state, 'waiting'), sql`${deliveries.leaseUntil} > ${INTERRUPTED}`))
      })
    } catch (error) {
      log.error({ error }, 'leases of a process that died could not be freed; they run out by themselves')
    }
  }
}

const withoutProviderId = (asked: Asked): Asked =>
  asked.sent.outcome === 'accepted' ? { ...asked, sent: { outcome: 'accepted' } } : asked

async function within(limitMs: number, sending: Promise<Sent>): Promise<Sent> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<Sent>((resolve) => {
    timer = setTimeout(() => resolve({ outcome: 'transient', reason: 'no answer in time' }), limitMs)
  })
  try {
    return await Promise.race([sending, late])
  } catch (error) {
    // A provider that throws has a fault of its own; the message is not to blame.
    return { outcome: 'transient', reason: error instanceof Error ? error.name : 'unknown fault' }
  } finally {
    clearTimeout(timer)
  }
}
