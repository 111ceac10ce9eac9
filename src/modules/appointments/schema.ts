/**
 * Appointments: what can be booked and with whom, when the place is open, what is booked, who waits for a place, what is
 * still to be said before and after, and what people thought of it. A million appointments may lie ahead, so every way
 * in has its index, and those that are asked all the time hold only the rows that still matter.
 */
import { sql } from 'drizzle-orm'
import {
  bool,
  check,
  index,
  int,
  json,
  money,
  primaryKey,
  serial,
  table,
  text,
  time,
  uniqueIndex,
} from '../../platform/db/dialect'

export const services = table(
  'appointment_services',
  {
    id: text('id').primaryKey(),
    name: text('name').notNull(),
    description: text('description').notNull(),
    durationMinutes: int('duration_minutes').notNull(),
    /** After the end, before the next one may begin. */
    bufferMinutes: int('buffer_minutes').notNull(),
    price: money('price').notNull(),
    deposit: money('deposit').notNull(),
    currency: text('currency').notNull(),
    /** How many people may share one start; 1 is one at a time. */
    capacity: int('capacity').notNull(),
    place: text('place').notNull(),
    /** IANA name, such as `Africa/Maputo`. */
    timeZone: text('time_zone').notNull(),
    slotStepMinutes: int('slot_step_minutes').notNull(),
    minNoticeMinutes: int('min_notice_minutes').notNull(),
    maxDays: int('max_days').notNull(),
    /** Before the start; until then cancelling gives the deposit back. */
    cancelMinutes: int('cancel_minutes').notNull(),
    /** Who gets the deposit; nobody named: the operator. */
    payeeId: text('payee_id'),
    /** Reminders of this service; none named: those of the instance. */
    reminders: json('reminders'),
    active: bool('active').notNull(),
    /** There is more room or time for it than before: from this moment on, what is free is still to be offered. */
    grownFrom: time('grown_from'),
    createdAt: time('created_at').notNull(),
    updatedAt: time('updated_at').notNull(),
  },
  (t) => [
    index('appointment_services_grown').on(t.grownFrom).where(sql`grown_from is not null`),
    index('appointment_services_payee').on(t.payeeId).where(sql`payee_id is not null`),
    check('appointment_services_deposit', sql`${t.deposit} >= 0 and ${t.deposit} <= ${t.price}`),
    check('appointment_services_capacity', sql`${t.capacity} >= 1`),
  ],
)

/** Sums of the reviews that are shown, in rows of their own: a review must not keep a booking of its service waiting. */
export const ratings = table('appointment_ratings', {
  serviceId: text('service_id').primaryKey(),
  total: int('total').notNull(),
  reviews: int('reviews').notNull(),
})

export const staff = table(
  'appointment_staff',
  {
    id: text('id').primaryKey(),
    name: text('name').notNull(),
    /** Who sees these appointments and runs them. */
    userId: text('user_id'),
    timeZone: text('time_zone').notNull(),
    active: bool('active').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (t) => [uniqueIndex('appointment_staff_user').on(t.userId).where(sql`user_id is not null`)],
)

export const staffServices = table(
  'appointment_staff_services',
  { staffId: text('staff_id').notNull(), serviceId: text('service_id').notNull() },
  (t) => [
    primaryKey({ name: 'appointment_staff_services_pk', columns: [t.staffId, t.serviceId] }),
    index('appointment_staff_services_service').on(t.serviceId),
  ],
)

export const hours = table(
  'appointment_hours',
  {
    staffId: text('staff_id').notNull(),
    /** 1 is Monday, 7 is Sunday (ISO 8601). */
    weekday: int('weekday').notNull(),
    /** Minutes since midnight on the clock at the wall; 1440 is the end of the day. */
    fromMinute: int('from_minute').notNull(),
    toMinute: int('to_minute').notNull(),
  },
  (t) => [primaryKey({ name: 'appointment_hours_pk', columns: [t.staffId, t.weekday, t.fromMinute] })],
)

export const closures = table(
  'appointment_closures',
  {
    id: text('id').primaryKey(),
    /** Nobody named: the whole place is closed. */
    staffId: text('staff_id'),
    /** `YYYY-MM-DD`, both included, where the staff are. */
    fromDate: text('from_date').notNull(),
    toDate: text('to_date').notNull(),
    /** The part of each day; absent: the whole day. */
    fromMinute: int('from_minute'),
    toMinute: int('to_minute'),
    reason: text('reason').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (t) => [index('appointment_closures_to').on(t.toDate)],
)

export const appointments = table(
  'appointments',
  {
    id: text('id').primaryKey(),
    userId: text('user_id').notNull(),
    serviceId: text('service_id').notNull(),
    staffId: text('staff_id').notNull(),
    startsAt: time('starts_at').notNull(),
    endsAt: time('ends_at').notNull(),
    /** The end with the buffer after it. */
    busyUntil: time('busy_until').notNull(),
    /** `offered`, `booked`, `completed`, `missed`, `cancelled`, `declined` or `lapsed`. */
    status: text('status').notNull(),
    /** Counts every change, so that a message about an older state is known as one. */
    version: int('version').notNull(),
    price: money('price').notNull(),
    deposit: money('deposit').notNull(),
    currency: text('currency').notNull(),
    /**
     * `none`, `held`, `captured`, `released`, `refunded` (captured, and given back later), or `uncollected`: it was to be
     * captured or released, but the hold had run out or an account stood in the way, and the customer has the money.
     */
    depositState: text('deposit_state').notNull(),
    holdId: text('hold_id'),
    transferId: text('transfer_id'),
    /** As promised at the booking, whatever the service says later; it goes with the customer’s own moves. */
    cancelMinutes: int('cancel_minutes').notNull(),
    /** So long before the start; the start itself once the place has moved it. */
    cancelUntil: time('cancel_until').notNull(),
    /** Of an offer to somebody on the waiting list. */
    offeredUntil: time('offered_until'),
    waitId: text('wait_id'),
    /** `customer`, `staff`, `operator` or `system`. */
    cancelledBy: text('cancelled_by'),
    reason: text('reason'),
    createdAt: time('created_at').notNull(),
    updatedAt: time('updated_at').notNull(),
  },
  (t) => [
    index('appointments_busy').on(t.staffId, t.startsAt).where(sql`status in ('offered', 'booked')`),
    index('appointments_person_busy').on(t.userId, t.startsAt).where(sql`status in ('offered', 'booked')`),
    index('appointments_offers').on(t.offeredUntil).where(sql`status = 'offered'`),
    index('appointments_service_ahead').on(t.serviceId, t.startsAt).where(sql`status in ('offered', 'booked')`),
    uniqueIndex('appointments_hold').on(t.holdId).where(sql`hold_id is not null`),
    index('appointments_unsettled').on(t.endsAt).where(sql`deposit_state = 'held'`),
    index('appointments_user').on(t.userId, t.id),
    index('appointments_staff').on(t.staffId, t.startsAt, t.id),
    index('appointments_starts').on(t.startsAt, t.id),
    // A state that is rare is found without looking through all the others.
    index('appointments_status').on(t.status, t.startsAt, t.id),
    index('appointments_staff_status').on(t.staffId, t.status, t.startsAt, t.id),
    check('appointments_span', sql`${t.startsAt} < ${t.endsAt} and ${t.endsAt} <= ${t.busyUntil}`),
    check(
      'appointments_status',
      sql`${t.status} in ('offered', 'booked', 'completed', 'missed', 'cancelled', 'declined', 'lapsed')`,
    ),
    check(
      'appointments_deposit_state',
      sql`${t.depositState} in ('none', 'held', 'captured', 'released', 'refunded', 'uncollected')`,
    ),
  ],
)

export const waits = table(
  'appointment_waits',
  {
    id: text('id').primaryKey(),
    userId: text('user_id').notNull(),
    serviceId: text('service_id').notNull(),
    staffId: text('staff_id'),
    fromDate: text('from_date').notNull(),
    toDate: text('to_date').notNull(),
    /** The same as moments, where the service is. */
    fromAt: time('from_at').notNull(),
    toAt: time('to_at').notNull(),
    /** `waiting`, `offered` or `ended`. */
    state: text('state').notNull(),
    /** Since when they stand where they do: who does not answer goes to the end of the line. */
    since: time('since').notNull(),
    /** How many offers they have not answered. */
    lapses: int('lapses').notNull(),
    /** There has been more time or room since a place was offered: if that lapses, what is free is still to be offered. */
    grownMeanwhile: bool('grown_meanwhile').notNull(),
    createdAt: time('created_at').notNull(),
    endedAt: time('ended_at'),
  },
  (t) => [
    index('appointment_waits_line').on(t.serviceId, t.since, t.id).where(sql`state = 'waiting'`),
    index('appointment_waits_when').on(t.serviceId, t.toAt, t.fromAt).where(sql`state = 'waiting'`),
    index('appointment_waits_offered').on(t.serviceId).where(sql`state = 'offered'`),
    index('appointment_waits_over').on(t.toAt).where(sql`state = 'waiting'`),
    index('appointment_waits_ended').on(t.endedAt).where(sql`state = 'ended'`),
    index('appointment_waits_user').on(t.userId, t.id),
    check('appointment_waits_state', sql`${t.state} in ('waiting', 'offered', 'ended')`),
  ],
)

export const reminders = table(
  'appointment_reminders',
  {
    id: serial('id'),
    appointmentId: text('appointment_id').notNull(),
    /** The appointment’s when this was made. */
    version: int('version').notNull(),
    name: text('name').notNull(),
    dueAt: time('due_at').notNull(),
    /** Later than that it would only confuse. */
    skipAfter: time('skip_after').notNull(),
    media: json('media').notNull(),
    /** `waiting`, `done` or `skipped`. */
    state: text('state').notNull(),
  },
  (t) => [
    index('appointment_reminders_due').on(t.dueAt).where(sql`state = 'waiting'`),
    index('appointment_reminders_past').on(t.dueAt).where(sql`state <> 'waiting'`),
    index('appointment_reminders_of').on(t.appointmentId),
    check('appointment_reminders_state', sql`${t.state} in ('waiting', 'done', 'skipped')`),
  ],
)

export const reviews = table(
  'appointment_reviews',
  {
    id: text('id').primaryKey(),
    appointmentId: text('appointment_id').notNull(),
    serviceId: text('service_id').notNull(),
    userId: text('user_id').notNull(),
    rating: int('rating').notNull(),
    text: text('text'),
    hidden: bool('hidden').notNull(),
    createdAt: time('created_at').notNull(),
    updatedAt: time('updated_at').notNull(),
  },
  (t) => [
    uniqueIndex('appointment_reviews_appointment').on(t.appointmentId),
    index('appointment_reviews_service').on(t.serviceId, t.id),
    index('appointment_reviews_user').on(t.userId),
    check('appointment_reviews_rating', sql`${t.rating} between 1 and 5`),
  ],
)

/** Secret addresses at which calendars look: of a person, or of a member of staff. */
export const feeds = table(
  'appointment_feeds',
  {
    tokenHash: text('token_hash').primaryKey(),
    userId: text('user_id'),
    staffId: text('staff_id'),
    /** Who knows the address. */
    madeBy: text('made_by').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (t) => [
    index('appointment_feeds_maker').on(t.madeBy),
    uniqueIndex('appointment_feeds_user').on(t.userId).where(sql`user_id is not null`),
    uniqueIndex('appointment_feeds_staff').on(t.staffId).where(sql`staff_id is not null`),
  ],
)
