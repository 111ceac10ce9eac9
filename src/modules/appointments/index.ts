/** Appointments that people book at the place: services, staff, deposits, reminders, a waiting list, and reviews. */
export {
  appointmentBooked,
  appointmentCancelled,
  appointmentCompleted,
  appointmentMissed,
  appointmentMoved,
  appointmentRefunded,
  appointmentReminderDue,
  placeOffered,
  reviewAsked,
} from './events'
export { appointmentRoutes } from './routes'
export { type AppointmentClaim, type Appointments, createAppointments } from './service'
