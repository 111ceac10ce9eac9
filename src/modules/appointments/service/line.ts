/**
 * The line of those who wait, when there is a place: it goes to the first whose dates it fits and who can come. It is kept
 * for them as an appointment that is only offered, the longer the further ahead it lies.
 */
import { and, asc, eq, gt, inArray, lt, lte, notInArray, sql } from 'drizzle-orm'
import type { Tx } from '../../../platform/db'
import type { Events } from '../../../platform/events'
import type { Runtime } from '../../../platform/runtime'
import { placeOffered } from '../events'
import { appointments, waits } from '../schema'
import { type Diary, type Placing, type PlacingCode, placesLeft } from './placing'
import { type AppointmentRow, LONGEST_MS, newAppointment } from './rows'
import type { ServiceRow } from './service-rows'
import { MINUTE_MS, type Span } from './time'
import { isWaiting, type WaitRow } from './waiting'

/** When a member of staff can begin, with one of these services. */
export interface Start {
  diary: Diary
  startsAt: number
  services: readonly ServiceRow[]
  /** Who is passed over. */
  except: readonly string[]
}

/** How many more may be looked at in vain. */
export interface Looked {
  left: number
}

export interface Line {
  /** Offers all places of a start, as far as there is somebody for them; answers how many, and notes them in the diary. */
  offerAll(tx: Tx, start: Start, looked: Looked, most: number): Promise<number>
  /** Who let an offer of this time lapse: it is not offered to them again. */
  passedOver(tx: Tx, staffId: string, span: Span): Promise<string[]>
}

const OFFERED_LEAST_MS = 30 * MINUTE_MS
const OFFERED_MOST_MS = 12 * 60 * MINUTE_MS
/** Of the time that is left, so that three more can be asked. */
const OFFERED_PART = 4
const PAGE = 25

/** Reasons that lie with whoever waits. Any other holds for everybody who waits for the service. */
const THEIR_OWN: ReadonlySet<PlacingCode> = new Set<PlacingCode>([
  'appointment_overlap',
  'own_service',
  'too_many_appointments',
])

export function createLine({ clock, newId }: Runtime, { events, placing }: { events: Events; placing: Placing }): Line {
  /** Who may want the place, in the order of the line, from behind the one that was looked at last. */
  const lineFor = (
    tx: Tx,
    serviceIds: Iterable<string>,
    { diary, startsAt, except }: Start,
    behind: WaitRow | undefined,
  ): Promise<WaitRow[]> =>
    tx
      .select()
      .from(waits)
      .where(
        and(
          isWaiting,
          inArray(waits.serviceId, [...serviceIds]),
          behind && sql`(${waits.since}, ${waits.id}) > (${behind.since}, ${behind.id})`,
          lte(waits.fromAt, startsAt),
          gt(waits.toAt, startsAt),
          sql`(${waits.staffId} is null or ${waits.staffId} = ${diary.staff.id})`,
          except.length === 0 ? undefined : notInArray(waits.userId, [...except]),
        ),
      )
      .orderBy(asc(waits.since), asc(waits.id))
      .limit(PAGE)

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
    looked: Looked,
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
  async function offerToLine(tx: Tx, start: Start, looked: Looked): Promise<AppointmentRow | undefined> {
    const { diary, startsAt } = start
    const free = start.services.filter((service) => placesLeft(diary.busy, service, startsAt) > 0)
    const open = new Map(free.map((service) => [service.id, service]))
    let behind: WaitRow | undefined
    while (looked.left > 0 && open.size > 0) {
      const line = await lineFor(tx, open.keys(), start, behind)
      const made = await offerToOneOf(tx, line, open, start, looked)
      if (made || line.length < PAGE) return made
      behind = line.at(-1)
    }
    return undefined
  }

  return {
    async offerAll(tx, start, looked, most) {
      let offered = 0
      while (offered < most) {
        const made = await offerToLine(tx, start, looked)
        if (!made) break
        start.diary.busy.push(made)
        offered += 1
      }
      return offered
    },

    async passedOver(tx, staffId, { from, to }) {
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
    },
  }
}

/** Whoever is asked at night about next week may sleep; what begins soon goes on soon. */
function offeredUntil(startsAt: number, now: number): number {
  const kept = Math.min(Math.max((startsAt - now) / OFFERED_PART, OFFERED_LEAST_MS), OFFERED_MOST_MS)
  return Math.min(now + Math.floor(kept), startsAt)
}
