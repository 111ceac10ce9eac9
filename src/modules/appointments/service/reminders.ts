/**
 * Reminders before an appointment and the question after it: rows that are made with the appointment, made anew when it
 * is moved, and deleted when it ends. A tick takes those that are due by an index that holds nothing else, and one that
 * comes too late is skipped, so a clock that jumps brings no pile of old news.
 */
import { and, asc, eq, inArray, lt, lte, ne, sql } from 'drizzle-orm'
import type { Db, Tx } from '../../../platform/db'
import { forUpdate } from '../../../platform/db/dialect'
import type { Events } from '../../../platform/events'
import type { Runtime } from '../../../platform/runtime'
import { appointmentReminderDue, reviewAsked } from '../events'
import { appointments, reminders } from '../schema'
import type { AppointmentRow } from './rows'
import type { ServiceRow } from './service-rows'
import { DAY_MS, MINUTE_MS } from './time'

/** What a message may travel by, in the words of the notifications. */
export type ReminderMedium = 'email' | 'sms' | 'whatsapp' | 'push' | 'webhook' | 'in_app'

export interface ReminderPlan {
  /** Tells the reminders of one appointment apart, and which words are sent. */
  name: string
  minutesBefore: number
  media: ReminderMedium[]
}

/** Asks what the customer thought; the plan's other names are free. */
const REVIEW = 'review'

export interface ReminderOptions {
  reminders: readonly ReminderPlan[]
  /** After the end. */
  reviewMinutesAfter: number
}

export interface Reminders {
  /** In place of those that there were, for the appointment as it now is. Within a unit. */
  make(tx: Tx, row: AppointmentRow, service: ServiceRow): Promise<void>
  /** None is sent any more; `review` stays if it is asked for. */
  drop(tx: Tx, appointmentId: string, keepReview?: boolean): Promise<void>
  /** Takes up to so many that are due; answers how many there were. */
  due(limit: number): Promise<number>
  /** Forgets what was due before the moment and is done with; answers how many. */
  prune(before: number): Promise<number>
}

type ReminderRow = typeof reminders.$inferSelect
type Noted = Pick<AppointmentRow, 'id' | 'userId' | 'version' | 'status' | 'startsAt'>

const REVIEW_MEDIA: readonly ReminderMedium[] = ['email', 'push']
const REVIEW_STALE_AFTER_MS = 7 * DAY_MS
const PRUNE_AT_ONCE = 2_000

/** Written out, because that is how the engines recognize the partial index. */
const isWaiting = sql`${reminders.state} = 'waiting'`

export function createReminders({ store, clock }: Runtime, events: Events, options: ReminderOptions): Reminders {
  const dueNow = (db: Db, now: number, limit: number) =>
    db
      .select()
      .from(reminders)
      .where(and(isWaiting, lte(reminders.dueAt, now)))
      .orderBy(asc(reminders.dueAt))
      .limit(limit)

  async function drop(tx: Tx, appointmentId: string, keepReview = false): Promise<void> {
    await tx
      .delete(reminders)
      .where(
        and(eq(reminders.appointmentId, appointmentId), isWaiting, keepReview ? ne(reminders.name, REVIEW) : undefined),
      )
  }

  async function mark(tx: Tx, rows: readonly ReminderRow[], state: 'done' | 'skipped'): Promise<void> {
    if (rows.length === 0) return
    const ids = rows.map(({ id }) => id)
    await tx.update(reminders).set({ state }).where(inArray(reminders.id, ids))
  }

  async function appointmentsOf(tx: Tx, rows: readonly ReminderRow[]): Promise<Map<string, Noted>> {
    const ids = [...new Set(rows.map(({ appointmentId }) => appointmentId))]
    if (ids.length === 0) return new Map()
    const { id, userId, version, status, startsAt } = appointments
    const found = await tx
      .select({ id, userId, version, status, startsAt })
      .from(appointments)
      .where(inArray(appointments.id, ids))
    return new Map(found.map((each) => [each.id, each]))
  }

  async function tell(tx: Tx, { name, media, skipAfter }: ReminderRow, { id, userId, version }: Noted): Promise<void> {
    const which = { appointmentId: id, userId, version, media: media as string[] }
    if (name === REVIEW) await events.append(tx, reviewAsked, userId, which)
    else await events.append(tx, appointmentReminderDue, userId, { ...which, reminder: name, skipAfter })
  }

  return {
    drop,

    async make(tx, row, service) {
      await drop(tx, row.id)
      const now = clock()
      const plans = (service.reminders as ReminderPlan[] | null) ?? options.reminders
      const made = [...before(row, plans), afterwards(row, options.reviewMinutesAfter)].filter(
        ({ dueAt }) => dueAt > now,
      )
      if (made.length > 0) await tx.insert(reminders).values(made)
    },

    async due(limit) {
      // A look costs no write, and mostly there is nothing.
      if ((await dueNow(store.read, clock(), 1)).length === 0) return 0
      return store.write(async (tx) => {
        const now = clock()
        const rows = await forUpdate(dueNow(tx, now, limit), 'skip locked')
        const of = await appointmentsOf(tx, rows)
        const timely = rows.filter((row) => row.skipAfter > now && stillTrue(row, of.get(row.appointmentId)))
        await mark(tx, timely, 'done')
        await mark(
          tx,
          rows.filter((row) => !timely.includes(row)),
          'skipped',
        )
        for (const row of timely) {
          const appointment = of.get(row.appointmentId)
          if (appointment) await tell(tx, row, appointment)
        }
        return rows.length
      })
    },

    async prune(moment) {
      const old = await store.read
        .select({ id: reminders.id })
        .from(reminders)
        .where(and(sql`${reminders.state} <> 'waiting'`, lt(reminders.dueAt, moment)))
        .limit(PRUNE_AT_ONCE)
      const ids = old.map(({ id }) => id)
      if (ids.length > 0)
        await store.write(async (tx) => void (await tx.delete(reminders).where(inArray(reminders.id, ids))))
      return ids.length
    },
  }
}

type NewReminder = Omit<ReminderRow, 'id'>

/**
 * One is too late when the next is due, and when half of the time between it and the start is over: who hears of
 * tomorrow's appointment at noon is better served by the reminder an hour before.
 */
function before(row: AppointmentRow, plans: readonly ReminderPlan[]): NewReminder[] {
  return plans.map(({ name, minutesBefore, media }) => {
    const dueAt = row.startsAt - minutesBefore * MINUTE_MS
    const later = plans.map((plan) => plan.minutesBefore).filter((minutes) => minutes < minutesBefore)
    const nextDueAt = row.startsAt - Math.max(0, ...later) * MINUTE_MS
    const skipAfter = Math.min(nextDueAt, dueAt + (minutesBefore * MINUTE_MS) / 2)
    return { appointmentId: row.id, version: row.version, name, dueAt, skipAfter, media, state: 'waiting' }
  })
}

function afterwards({ id, version, endsAt }: AppointmentRow, minutesAfter: number): NewReminder {
  const dueAt = endsAt + minutesAfter * MINUTE_MS
  return {
    appointmentId: id,
    version,
    name: REVIEW,
    dueAt,
    skipAfter: dueAt + REVIEW_STALE_AFTER_MS,
    media: [...REVIEW_MEDIA],
    state: 'waiting',
  }
}

/** Those of an appointment that was moved or cancelled are deleted; this is asked all the same before anything is said. */
function stillTrue({ name, version }: ReminderRow, appointment: Noted | undefined): boolean {
  if (!appointment) return false
  if (name === REVIEW) return appointment.status === 'booked' || appointment.status === 'completed'
  return appointment.status === 'booked' && appointment.version === version
}
