/**
 * Where there is a place: one judgement for the list of free slots, for a booking, for a move and for an offer, so that
 * what is shown as free is what can be booked. A booking asks within its unit, after it has locked the diaries.
 */
import { inArray } from 'drizzle-orm'
import type { Db, Tx } from '../../../platform/db'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import type { AppointmentCode, PlaceCode, TimeCode } from '../failures'
import { hours } from '../schema'
import type { Closures } from './closures'
import { closedIn, type Hours, holds, type Opening, onStep, openingsIn } from './openings'
import type { AppointmentRow, Rows } from './rows'
import type { ServiceRow } from './service-rows'
import type { StaffBook, StaffRow } from './staff'
import { DAY_MS, localDate, MINUTE_MS, overlaps, type Span, spanOfDates } from './time'

/** What a member of staff does in a span. */
export interface Diary {
  staff: StaffRow
  openings: Opening[]
  /** In order, and apart from one another. */
  closed: Span[]
  busy: AppointmentRow[]
}

export interface PlaceWanted {
  service: ServiceRow
  staffId?: string | undefined
  startsAt: number
  userId: string
  /** An appointment that gives up its own place for this one. */
  instead?: Pick<AppointmentRow, 'id' | 'staffId'>
  /** By those who run the place: how early it must be booked is a rule for customers. */
  anyNotice?: boolean
}

export interface Place {
  staff: StaffRow
  startsAt: number
  endsAt: number
  busyUntil: number
}

export type PlacingCode =
  | PlaceCode
  | TimeCode
  | Extract<AppointmentCode, 'staff_not_found' | 'staff_not_for_service' | 'own_service' | 'too_many_appointments'>

export interface Placing {
  /** Within a unit: the place, with somebody who is free, or why there is none. */
  place(tx: Tx, wanted: PlaceWanted): Promise<Result<Place, PlacingCode>>
  /** Within a unit: why a place that is kept for somebody cannot be had any more; whether it is taken is not asked. */
  whyLost(tx: Tx, row: AppointmentRow, service: ServiceRow): Promise<PlacingCode | undefined>
  /** The diaries of these members in a span: one query for hours, one for closures, one for appointments. */
  diaries(db: Db, members: readonly StaffRow[], span: Span): Promise<Diary[]>
}

/** Nobody plans more than this, and whoever takes places to keep others out of them gets no further. */
const AHEAD_LIMIT = 10
/** A first visit, and one to come back twice: more of one service keeps its diary from others. */
const AHEAD_OF_SERVICE_LIMIT = 3

/** Of several members' reasons, the one that helps the most comes first. */
const TELLING: readonly PlaceCode[] = [
  'appointment_taken',
  'appointment_off_step',
  'appointment_closed',
  'appointment_outside_hours',
]

export function createPlacing(
  { clock }: Runtime,
  parts: { rows: Rows; staff: StaffBook; closures: Closures },
): Placing {
  const { rows, staff, closures } = parts

  async function hoursOf(db: Db, staffIds: string[]): Promise<Map<string, Hours[]>> {
    const of = new Map<string, Hours[]>()
    if (staffIds.length === 0) return of
    for (const row of await db.select().from(hours).where(inArray(hours.staffId, staffIds))) {
      of.set(row.staffId, [...(of.get(row.staffId) ?? []), row])
    }
    return of
  }

  async function diaries(db: Db, members: readonly StaffRow[], span: Span): Promise<Diary[]> {
    const ids = members.map(({ id }) => id)
    const week = await hoursOf(db, ids)
    // A day to either side, because the members' dates may differ from those of the span.
    const from = localDate(span.from - DAY_MS, 'UTC')
    const closed = Map.groupBy(
      await closures.between(db, ids, from, localDate(span.to + DAY_MS, 'UTC')),
      ({ staffId }) => staffId,
    )
    const busy = Map.groupBy(await rows.busyOf(db, ids, span), ({ staffId }) => staffId)
    const ofPlace = closed.get(null) ?? []
    return members.map((member) => ({
      staff: member,
      openings: openingsIn(span, week.get(member.id) ?? [], member.timeZone),
      closed: closedIn(span, [...ofPlace, ...(closed.get(member.id) ?? [])], member.timeZone),
      busy: busy.get(member.id) ?? [],
    }))
  }

  /** The members who may serve this person, their diaries locked; or why there are none. */
  async function candidates(tx: Tx, wanted: PlaceWanted): Promise<Result<StaffRow[], PlacingCode>> {
    const { service, staffId, userId } = wanted
    const doing = await staff.whoDo(tx, service.id, { staffId, lock: true })
    const others = doing.filter((member) => member.userId !== userId)
    if (others.length > 0) return ok(others)
    if (doing.length > 0) return fail('own_service')
    if (staffId === undefined) return fail('appointment_outside_hours', 'Nobody does this service at present.')
    const member = await staff.find(tx, staffId)
    return fail(member?.active ? 'staff_not_for_service' : 'staff_not_found')
  }

  /** Why this person can have no place then, whoever is free. Offers count as well: they are kept for the person. */
  async function whyNotTheirs(
    tx: Tx,
    { service, startsAt, userId, instead }: PlaceWanted,
    endsAt: number,
  ): Promise<PlacingCode | undefined> {
    if (service.payeeId === userId) return 'own_service'
    const now = clock()
    const own = (await rows.ofPersonFrom(tx, userId, now)).filter(({ id }) => id !== instead?.id)
    const asked = { from: startsAt, to: endsAt }
    if (own.some((each) => overlaps({ from: each.startsAt, to: each.endsAt }, asked))) return 'appointment_overlap'
    // A move makes them no more than they are.
    if (instead) return undefined
    const ahead = own.filter((each) => each.startsAt > now)
    const ofService = ahead.filter(({ serviceId }) => serviceId === service.id)
    const tooMany = ahead.length >= AHEAD_LIMIT || ofService.length >= AHEAD_OF_SERVICE_LIMIT
    return tooMany ? 'too_many_appointments' : undefined
  }

  /** The one with the fewest appointments on that day. */
  async function leastBusy(tx: Tx, service: ServiceRow, free: StaffRow[], startsAt: number): Promise<StaffRow> {
    const [first] = free
    if (!first) throw new Error('Nobody is free.')
    if (free.length === 1) return first
    const date = localDate(startsAt, service.timeZone)
    const day = spanOfDates(date, date, service.timeZone, 1)
    if (!day.ok) throw new Error(`${date} is no date.`)
    const ids = free.map(({ id }) => id)
    const booked = await rows.busyOf(tx, ids, day.value)
    const countOf = (id: string) => booked.filter(({ staffId }) => staffId === id).length
    return free.reduce((best, each) => (countOf(each.id) < countOf(best.id) ? each : best))
  }

  return {
    diaries,

    async whyLost(tx, { userId, staffId, startsAt, endsAt }, service) {
      if (service.payeeId === userId) return 'own_service'
      const members = await candidates(tx, { service, staffId, startsAt, userId })
      if (!members.ok) return members.code
      const span = { from: startsAt, to: endsAt }
      const [diary] = await diaries(tx, members.value, span)
      if (diary?.closed.some((closed) => overlaps(closed, span))) return 'appointment_closed'
      const isOpen = diary?.openings.some((each) => holds(each, span))
      return isOpen ? undefined : 'appointment_outside_hours'
    },

    async place(tx, wanted) {
      const { service, startsAt, instead } = wanted
      const leaving = instead?.id
      const terms = wanted.anyNotice ? { ...service, minNoticeMinutes: 0 } : service
      const when = whyNotThen(terms, startsAt, clock())
      if (when) return fail(when)
      const endsAt = startsAt + service.durationMinutes * MINUTE_MS
      const theirs = await whyNotTheirs(tx, wanted, endsAt)
      if (theirs) return fail(theirs)
      const members = await candidates(tx, wanted)
      if (!members.ok) return members
      const busyUntil = endsAt + service.bufferMinutes * MINUTE_MS
      const found = await diaries(tx, members.value, { from: startsAt, to: busyUntil })
      const judged = found.map((diary) => ({ staff: diary.staff, reason: whyNot(diary, service, startsAt, leaving) }))
      const free = judged.filter(({ reason }) => reason === undefined).map((each) => each.staff)
      if (free.length === 0) {
        return fail(TELLING.find((code) => judged.some(({ reason }) => reason === code)) ?? 'appointment_taken')
      }
      // Who only moves in time stays with whom they know.
      const known = free.find(({ id }) => id === instead?.staffId)
      return ok({ staff: known ?? (await leastBusy(tx, service, free, startsAt)), startsAt, endsAt, busyUntil })
    },
  }
}

export function whyNotThen(
  { minNoticeMinutes, maxDays }: ServiceRow,
  startsAt: number,
  now: number,
): TimeCode | undefined {
  if (startsAt <= now) return 'appointment_in_past'
  if (startsAt < now + minNoticeMinutes * MINUTE_MS) return 'appointment_too_soon'
  return startsAt > now + maxDays * DAY_MS ? 'appointment_too_far' : undefined
}

function whyNot(diary: Diary, service: ServiceRow, startsAt: number, leaving?: string): PlaceCode | undefined {
  const span = { from: startsAt, to: startsAt + service.durationMinutes * MINUTE_MS }
  if (diary.closed.some((closed) => overlaps(closed, span))) return 'appointment_closed'
  const opening = diary.openings.find((each) => holds(each, span))
  if (!opening) return 'appointment_outside_hours'
  if (!onStep(opening, startsAt, service.slotStepMinutes)) return 'appointment_off_step'
  const busy = diary.busy.filter(({ id }) => id !== leaving)
  return placesLeft(busy, service, startsAt) > 0 ? undefined : 'appointment_taken'
}

/** How many people can still begin then, if the place is open: those of one group share it, anything else takes it. */
export function placesLeft(
  busy: ReadonlyArray<Pick<AppointmentRow, 'serviceId' | 'startsAt' | 'busyUntil'>>,
  service: ServiceRow,
  startsAt: number,
): number {
  const wanted = { from: startsAt, to: startsAt + (service.durationMinutes + service.bufferMinutes) * MINUTE_MS }
  let left = service.capacity
  for (const each of busy) {
    if (!overlaps({ from: each.startsAt, to: each.busyUntil }, wanted)) continue
    if (each.serviceId !== service.id || each.startsAt !== startsAt) return 0
    left -= 1
  }
  return Math.max(0, left)
}
