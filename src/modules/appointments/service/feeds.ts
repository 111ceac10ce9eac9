/**
 * Calendars to subscribe to, at secret addresses: of a person, and of a member of staff. The address is shown once; making
 * a new one, or ending it, closes the old one at once.
 */
import { and, asc, desc, eq, gte, lt, sql } from 'drizzle-orm'
import type { Tx } from '../../../platform/db'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import { hashOfToken, newToken } from '../../../platform/security/tokens'
import { type Identity, mayRunAppointments } from '../../identity'
import { appointments, feeds } from '../schema'
import { type CalendarEntry, feedText } from './calendar'
import type { Asker } from './changes'
import type { Names } from './names'
import type { AppointmentRow } from './rows'
import type { ServiceRows } from './service-rows'
import type { StaffBook } from './staff'
import { DAY_MS, type Span } from './time'

export interface FeedAddress {
  url: string
}

export interface Feeds {
  /** The address of a person’s own calendar, made anew. */
  make(userId: string): Promise<FeedAddress>
  end(userId: string): Promise<void>
  makeForStaff(asker: Asker, staffId: string): Promise<Result<FeedAddress, 'staff_not_found'>>
  endForStaff(asker: Asker, staffId: string): Promise<Result<true, 'staff_not_found'>>
  /** What is at the address, as iCalendar. */
  read(token: string): Promise<Result<string, 'feed_not_found'>>
  erase(tx: Tx, userId: string): Promise<void>
}

const BACK_MS = 30 * DAY_MS
const AHEAD_MS = 365 * DAY_MS
const SHOWN_LIMIT = 2_000

/** Which are entered into a calendar: those that are or were to take place, and those that still may. */
const isShown = sql`${appointments.status} in ('offered', 'booked', 'completed', 'missed')`

export function createFeeds(
  { store, clock, random }: Runtime,
  { identity, services, staff, names }: { identity: Identity; services: ServiceRows; staff: StaffBook; names: Names },
  baseUrl: () => string,
): Feeds {
  type Whose = { userId: string; staffId: null } | { userId: null; staffId: string }
  const isOf = ({ userId, staffId }: Whose) => (userId === null ? eq(feeds.staffId, staffId) : eq(feeds.userId, userId))

  async function make(whose: Whose, madeBy: string): Promise<FeedAddress> {
    const token = newToken(random)
    await store.write(async (tx) => {
      await tx.delete(feeds).where(isOf(whose))
      await tx.insert(feeds).values({ tokenHash: hashOfToken(token), ...whose, madeBy, createdAt: clock() })
    })
    return { url: `${baseUrl()}/api/v1/appointments/feeds/${token}` }
  }

  const end = (whose: Whose) => store.write(async (tx) => void (await tx.delete(feeds).where(isOf(whose))))

  async function mayHave({ userId, role }: Asker, staffId: string): Promise<boolean> {
    const member = await staff.find(store.read, staffId)
    return member !== undefined && mayRunAppointments({ id: userId, role }, member)
  }

  const between = (whose: Whose, { from, to }: Span) =>
    store.read
      .select()
      .from(appointments)
      .where(
        and(
          whose.userId === null ? eq(appointments.staffId, whose.staffId) : eq(appointments.userId, whose.userId),
          gte(appointments.startsAt, from),
          lt(appointments.startsAt, to),
          isShown,
        ),
      )

  /** What lies ahead goes before what is over. */
  async function rowsOf(whose: Whose): Promise<AppointmentRow[]> {
    const now = clock()
    const { startsAt } = appointments
    const ahead = await between(whose, { from: now, to: now + AHEAD_MS })
      .orderBy(asc(startsAt))
      .limit(SHOWN_LIMIT)
    const past = await between(whose, { from: now - BACK_MS, to: now })
      .orderBy(desc(startsAt))
      .limit(SHOWN_LIMIT - ahead.length)
    return [...past.reverse(), ...ahead]
  }

  async function entriesOf(rows: readonly AppointmentRow[], withCustomer: boolean): Promise<CalendarEntry[]> {
    const offered = await services.findAll(
      store.read,
      rows.map(({ serviceId }) => serviceId),
    )
    const members = await staff.findAll(
      store.read,
      rows.map(({ staffId }) => staffId),
    )
    // First names only: whoever hosts the calendar reads along.
    const customers = await names.firstOf(withCustomer ? rows.map(({ userId }) => userId) : [])
    return rows.map((row) => {
      const service = offered.get(row.serviceId)
      const who = withCustomer ? customers.get(row.userId) : members.get(row.staffId)?.name
      const summary = [service?.name, who].filter((part) => part !== undefined && part !== '').join(' · ')
      return { row, summary, place: service?.place ?? '', description: '' }
    })
  }

  const isActive = async (userId: string) => (await identity.find(userId))?.status === 'active'

  /** Whether whoever was given the address may still see the calendar, and whoever it is of is still there. */
  async function isOpen({ staffId, madeBy }: typeof feeds.$inferSelect): Promise<boolean> {
    const maker = await identity.find(madeBy)
    if (maker?.status !== 'active') return false
    if (staffId === null) return true
    const member = await staff.find(store.read, staffId)
    if (!member?.active || !mayRunAppointments(maker, member)) return false
    return member.userId === null || isActive(member.userId)
  }

  /** An address that was closed once stays closed, even if whoever had it comes back. */
  async function openFeed(token: string): Promise<typeof feeds.$inferSelect | undefined> {
    const isIt = eq(feeds.tokenHash, hashOfToken(token))
    const [feed] = await store.read.select().from(feeds).where(isIt)
    if (!feed || (await isOpen(feed))) return feed
    await store.write(async (tx) => void (await tx.delete(feeds).where(isIt)))
    return undefined
  }

  return {
    make: (userId) => make({ userId, staffId: null }, userId),
    end: (userId) => end({ userId, staffId: null }),

    async makeForStaff(asker, staffId) {
      if (!(await mayHave(asker, staffId))) return fail('staff_not_found')
      return ok(await make({ userId: null, staffId }, asker.userId))
    },

    async endForStaff(asker, staffId) {
      if (!(await mayHave(asker, staffId))) return fail('staff_not_found')
      await end({ userId: null, staffId })
      return ok(true)
    },

    async read(token) {
      const feed = await openFeed(token)
      if (!feed) return fail('feed_not_found')
      const { userId, staffId } = feed
      const whose = staffId === null ? { userId: userId ?? '', staffId } : { userId: null, staffId }
      const entries = await entriesOf(await rowsOf(whose), staffId !== null)
      return ok(await feedText('Kumbu', entries))
    },

    async erase(tx, userId) {
      await tx.delete(feeds).where(eq(feeds.madeBy, userId))
      const member = await staff.ofUser(tx, userId)
      if (member) await tx.delete(feeds).where(eq(feeds.staffId, member.id))
    },
  }
}
