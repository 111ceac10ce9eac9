/**
 * The waiting list. A place that becomes free goes to the first in line whose dates it fits: it is kept for them as an
 * appointment that is only offered, for half an hour, and then goes to the next. Whoever was offered a place has left
 * the line; who wants another one joins again.
 */
import { and, asc, desc, eq, gte, inArray, lt, lte, sql } from 'drizzle-orm'
import type { Db, Tx } from '../../../platform/db'
import type { Events } from '../../../platform/events'
import type { Write } from '../../../platform/http/idempotency'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import { placeOffered } from '../events'
import type { AppointmentCode } from '../failures'
import { appointments, waits } from '../schema'
import { type Placing, placesLeft } from './placing'
import { type AppointmentRow, isBusy, type Rows } from './rows'
import type { ServiceRow, Services } from './services'
import type { StaffBook } from './staff'
import { iso, MINUTE_MS, spanOfDates } from './time'
import { after } from './transitions'

type WaitRow = typeof waits.$inferSelect

export interface WaitInput {
  serviceId: string
  staffId?: string | undefined
  from: string
  to: string
}

export interface WaitView {
  id: string
  serviceId: string
  staffId: string | null
  from: string
  to: string
  state: 'waiting' | 'offered' | 'ended'
  createdAt: string
}

/** A place that somebody has given up. */
export type FreedPlace = Pick<AppointmentRow, 'staffId' | 'startsAt' | 'userId'>

type WaitCode = Extract<
  AppointmentCode,
  | 'service_not_found'
  | 'service_inactive'
  | 'staff_not_found'
  | 'staff_not_for_service'
  | 'span_invalid'
  | 'wait_present'
  | 'too_many_waits'
>

export interface Waiting {
  join(userId: string, input: WaitInput, write: Write): Promise<Result<WaitView, WaitCode>>
  leave(userId: string, id: string): Promise<Result<true, 'wait_not_found'>>
  list(userId: string, limit: number, before?: string): Promise<WaitView[]>
  all(userId: string): Promise<WaitView[]>
  /** Within the unit that frees a place. */
  freed(tx: Tx, place: FreedPlace): Promise<void>
  /** Within the unit in which a service takes more people than before. */
  grown(tx: Tx, service: ServiceRow): Promise<void>
  /** Within the unit in which an offer was taken, declined or cancelled. */
  ended(tx: Tx, row: AppointmentRow): Promise<void>
  /** Ends offers that nobody took in time and gives the places to the next; answers how many. */
  lapseDue(limit: number): Promise<number>
  erase(tx: Tx, userId: string): Promise<void>
}

const OFFERED_MS = 30 * MINUTE_MS
const DAYS_LIMIT = 366
const WAITS_EACH = 20
/** How many of a line are looked at for one place. */
const LINE_LIMIT = 25
const GROWN_LIMIT = 100

const isWaiting = sql`${waits.state} = 'waiting'`

export function createWaiting(
  { store, clock, newId }: Runtime,
  parts: { events: Events; rows: Rows; services: () => Services; staff: StaffBook; placing: Placing },
): Waiting {
  const { events, rows, staff, placing } = parts
  // The services tell this list when they grow, so they are made after it.
  const services = { find: (db: Db, id: string) => parts.services().find(db, id) }

  /** Who may want a place of this member of staff at that moment, the longest waiting first. */
  async function lineFor(tx: Tx, serviceIds: readonly string[], { staffId, startsAt }: FreedPlace): Promise<WaitRow[]> {
    if (serviceIds.length === 0) return []
    const line = await tx
      .select()
      .from(waits)
      .where(
        and(
          isWaiting,
          inArray(waits.serviceId, [...serviceIds]),
          lte(waits.fromAt, startsAt),
          gte(waits.toAt, startsAt + 1),
          sql`(${waits.staffId} is null or ${waits.staffId} = ${staffId})`,
        ),
      )
      .orderBy(asc(waits.id))
      .limit(LINE_LIMIT)
    return line
  }

  /** Keeps the place for whoever this is, if it is one for them. */
  async function offer(
    tx: Tx,
    wait: WaitRow,
    service: ServiceRow,
    { staffId, startsAt }: FreedPlace,
  ): Promise<boolean> {
    const placed = await placing.place(tx, { service, staffId, startsAt, userId: wait.userId })
    if (!placed.ok) return false
    const now = clock()
    const { endsAt, busyUntil } = placed.value
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
      cancelUntil: startsAt - service.cancelMinutes * MINUTE_MS,
      offeredUntil: Math.min(now + OFFERED_MS, startsAt),
      waitId: wait.id,
      cancelledBy: null,
      reason: null,
      createdAt: now,
      updatedAt: now,
    }
    await tx.insert(appointments).values(row)
    await tx.update(waits).set({ state: 'offered' }).where(eq(waits.id, wait.id))
    await events.append(tx, placeOffered, wait.userId, {
      appointmentId: row.id,
      userId: row.userId,
      version: row.version,
      until: row.offeredUntil ?? startsAt,
    })
    return true
  }

  /** Offers the place to the first who wants it; answers whether somebody did. */
  async function offerToLine(tx: Tx, serviceIds: readonly string[], place: FreedPlace): Promise<boolean> {
    if (place.startsAt <= clock()) return false
    for (const wait of await lineFor(tx, serviceIds, place)) {
      if (wait.userId === place.userId) continue
      const service = await services.find(tx, wait.serviceId)
      if (service?.active && (await offer(tx, wait, service, place))) return true
    }
    return false
  }

  async function freed(tx: Tx, place: FreedPlace): Promise<void> {
    await offerToLine(tx, await staff.servicesOf(tx, place.staffId), place)
  }

  async function endWait(tx: Tx, row: AppointmentRow): Promise<void> {
    if (row.waitId !== null) await tx.update(waits).set({ state: 'ended' }).where(eq(waits.id, row.waitId))
  }

  async function refusal(userId: string, { serviceId, staffId }: WaitInput): Promise<WaitCode | undefined> {
    if (staffId !== undefined) {
      if (!(await staff.find(store.read, staffId))?.active) return 'staff_not_found'
      if (!(await staff.does(store.read, staffId, serviceId))) return 'staff_not_for_service'
    }
    const own = await open(store.read, userId)
    if (own.some((each) => each.serviceId === serviceId && each.staffId === (staffId ?? null))) return 'wait_present'
    return own.length >= WAITS_EACH ? 'too_many_waits' : undefined
  }

  const open = (db: Db, userId: string) =>
    db
      .select()
      .from(waits)
      .where(and(eq(waits.userId, userId), isWaiting, gte(waits.toAt, clock())))

  return {
    freed,
    ended: endWait,

    async join(userId, input, write) {
      const service = await services.find(store.read, input.serviceId)
      if (!service) return fail('service_not_found')
      if (!service.active) return fail('service_inactive')
      const span = spanOfDates(input.from, input.to, service.timeZone, DAYS_LIMIT)
      if (!span.ok) return span
      if (span.value.to <= clock()) return fail('span_invalid')
      const refused = await refusal(userId, input)
      if (refused) return fail(refused)
      return write(async (tx): Promise<Result<WaitView, WaitCode>> => {
        const own = await open(tx, userId)
        if (own.some((each) => each.serviceId === input.serviceId && each.staffId === (input.staffId ?? null)))
          return fail('wait_present')
        const row: WaitRow = {
          id: newId('wtl'),
          userId,
          serviceId: input.serviceId,
          staffId: input.staffId ?? null,
          fromDate: input.from,
          toDate: input.to,
          fromAt: span.value.from,
          toAt: span.value.to,
          state: 'waiting',
          createdAt: clock(),
        }
        await tx.insert(waits).values(row)
        return ok(viewOf(row))
      })
    },

    leave: (userId, id) =>
      store.write(async (tx): Promise<Result<true, 'wait_not_found'>> => {
        const left = await tx
          .update(waits)
          .set({ state: 'ended' })
          .where(and(eq(waits.id, id), eq(waits.userId, userId), isWaiting))
          .returning({ id: waits.id })
        return left.length > 0 ? ok(true) : fail('wait_not_found')
      }),

    async list(userId, limit, before) {
      const found = await store.read
        .select()
        .from(waits)
        .where(and(eq(waits.userId, userId), before === undefined ? undefined : lt(waits.id, before)))
        .orderBy(desc(waits.id))
        .limit(limit)
      return found.map(viewOf)
    },

    async all(userId) {
      const found = await store.read.select().from(waits).where(eq(waits.userId, userId)).orderBy(desc(waits.id))
      return found.map(viewOf)
    },

    async grown(tx, service) {
      const starts = await tx
        .selectDistinct({ staffId: appointments.staffId, startsAt: appointments.startsAt })
        .from(appointments)
        .where(and(isBusy, eq(appointments.serviceId, service.id), gte(appointments.startsAt, clock())))
        .orderBy(asc(appointments.startsAt))
        .limit(GROWN_LIMIT)
      for (const { staffId, startsAt } of starts) {
        const until = startsAt + service.durationMinutes * MINUTE_MS
        const busy = await rows.busyOf(tx, [staffId], { from: startsAt, to: until })
        for (let left = placesLeft(busy, service, startsAt); left > 0; left--) {
          if (!(await offerToLine(tx, [service.id], { staffId, startsAt, userId: '' }))) break
        }
      }
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
          await endWait(tx, lapsed)
          await freed(tx, lapsed)
        })
      }
      return found.length
    },

    async erase(tx, userId) {
      await tx.delete(waits).where(eq(waits.userId, userId))
    },
  }
}

function viewOf({ id, serviceId, staffId, fromDate, toDate, state, createdAt }: WaitRow): WaitView {
  const shown = state as WaitView['state']
  return { id, serviceId, staffId, from: fromDate, to: toDate, state: shown, createdAt: iso(createdAt) }
}
