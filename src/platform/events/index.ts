/**
 * The transactional outbox. `append` writes an event and, for each subscriber of its type, its delivery, in the
 * transaction in which the event happened; the deliveries run after the commit (see `platform/queue`).
 */
import type { Static, TSchema } from '@sinclair/typebox'
import { asc, eq, inArray } from 'drizzle-orm'
import { prepared, preparedWrite, type Tx, type Unit } from '../db'
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
/** A batch shares its commits, so a large one costs little more than a small one. */
const PATIENT_BATCH = 64
const PRUNE_AT_ONCE = 5_000

interface NewEvent extends Record<string, unknown> {
  type: string
  key: string
  payload: unknown
  at: number
}

const insertEvent = preparedWrite<NewEvent>('insert_event', (db, $) =>
  db.insert(events).values({ type: $('type'), key: $('key'), payload: $('payload'), at: $('at') } as never),
)

/** The same, answering the event's number, which costs more and only deliveries need. */
const insertEventForDelivery = prepared<NewEvent, Array<{ id: number }>>('insert_event_for_delivery', (db, $) =>
  db
    .insert(events)
    .values({ type: $('type'), key: $('key'), payload: $('payload'), at: $('at') } as never)
    .returning({ id: events.id }),
)

export function createEvents({ store, clock, metrics }: Runtime, queue: Queue): Events {
  const subscribers = new Map<string, Subscriber[]>()
  const workers = new Set<string>()

  async function deliver(name: string, eventId: number): Promise<Unit<void> | undefined> {
    const [event] = await store.read.select().from(events).where(eq(events.id, eventId))
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

  return {
    subscribe(subscriber) {
      const { name, to, patient = false } = subscriber
      const others = subscribers.get(to.type) ?? []
      if (others.some((each) => each.name === name)) throw new Error(`${name} listens to ${to.type} already.`)
      subscribers.set(to.type, [...others, subscriber as unknown as Subscriber])
      addWorker(name, patient)
    },

    async append(tx, { type }, key, payload) {
      const event = { type, key, payload, at: clock() }
      metrics.events.inc({ type })
      const interested = subscribers.get(type)
      if (!interested) {
        insertEvent(tx, event)
        return
      }
      const [inserted] = await insertEventForDelivery(tx, event)
      for (const { name } of interested) {
        await queue.put(tx, {
          kind: deliveryKind(name),
          payload: { eventId: inserted?.id },
          orderingKey: key,
        })
      }
    },

    async prune(before) {
      const old = await store.read
        .select({ id: events.id, at: events.at })
        .from(events)
        .orderBy(asc(events.id))
        .limit(PRUNE_AT_ONCE)
      const oldIds = old.filter(({ at }) => at < before).map(({ id }) => id)
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
