/**
 * The transactional outbox. `append` writes an event in the transaction in which it happened, which is all that whoever
 * caused it pays for. After the commit a relay puts a delivery for each subscriber of its type into the queue
 * (`platform/queue`), once: it takes the event's mark away in the same transaction.
 */
import type { Static, TSchema } from '@sinclair/typebox'
import { asc, eq, inArray, max } from 'drizzle-orm'
import { type Db, preparedWrite, type Tx, type Unit } from '../db'
import { forUpdate } from '../db/dialect'
import { HopelessError, type Queue } from '../queue'
import type { Runtime } from '../runtime'
import { events } from './schema'

/** A kind of event: its name in the past tense, and the shape of what it carries (ids and amounts, never personal data). */
export interface EventType<Payload extends TSchema = TSchema> {
  readonly type: string
  readonly payload: Payload
}

export function eventType<Payload extends TSchema>(type: string, payload: Payload): EventType<Payload> {
  return { type, payload }
}

export interface Happened<Payload> {
  id: number
  type: string
  key: string
  payload: Payload
  at: number
}

export interface Subscriber<Payload extends TSchema = TSchema> {
  /** A subscriber may listen to several types under one name; its deliveries keep their order across them. */
  name: string
  to: EventType<Payload>
  /** Nobody waits for it: see `Worker.patient`. */
  patient?: boolean
  /** See `Worker.run`: the answered unit runs in the transaction that ends the delivery. */
  handle(event: Happened<Static<Payload>>): Promise<Unit<void> | undefined>
}

export interface Events {
  subscribe<Payload extends TSchema>(subscriber: Subscriber<Payload>): void
  append<Payload extends TSchema>(
    tx: Tx,
    type: EventType<Payload>,
    key: string,
    payload: Static<Payload>,
  ): Promise<void>
  /** Deletes events older than the moment whose deliveries have all ended; answers how many. */
  prune(before: number): Promise<number>
}

const DELIVERY_ATTEMPTS = 12
const FIRST = 1
const PATIENT = 2
const RELAY_AT_ONCE = 200
/** A batch shares its commits, so a large one costs little more than a small one. */
const PATIENT_BATCH = 64
const PRUNE_AT_ONCE = 5_000

interface NewEvent extends Record<string, unknown> {
  type: string
  key: string
  payload: unknown
  at: number
  lane: number | null
}

const insertEvent = preparedWrite<NewEvent>('insert_event', (db, $) =>
  db.insert(events).values({
    type: $('type'),
    key: $('key'),
    payload: $('payload'),
    at: $('at'),
    lane: $('lane'),
  } as never),
)

export function createEvents({ store, clock, metrics }: Runtime, queue: Queue): Events {
  const subscribers = new Map<string, Subscriber[]>()
  const workers = new Set<string>()
  const isPatient = new Map<string, boolean>()

  async function deliver(name: string, eventId: number): Promise<Unit<void> | undefined> {
    const { id, type, key, payload, at } = events
    const [event] = await store.read.select({ id, type, key, payload, at }).from(events).where(eq(events.id, eventId))
    if (!event) throw new HopelessError(`The event ${eventId} is no longer there.`)
    const subscriber = subscribers.get(event.type)?.find((each) => each.name === name)
    return subscriber?.handle(event as Happened<never>)
  }

  /** One worker for all types that a subscriber listens to, so that order holds across them. */
  function addWorker(name: string, patient: boolean): void {
    if (workers.has(name)) return
    workers.add(name)
    queue.add({
      kind: deliveryKind(name),
      attempts: DELIVERY_ATTEMPTS,
      ...(patient ? { patient, concurrency: PATIENT_BATCH } : {}),
      run: ({ payload }) => deliver(name, (payload as { eventId: number }).eventId),
    })
  }

  /** An event that somebody is waited for goes before others; nobody listens to most. */
  function laneOf(type: string): number | null {
    const interested = subscribers.get(type)
    if (!interested) return null
    return interested.every(({ patient }) => patient) ? PATIENT : FIRST
  }

  async function relay(lane: number): Promise<number> {
    const { id, type, key } = events
    const marked = (db: Db, limit: number) =>
      db.select({ id, type, key }).from(events).where(eq(events.lane, lane)).orderBy(asc(events.id)).limit(limit)
    if ((await marked(store.read, 1)).length === 0) return 0
    return store.write(async (tx) => {
      const rows = await forUpdate(marked(tx, RELAY_AT_ONCE), 'skip locked')
      // Another copy is at those before these: put in beside it, they would get in front of them.
      if (rows[0]?.id !== (await marked(tx, 1))[0]?.id) return 0
      for (const { id, type, key } of rows) {
        for (const { name } of subscribers.get(type) ?? []) {
          await queue.put(tx, { kind: deliveryKind(name), payload: { eventId: id }, orderingKey: key })
        }
      }
      const ids = rows.map(({ id }) => id)
      if (ids.length > 0) await tx.update(events).set({ lane: null }).where(inArray(events.id, ids))
      return ids.length
    })
  }

  queue.draw({ name: 'events that are waited for', patient: false, pull: () => relay(FIRST) })
  queue.draw({ name: 'events', patient: true, pull: () => relay(PATIENT) })

  return {
    subscribe(subscriber) {
      const { name, to, patient = false } = subscriber
      const others = subscribers.get(to.type) ?? []
      if (others.some((each) => each.name === name)) throw new Error(`${name} listens to ${to.type} already.`)
      // Two relays keep no order between them.
      if (isPatient.has(name) && isPatient.get(name) !== patient)
        throw new Error(`${name} is waited for, or it is patient; it cannot be both.`)
      isPatient.set(name, patient)
      subscribers.set(to.type, [...others, subscriber as unknown as Subscriber])
      addWorker(name, patient)
    },

    async append(tx, { type }, key, payload) {
      metrics.events.inc({ type })
      insertEvent(tx, { type, key, payload, at: clock(), lane: laneOf(type) })
      queue.wake()
    },

    async prune(before) {
      const old = await store.read
        .select({ id: events.id, at: events.at, lane: events.lane })
        .from(events)
        .orderBy(asc(events.id))
        .limit(PRUNE_AT_ONCE)
      // SQLite would give the newest event’s number again if its row went, and others know events by their numbers.
      const [newest] = await store.read.select({ id: max(events.id) }).from(events)
      const oldIds = old
        .filter(({ id, at, lane }) => at < before && lane === null && id !== newest?.id)
        .map(({ id }) => id)
      if (oldIds.length === 0) return 0
      const awaited = (await queue.payloads('event:')) as Array<{ eventId: number }>
      const needed = new Set(awaited.map(({ eventId }) => eventId))
      const free = oldIds.filter((id) => !needed.has(id))
      if (free.length === 0) return 0
      await store.write(async (tx) => {
        await tx.delete(events).where(inArray(events.id, free))
      })
      return free.length
    },
  }
}

function deliveryKind(subscriber: string): string {
  return `event:${subscriber}`
}
