/** What appointments tell others. Names, places and reasons never appear in them. */
import { type Static, Type } from '@sinclair/typebox'
import { eventType } from '../../platform/events'

const which = {
  appointmentId: Type.String(),
  userId: Type.String(),
  version: Type.Integer(),
}

const depositOutcome = Type.Union([Type.Literal('none'), Type.Literal('returned'), Type.Literal('kept')])
/** What became of a deposit. */
export type DepositOutcome = Static<typeof depositOutcome>

const by = Type.Union([
  Type.Literal('customer'),
  Type.Literal('staff'),
  Type.Literal('operator'),
  Type.Literal('system'),
])
/** Who ended it. */
export type EndedBy = Static<typeof by>

const ended = {
  ...which,
  depositOutcome,
  /** What was returned or kept; 0 if there was none. */
  deposit: Type.Integer(),
  currency: Type.String(),
  /** Who got what was kept; absent if nothing was, or if it is the operator’s. */
  payeeId: Type.Optional(Type.String()),
}

/** The account of whoever serves the customer, if they have one. */
const staffUserId = Type.Optional(Type.String())

/** Moments are in milliseconds since 1970. */
const facts = {
  ...which,
  serviceId: Type.String(),
  staffId: Type.String(),
  startsAt: Type.Integer(),
  deposit: Type.Integer(),
  currency: Type.String(),
  staffUserId,
}

export const appointmentBooked = eventType('appointments.booked', Type.Object(facts))
export const appointmentMoved = eventType(
  'appointments.moved',
  Type.Object({
    ...facts,
    by,
    /** Whose diary it was in before, if that was another’s. */
    leftUserId: Type.Optional(Type.String()),
  }),
)
export const appointmentCancelled = eventType('appointments.cancelled', Type.Object({ ...ended, by, staffUserId }))
export const appointmentCompleted = eventType('appointments.completed', Type.Object(ended))
export const appointmentMissed = eventType('appointments.missed', Type.Object(ended))

/** A deposit that was kept is given back to its customer after all. */
export const appointmentRefunded = eventType(
  'appointments.refunded',
  Type.Object({ ...which, amount: Type.Integer(), currency: Type.String() }),
)

/** Look again (`stillTrue`) before anything is sent: the appointment may have changed since. */
export const appointmentReminderDue = eventType(
  'appointments.reminder_due',
  Type.Object({
    ...which,
    reminder: Type.String(),
    media: Type.Array(Type.String()),
    /** From then on it comes too late. */
    skipAfter: Type.Integer(),
  }),
)
export const reviewAsked = eventType(
  'appointments.review_asked',
  Type.Object({ ...which, media: Type.Array(Type.String()) }),
)
/** A place became free and is kept for somebody who waited for it, until the moment. */
export const placeOffered = eventType('appointments.place_offered', Type.Object({ ...which, until: Type.Integer() }))
