/**
 * Places that become free, and the line of those who wait for one. A place goes to the first whose dates it fits: it is
 * kept for them as an appointment that is only offered, the longer the further ahead it lies, and then goes to the next.
 */
import { and, asc, eq, gt, inArray, lt, lte, max, min, notInArray, sql } from 'drizzle-orm'
import type { Db, Tx } from '../../../platform/db'
import type { Events } from '../../../platform/events'
import type { Runtime } from '../../../platform/runtime'
import { placeOffered } from '../events'
import { appointments, services as serviceTable, waits } from '../schema'
import { type Diary, type Placing, type PlacingCode, placesLeft } from './placing'
import { type AppointmentRow, LONGEST_MS, newAppointment, type Rows } from './rows'
import type { ServiceRow, ServiceRows } from './service-rows'
import { freeStarts } from './slots'
import type { StaffBook } from './staff'
import { DAY_MS, MINUTE_MS, type Span } from './time'
import { after } from './transitions'
import { isWaiting, type Waiting, type WaitRow } from './waiting'

/** Time of a member of staff that somebody has given up. */
export interface FreedTime {
  staffId: string
  startsAt: number
  busyUntil: number
  /** Whoever gave it up is not offered it. */
  userId: string
}

export interface Offers {
  /** Within the unit that frees somebody's time: offers every start that this has made possible. */
  freed(tx: Tx, time: FreedTime): Promise<void>
  /** Within the unit in which a service has more places than before: offers the first of what is free. */
  grown(tx: Tx, service: ServiceRow): Promise<void>
  /** Goes on with services that have grown, a part of each; answers how many have more to offer. */
  growDue(): Promise<number>
  /** Ends offers that nobody took in time and gives the places to the next; answers how many. */
  lapseDue(limit: number): Promise<number>
}

const OFFERED_LEAST_MS = 30 * MINUTE_MS
const OFFERED_MOST_MS = 12 * 60 * MINUTE_MS
/** Of the time that is left, so that three more can be asked. */
const OFFERED_PART = 4
const LINE_PAGE = 25
/** Nobody keeps the database busy with a line of people of whom none can come: then the place is for whoever books it. */
const LOOKED_AT_LIMIT = 500
/** What one unit does for a service that has grown. */
const SPAN_AT_ONCE_MS = 7 * DAY_MS
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

interface Start {
  diary: Diary
  startsAt: number
  services: readonly ServiceRow[]
  /** Who is passed over. */
  except: readonly string[]
}

export function createOffers({ store, clock, newId }: Runtime, parts: OffersParts): Offers {
  const { events, rows, services, staff, placing, waiting } = parts

  /** Who may want the place, the longest waiting first, from behind the one that was looked at last. */
  const lineFor = (
    tx: Tx,
    serviceIds: Iterable<string>,
    { diary, startsAt, except }: Start,
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
          sql`(${waits.staffId} is null or ${waits.staffId} = ${diary.staff.id})`,
          except.length === 0 ? undefined : notInArray(waits.userId, [...except]),
        ),
      )
      .orderBy(asc(waits.id))
      .limit(LINE_PAGE)

  /** Who let an offer of this time lapse: it is not offered to them again. */
  async function passedOver(tx: Tx, staffId: string, { from, to }: Span): Promise<string[]> {
    const found = await tx
      .selectDistinct({ userId: appointments.userId })
      .from(appointments)
      .where(
        and(
          eq(appointments.staffId, staffId),
          eq(appointments.status, 'lapsed'),
          gt(appointments.startsAt, from - LONGEST_MS),
          lt(appointments.startsAt, to),
          gt(appointments.busyUntil, from),
        ),
      )
    return found.map(({ userId }) => userId)
  }

  /** Keeps the place for whoever this is; or why it is none for them. */
  async function offer(
    tx: Tx,
    wait: WaitRow,
    service: ServiceRow,
    { diary: { staff: member }, startsAt }: Start,
  ): Promise<AppointmentRow | PlacingCode> {
    const { userId } = wait
    const placed = await placing.place(tx, { service, staffId: member.id, startsAt, userId })
    if (!placed.ok) return placed.code
    const now = clock()
    const { endsAt, busyUntil } = placed.value
    const at = { id: newId('apt'), userId, staffId: member.id, startsAt, endsAt, busyUntil, createdAt: now }
    const until = offeredUntil(startsAt, now)
    const row = newAppointment(at, service, { status: 'offered', offeredUntil: until, waitId: wait.id })
    await tx.insert(appointments).values(row)
    await tx.update(waits).set({ state: 'offered' }).where(eq(waits.id, wait.id))
    await events.append(tx, placeOffered, userId, { appointmentId: row.id, userId, version: row.version, until })
    return row
  }

  /** Offers the place to the first of these who can take it. Strikes off services of which it is no place at all. */
  async function offerToOneOf(
    tx: Tx,
    line: readonly WaitRow[],
    open: Map<string, ServiceRow>,
    start: Start,
    looked: { left: number },
  ): Promise<AppointmentRow | undefined> {
    for (const wait of line) {
      const service = open.get(wait.serviceId)
      if (!service || looked.left === 0) continue
      const made = await offer(tx, wait, service, start)
      if (typeof made !== 'string') return made
      looked.left -= 1
      if (!THEIR_OWN.has(made)) open.delete(service.id)
    }
    return undefined
  }

  /** Offers a place to the first who wants it and can take it; answers what it has become, if there was somebody. */
  async function offerToLine(tx: Tx, start: Start, looked: { left: number }): Promise<AppointmentRow | undefined> {
    const { diary, startsAt } = start
    const free = start.services.filter((service) => placesLeft(diary.busy, service, startsAt) > 0)
    const open = new Map(free.map((service) => [service.id, service]))
    let behind = ''
    while (looked.left > 0 && open.size > 0) {
      const line = await lineFor(tx, open.keys(), start, behind)
      const made = await offerToOneOf(tx, line, open, start, looked)
      if (made || line.length < LINE_PAGE) return made
      behind = line.at(-1)?.id ?? behind
    }
    return undefined
  }

  /** Offers all places of a start, as far as there is somebody for them; answers how many. */
  async function fill(tx: Tx, start: Start, looked: { left: number }, most: number): Promise<number> {
    let offered = 0
    while (offered < most) {
      const made = await offerToLine(tx, start, looked)
      if (!made) break
      start.diary.busy.push(made)
      offered += 1
    }
    return offered
  }

  /** Those of the services for which somebody waits at that time. */
  async function waitedFor(tx: Tx, serviceIds: readonly string[], { from, to }: Span): Promise<ServiceRow[]> {
    if (serviceIds.length === 0) return []
    const found = await tx
      .selectDistinct({ serviceId: waits.serviceId })
      .from(waits)
      .where(and(isWaiting, inArray(waits.serviceId, [...serviceIds]), lt(waits.fromAt, to), gt(waits.toAt, from)))
    const ids = found.map(({ serviceId }) => serviceId)
    return [...(await services.findAll(tx, ids)).values()].filter(({ active }) => active)
  }

  /** What the freed time makes possible: the start that was given up, and then the others as they come. */
  async function startsBy(tx: Tx, { staffId, startsAt, busyUntil, userId }: FreedTime): Promise<Start[]> {
    const member = await staff.find(tx, staffId)
    if (!member?.active || busyUntil <= clock()) return []
    const around = { from: startsAt - LONGEST_MS, to: busyUntil }
    const wanted = await waitedFor(tx, await staff.servicesOf(tx, staffId), around)
    if (wanted.length === 0) return []
    const longest = Math.max(...wanted.map(takesMs))
    const [diary] = await placing.diaries(tx, [member], { from: startsAt - longest, to: busyUntil + longest })
    if (!diary) return []
    const except = [userId, ...(await passedOver(tx, staffId, { from: startsAt, to: busyUntil }))]
    const found = wanted.flatMap((service) =>
      freeStarts(diary, service, { from: startsAt - takesMs(service) + 1, to: busyUntil }, clock()).map(
        ({ start }) => ({ start, service }),
      ),
    )
    return [...Map.groupBy(found, ({ start }) => start)]
      .sort(([a], [b]) => Number(b === startsAt) - Number(a === startsAt) || a - b)
      .map(([start, of]) => ({ diary, startsAt: start, services: of.map(({ service }) => service), except }))
  }

  async function freed(tx: Tx, time: FreedTime): Promise<void> {
    const looked = { left: LOOKED_AT_LIMIT }
    for (const start of await startsBy(tx, time)) await fill(tx, start, looked, OFFERS_AT_ONCE)
  }

  /** When the line for a service would come, from the moment on. */
  async function spanOfLine(tx: Tx, serviceId: string, moment: number): Promise<Span | undefined> {
    const [span] = await tx
      .select({ from: min(waits.fromAt), to: max(waits.toAt) })
      .from(waits)
      .where(and(isWaiting, eq(waits.serviceId, serviceId), gt(waits.toAt, moment)))
    return span?.from == null || span.to == null ? undefined : { from: Math.max(moment, span.from), to: span.to }
  }

  /** Offers what is free in the next days, from the moment on; answers from when on there is more to do. */
  async function offerAhead(tx: Tx, service: ServiceRow, moment: number): Promise<number | null> {
    const now = clock()
    const line = await spanOfLine(tx, service.id, moment)
    if (!line || line.from > now + service.maxDays * DAY_MS) return null
    const span = { from: line.from, to: Math.min(line.from + SPAN_AT_ONCE_MS, line.to) }
    const diaries = await placing.diaries(tx, await staff.whoDo(tx, service.id), {
      from: span.from,
      to: span.to + takesMs(service),
    })
    const found = diaries.flatMap((diary) =>
      freeStarts(diary, service, span, now).map(({ start }) => ({ start, diary })),
    )
    const starts = [...Map.groupBy(found, ({ start }) => start)].sort(([a], [b]) => a - b)
    const looked = { left: LOOKED_AT_LIMIT }
    let left = OFFERS_AT_ONCE
    for (const [startsAt, of] of starts.slice(0, STARTS_AT_ONCE)) {
      for (const { diary } of of) {
        const except = await passedOver(tx, diary.staff.id, { from: startsAt, to: startsAt + takesMs(service) })
        left -= await fill(tx, { diary, startsAt, services: [service], except }, looked, left)
      }
      if (left === 0) return startsAt
      if (looked.left === 0) return startsAt + 1
    }
    return starts[STARTS_AT_ONCE]?.[0] ?? (span.to < line.to ? span.to : null)
  }

  /** Takes the next of the starts, and notes from where on there is more to do. */
  async function grow(tx: Tx, service: ServiceRow): Promise<number | null> {
    const next = service.active ? await offerAhead(tx, service, Math.max(service.grownFrom ?? 0, clock())) : null
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
          await waiting.backInLine(tx, lapsed)
          await freed(tx, lapsed)
        })
      }
      return found.length
    },
  }
}

const takesMs = ({ durationMinutes, bufferMinutes }: ServiceRow): number =>
  (durationMinutes + bufferMinutes) * MINUTE_MS

/** Whoever is asked at night about next week may sleep; what begins soon goes on soon. */
function offeredUntil(startsAt: number, now: number): number {
  const kept = Math.min(Math.max((startsAt - now) / OFFERED_PART, OFFERED_LEAST_MS), OFFERED_MOST_MS)
  return Math.min(now + Math.floor(kept), startsAt)
}
