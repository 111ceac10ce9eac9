/** Appointments that people book at the place: services, staff, deposits, reminders, a waiting list, and reviews. */
export {
  appointmentBooked,
  appointmentCancelled,
  appointmentCompleted,
  appointmentMissed,
  appointmentMoved,
  appointmentRefunded,
  appointmentReminderDue,
  type DepositOutcome,
  type EndedBy,
  placeOffered,
  reviewAsked,
} from './events'
export { appointmentRoutes } from './routes'
export { type AppointmentClaim, type AppointmentOptions, type Appointments, createAppointments } from './service'
export type { ReminderPlan } from './service/reminders'
export type { AppointmentDetails } from './service/views'
