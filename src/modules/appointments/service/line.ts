/**
 * The line of those who wait, when there are places: each goes to the first whose dates it fits and who can come. It is kept
 * for them as an appointment that is only offered, the longer the further ahead it lies.
 */
import { and, asc, eq, gt, inArray, lt, ne, sql } from 'drizzle-orm'
import type { Tx } from '../../../platform/db'
import type { Events } from '../../../platform/events'
import type { Runtime } from '../../../platform/runtime'
import { placeOffered } from '../events'
import { appointments, waits } from '../schema'
import { type Diary, type Placing, type PlacingCode, placesLeft } from './placing'
import { type AppointmentRow, LONGEST_MS, newAppointment } from './rows'
import { type ServiceRow, takesMs } from './service-rows'
import { MINUTE_MS, overlaps, type Span } from './time'
import { isWaiting, type WaitRow } from './waiting'

/** When a member of staff can begin, with one of these services. */
export interface Start {
  diary: Diary
  startsAt: number
  services: readonly ServiceRow[]
}

/** What one unit has to offer. */
export interface Offered {
  services: readonly ServiceRow[]
  staffIds: readonly string[]
  /** In which the starts lie. */
  span: Span
  /** Whoever gave the time up is not offered it. */
  except?: string
}

/** The line as one unit goes along it: read once for all its starts, as far as it is needed. */
export interface Asking {
  /** Whether somebody may want to begin then. */
  suits(startsAt: number): Promise<boolean>
  /** Offers all places of a start, as far as there is somebody for them; answers how many, and notes them in the diary. */
  offerAll(start: Start, most: number): Promise<number>
  /** Whether as many were looked at in vain as one unit looks at. */
  isSpent(): boolean
}

export interface Line {
  ask(tx: Tx, offered: Offered): Promise<Asking>
}

const OFFERED_LEAST_MS = 30 * MINUTE_MS
const OFFERED_MOST_MS = 12 * 60 * MINUTE_MS
/** Of the time that is left, so that three more can be asked. */
const OFFERED_PART = 4
const PAGE = 100
/** Nobody keeps the database busy with a line of people of whom none can come: then the place is for whoever books it. */
const LOOKED_AT_LIMIT = 500
const READ_LIMIT = 5_000

/** Reasons that lie with whoever waits. Any other holds for everybody who waits for the service. */
const THEIR_OWN: ReadonlySet<PlacingCode> = new Set<PlacingCode>([
  'appointment_overlap',
  'own_service',
  'too_many_appointments',
])

export function createLine({ clock, newId }: Runtime, { events, placing }: { events: Events; placing: Placing }): Line {
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

  return {
    async ask(tx, offered) {
      const queue = queueOf(tx, offered)
      const isPassedOver = await passedOver(tx, offered)
      /** Who cannot come then, whoever it is with. */
      let busy: { startsAt: number; waits: Set<string> } = { startsAt: 0, waits: new Set() }
      let looks = LOOKED_AT_LIMIT

      /** Whether one who does not get the place is to be looked at again. */
      function noteRefusal(wait: WaitRow, { startsAt }: Start, code: PlacingCode): void {
        looks -= 1
        if (code === 'too_many_appointments') queue.drop(wait)
        if (code !== 'appointment_overlap') return
        if (busy.startsAt !== startsAt) busy = { startsAt, waits: new Set() }
        busy.waits.add(wait.id)
      }

      const mayWant = (wait: WaitRow, service: ServiceRow, { diary, startsAt }: Start) =>
        isAbout(wait, startsAt) &&
        (wait.staffId === null || wait.staffId === diary.staff.id) &&
        !(busy.startsAt === startsAt && busy.waits.has(wait.id)) &&
        !isPassedOver(wait.userId, diary.staff.id, { from: startsAt, to: startsAt + takesMs(service) })

      return {
        async suits(startsAt) {
          for await (const wait of queue.all()) if (isAbout(wait, startsAt)) return true
          return false
        },

        async offerAll(start, most) {
          const { diary, startsAt } = start
          let offered = 0
          let open = withPlaces(start.services, diary, startsAt)
          for await (const wait of queue.all()) {
            if (offered === most || looks === 0 || open.length === 0) break
            const service = open.find(({ id }) => id === wait.serviceId)
            if (!service || !mayWant(wait, service, start)) continue
            const made = await offer(tx, wait, service, start)
            if (typeof made === 'string') {
              noteRefusal(wait, start, made)
              if (!THEIR_OWN.has(made)) open = open.filter((each) => each !== service)
              continue
            }
            queue.drop(wait)
            diary.busy.push(made)
            offered += 1
            open = withPlaces(open, diary, startsAt)
          }
          return offered
        },

        isSpent: () => looks === 0,
      }
    },
  }
}

const isAbout = ({ fromAt, toAt }: WaitRow, startsAt: number) => fromAt <= startsAt && startsAt < toAt

const withPlaces = (services: readonly ServiceRow[], { busy }: Diary, startsAt: number) =>
  services.filter((service) => placesLeft(busy, service, startsAt) > 0)

interface Queue {
  /** In the order of the line; a page more is read whenever the last one is through. */
  all(): AsyncGenerator<WaitRow>
  /** No more of them in this unit. */
  drop(wait: WaitRow): void
}

function queueOf(tx: Tx, { services, staffIds, span, except }: Offered): Queue {
  const found = new Set<WaitRow>()
  let last: WaitRow | undefined
  let read = 0
  let isWhole = false

  async function readOn(): Promise<WaitRow[]> {
    const page = await tx
      .select()
      .from(waits)
      .where(
        and(
          isWaiting,
          inArray(
            waits.serviceId,
            services.map(({ id }) => id),
          ),
          lt(waits.fromAt, span.to),
          gt(waits.toAt, span.from),
          sql`(${waits.staffId} is null or ${inArray(waits.staffId, [...staffIds])})`,
          except === undefined ? undefined : ne(waits.userId, except),
          last && sql`(${waits.since}, ${waits.id}) > (${last.since}, ${last.id})`,
        ),
      )
      .orderBy(asc(waits.since), asc(waits.id))
      .limit(PAGE)
    read += page.length
    last = page.at(-1)
    isWhole = page.length < PAGE || read >= READ_LIMIT
    for (const wait of page) found.add(wait)
    return page
  }

  return {
    async *all() {
      yield* [...found]
      while (!isWhole) yield* await readOn()
    },
    drop: (wait) => void found.delete(wait),
  }
}

/** Whoever let an offer of a time lapse is not offered it again. */
async function passedOver(
  tx: Tx,
  { services, staffIds, span: { from, to } }: Offered,
): Promise<(userId: string, staffId: string, span: Span) => boolean> {
  const { userId, staffId, startsAt, busyUntil } = appointments
  const lapsed = await tx
    .select({ userId, staffId, from: startsAt, to: busyUntil })
    .from(appointments)
    .where(
      and(
        inArray(staffId, [...staffIds]),
        eq(appointments.status, 'lapsed'),
        gt(startsAt, from - LONGEST_MS),
        lt(startsAt, to + Math.max(...services.map(takesMs))),
        gt(busyUntil, from),
      ),
    )
  const of = Map.groupBy(lapsed, (each) => each.userId)
  return (who, member, span) => of.get(who)?.some((each) => each.staffId === member && overlaps(each, span)) ?? false
}

/** Whoever is asked at night about next week may sleep; what begins soon goes on soon. */
function offeredUntil(startsAt: number, now: number): number {
  const kept = Math.min(Math.max((startsAt - now) / OFFERED_PART, OFFERED_LEAST_MS), OFFERED_MOST_MS)
  return Math.min(now + Math.floor(kept), startsAt)
}
