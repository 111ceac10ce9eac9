/**
 * Places that become free, and the line of those who wait for one. A place goes to the first whose dates it fits: it is
 * kept for them as an appointment that is only offered, for half an hour, and then goes to the next.
 */
import { and, asc, eq, gt, gte, inArray, lte, ne, sql } from 'drizzle-orm'
import type { Db, Tx } from '../../../platform/db'
import type { Events } from '../../../platform/events'
import type { Runtime } from '../../../platform/runtime'
import { placeOffered } from '../events'
import { appointments, services as serviceTable, waits } from '../schema'
import { type Placing, type PlacingCode, placesLeft } from './placing'
import { type AppointmentRow, isBusy, type Rows } from './rows'
import type { ServiceRow, ServiceRows } from './service-rows'
import type { StaffBook } from './staff'
import { MINUTE_MS } from './time'
import { after } from './transitions'
import { isWaiting, type Waiting, type WaitRow } from './waiting'

/** A place that somebody has given up, or that there was not before. */
export interface FreePlace {
  staffId: string
  startsAt: number
  /** Whoever gave it up is not offered it. */
  userId?: string
}

export interface Offers {
  /** Within the unit that frees a place. */
  freed(tx: Tx, place: FreePlace): Promise<void>
  /** Within the unit in which a service takes more people than before: offers the first of the new places. */
  grown(tx: Tx, service: ServiceRow): Promise<void>
  /** Goes on with services that have grown, a part of each; answers how many have more to offer. */
  growDue(): Promise<number>
  /** Ends offers that nobody took in time and gives the places to the next; answers how many. */
  lapseDue(limit: number): Promise<number>
}

const OFFERED_MS = 30 * MINUTE_MS
const LINE_PAGE = 25
/** Nobody keeps the database busy with a line of people of whom none can come: then the place is for whoever books it. */
const LOOKED_AT_LIMIT = 500
/** What one unit does for a service that has grown. */
const STARTS_AT_ONCE = 20
const OFFERS_AT_ONCE = 50
const GROWN_AT_ONCE = 10

/** Reasons that lie with whoever waits. Any other holds for everybody who waits for the service. */
const THEIR_OWN: ReadonlySet<PlacingCode> = new Set<PlacingCode>([
  'appointment_overlap',
  'own_service',
  'too_many_appointments',
])

export interface OffersParts {
  events: Events
  rows: Rows
  services: ServiceRows
  staff: StaffBook
  placing: Placing
  waiting: Waiting
}

export function createOffers({ store, clock, newId }: Runtime, parts: OffersParts): Offers {
  const { events, rows, services, staff, placing, waiting } = parts

  /** Who may want the place, the longest waiting first, from behind the one that was looked at last. */
  const lineFor = (
    tx: Tx,
    serviceIds: Iterable<string>,
    { staffId, startsAt, userId }: FreePlace,
    behind: string,
  ): Promise<WaitRow[]> =>
    tx
      .select()
      .from(waits)
      .where(
        and(
          isWaiting,
          inArray(waits.serviceId, [...serviceIds]),
          gt(waits.id, behind),
          lte(waits.fromAt, startsAt),
          gt(waits.toAt, startsAt),
          sql`(${waits.staffId} is null or ${waits.staffId} = ${staffId})`,
          userId === undefined ? undefined : ne(waits.userId, userId),
        ),
      )
      .orderBy(asc(waits.id))
      .limit(LINE_PAGE)

  /** Keeps the place for whoever this is; or why it is none for them. */
  async function offer(
    tx: Tx,
    wait: WaitRow,
    service: ServiceRow,
    { staffId, startsAt }: FreePlace,
  ): Promise<PlacingCode | undefined> {
    const placed = await placing.place(tx, { service, staffId, startsAt, userId: wait.userId })
    if (!placed.ok) return placed.code
    const now = clock()
    const { endsAt, busyUntil } = placed.value
    const { cancelMinutes } = service
    const offeredUntil = Math.min(now + OFFERED_MS, startsAt)
    const row: AppointmentRow = {
      id: newId('apt'),
      userId: wait.userId,
      serviceId: service.id,
      staffId,
      startsAt,
      endsAt,
      busyUntil,
      status: 'offered',
      version: 1,
      price: service.price,
      deposit: service.deposit,
      currency: service.currency,
      depositState: 'none',
      holdId: null,
      transferId: null,
      cancelMinutes,
      cancelUntil: startsAt - cancelMinutes * MINUTE_MS,
      offeredUntil,
      waitId: wait.id,
      cancelledBy: null,
      reason: null,
      createdAt: now,
      updatedAt: now,
    }
    await tx.insert(appointments).values(row)
    await tx.update(waits).set({ state: 'offered' }).where(eq(waits.id, wait.id))
    const { id: appointmentId, userId, version } = row
    await events.append(tx, placeOffered, userId, { appointmentId, userId, version, until: offeredUntil })
    return undefined
  }

  /** Offers the place to the first of these who can take it. Strikes off services of which it is no place at all. */
  async function offerToOneOf(
    tx: Tx,
    line: readonly WaitRow[],
    open: Map<string, ServiceRow>,
    place: FreePlace,
  ): Promise<boolean> {
    for (const wait of line) {
      const service = open.get(wait.serviceId)
      if (!service) continue
      const refused = await offer(tx, wait, service, place)
      if (refused === undefined) return true
      if (!THEIR_OWN.has(refused)) open.delete(service.id)
    }
    return false
  }

  /** Offers the place to the first who wants it and can take it; answers whether there was somebody. */
  async function offerToLine(tx: Tx, serviceIds: readonly string[], place: FreePlace): Promise<boolean> {
    if (place.startsAt <= clock()) return false
    const found = await services.findAll(tx, serviceIds)
    const open = new Map([...found].filter(([, service]) => service.active))
    let behind = ''
    for (let looked = 0; looked < LOOKED_AT_LIMIT && open.size > 0; looked += LINE_PAGE) {
      const line = await lineFor(tx, open.keys(), place, behind)
      if (await offerToOneOf(tx, line, open, place)) return true
      if (line.length < LINE_PAGE) return false
      behind = line.at(-1)?.id ?? behind
    }
    return false
  }

  async function freed(tx: Tx, place: FreePlace): Promise<void> {
    await offerToLine(tx, await staff.servicesOf(tx, place.staffId), place)
  }

  const startsOf = (tx: Tx, service: ServiceRow, from: number) =>
    tx
      .selectDistinct({ startsAt: appointments.startsAt })
      .from(appointments)
      .where(and(isBusy, eq(appointments.serviceId, service.id), gte(appointments.startsAt, from)))
      .orderBy(asc(appointments.startsAt))
      .limit(STARTS_AT_ONCE)

  /** Offers what is free beside those who have this start already; answers to how many. */
  async function fill(tx: Tx, service: ServiceRow, startsAt: number, most: number): Promise<number> {
    const members = await tx
      .selectDistinct({ staffId: appointments.staffId })
      .from(appointments)
      .where(and(isBusy, eq(appointments.serviceId, service.id), eq(appointments.startsAt, startsAt)))
      .orderBy(asc(appointments.staffId))
    const until = startsAt + (service.durationMinutes + service.bufferMinutes) * MINUTE_MS
    let offered = 0
    for (const { staffId } of members) {
      const busy = await rows.busyOf(tx, [staffId], { from: startsAt, to: until })
      let left = Math.min(placesLeft(busy, service, startsAt), most - offered)
      while (left > 0 && (await offerToLine(tx, [service.id], { staffId, startsAt }))) {
        left -= 1
        offered += 1
      }
    }
    return offered
  }

  /** Takes the next of the starts, and notes from where on there is more to do. */
  async function grow(tx: Tx, service: ServiceRow): Promise<number | null> {
    const starts = await startsOf(tx, service, Math.max(service.grownFrom ?? 0, clock()))
    let left = OFFERS_AT_ONCE
    let next = starts.length < STARTS_AT_ONCE ? null : (starts.at(-1)?.startsAt ?? 0) + 1
    for (const { startsAt } of starts) {
      left -= await fill(tx, service, startsAt, left)
      if (left > 0) continue
      next = startsAt
      break
    }
    await tx.update(serviceTable).set({ grownFrom: next }).where(eq(serviceTable.id, service.id))
    return next
  }

  return {
    freed,

    async grown(tx, service) {
      await grow(tx, { ...service, grownFrom: clock() })
    },

    async growDue() {
      const growing = await store.read
        .select({ id: serviceTable.id })
        .from(serviceTable)
        .where(sql`${serviceTable.grownFrom} is not null`)
        .orderBy(asc(serviceTable.grownFrom))
        .limit(GROWN_AT_ONCE)
      let more = 0
      for (const { id } of growing) {
        const next = await store.write(async (tx) => {
          const service = await services.find(tx, id)
          return service && service.grownFrom !== null ? grow(tx, service) : null
        })
        if (next !== null) more += 1
      }
      return more
    },

    async lapseDue(limit) {
      const overdue = (db: Db) =>
        db
          .select({ id: appointments.id })
          .from(appointments)
          .where(and(sql`${appointments.status} = 'offered'`, lte(appointments.offeredUntil, clock())))
          .orderBy(asc(appointments.offeredUntil))
          .limit(limit)
      const found = await overdue(store.read)
      for (const { id } of found) {
        await store.write(async (tx) => {
          const row = await rows.lock(tx, id)
          const status = row && after(row.status, 'lapse')
          if (!row || !status) return
          const lapsed = await rows.change(tx, row, { status })
          await waiting.ended(tx, lapsed)
          await freed(tx, lapsed)
        })
      }
      return found.length
    },
  }
}
