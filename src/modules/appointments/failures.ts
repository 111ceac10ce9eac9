/** What appointments refuse, and how HTTP says it. */
import type { Failures } from '../../platform/http/problem'
import { type PinCode, pinFailures } from '../identity'
import { type PostingCode, postingFailures } from '../ledger'

/** Why a moment cannot be booked, before anybody’s diary is looked at. */
export type TimeCode =
  | 'appointment_time_invalid'
  | 'appointment_time_missing'
  | 'appointment_time_ambiguous'
  | 'appointment_in_past'
  | 'appointment_too_soon'
  | 'appointment_too_far'

/** Why nobody has a place at that moment. */
export type PlaceCode =
  | 'appointment_closed'
  | 'appointment_outside_hours'
  | 'appointment_off_step'
  | 'appointment_taken'
  | 'appointment_overlap'

/** The appointment is in a state from which this does not lead on. */
export type StateCode =
  | 'appointment_offered'
  | 'appointment_booked'
  | 'appointment_completed'
  | 'appointment_missed'
  | 'appointment_cancelled'
  | 'appointment_declined'
  | 'appointment_lapsed'

export type AppointmentCode =
  | TimeCode
  | PlaceCode
  | StateCode
  | 'service_not_found'
  | 'service_inactive'
  | 'service_deposit_above_price'
  | 'service_currency_fixed'
  | 'payee_unfit'
  | 'reminder_name_repeated'
  | 'staff_not_found'
  | 'staff_not_for_service'
  | 'staff_user_unfit'
  | 'staff_user_taken'
  | 'hours_invalid'
  | 'closure_invalid'
  | 'closure_not_found'
  | 'too_many_closures'
  | 'span_invalid'
  | 'appointment_not_found'
  | 'own_service'
  | 'too_many_appointments'
  | 'deposit_changed'
  | 'deposit_not_kept'
  | 'payee_short_of_funds'
  | 'staff_not_yours'
  | 'appointment_not_yours_to_conclude'
  | 'pin_required'
  | 'appointment_started'
  | 'appointment_not_started'
  | 'appointment_too_late_to_move'
  | 'wait_not_found'
  | 'wait_present'
  | 'too_many_waits'
  | 'review_too_early'
  | 'review_closed'
  | 'review_not_found'
  | 'feed_not_found'
  | PinCode
  | PostingCode

export const appointmentFailures: Failures<AppointmentCode> = {
  appointment_time_invalid: { status: 422, title: 'This is no moment: no such date, or not on a whole minute.' },
  appointment_time_missing: { status: 422, title: 'The clocks go forward over this local time: it does not exist.' },
  appointment_time_ambiguous: {
    status: 422,
    title: 'The clocks go back over this local time, so it comes twice: say which one, with its offset.',
  },
  appointment_in_past: { status: 422, title: 'This moment is over.' },
  appointment_too_soon: { status: 422, title: 'This service has to be booked earlier.' },
  appointment_too_far: { status: 422, title: 'This service cannot be booked so far ahead.' },
  appointment_closed: { status: 409, title: 'It is closed at that time.' },
  appointment_outside_hours: { status: 409, title: 'That is outside the opening hours.' },
  appointment_off_step: { status: 422, title: 'Appointments of this service do not begin at that minute.' },
  appointment_taken: { status: 409, title: 'This place is taken.' },
  appointment_overlap: { status: 409, title: 'You have another appointment at that time.' },
  appointment_offered: { status: 409, title: 'This place is only offered: accept or decline it.' },
  appointment_booked: { status: 409, title: 'This appointment is booked.' },
  appointment_completed: { status: 409, title: 'This appointment has taken place.' },
  appointment_missed: { status: 409, title: 'The customer did not come to this appointment.' },
  appointment_cancelled: { status: 409, title: 'This appointment was cancelled.' },
  appointment_declined: { status: 409, title: 'This place was declined.' },
  appointment_lapsed: { status: 410, title: 'This offer has ended: the place went to the next in line.' },
  service_not_found: { status: 404, title: 'There is no such service.' },
  service_inactive: { status: 409, title: 'This service cannot be booked at present.' },
  service_deposit_above_price: { status: 422, title: 'A deposit cannot be more than the price.' },
  service_currency_fixed: { status: 422, title: 'The currency of a service does not change: make a new service.' },
  payee_unfit: { status: 422, title: 'Only an active agent or biller can be paid for a service.' },
  reminder_name_repeated: { status: 422, title: 'Each reminder of a service has a name of its own.' },
  staff_not_found: { status: 404, title: 'There is no such member of staff.' },
  staff_not_for_service: { status: 422, title: 'This member of staff does not do this service.' },
  staff_user_unfit: {
    status: 422,
    title: 'Only an active agent, teller, operator or somebody of support can be a member of staff who signs in.',
  },
  staff_user_taken: { status: 409, title: 'This user is another member of staff already.' },
  hours_invalid: {
    status: 422,
    title: 'Opening hours of a day begin before they end, end by midnight (1440), and do not overlap.',
  },
  closure_invalid: { status: 422, title: 'A closure begins before it ends, on dates that exist.' },
  closure_not_found: { status: 404, title: 'There is no such closure.' },
  too_many_closures: { status: 409, title: 'There are as many closures ahead as there can be: remove some.' },
  span_invalid: { status: 422, title: 'The dates must exist, the first not after the last, and not be too far apart.' },
  appointment_not_found: { status: 404, title: 'There is no such appointment.' },
  own_service: { status: 403, title: 'Nobody books with themselves.' },
  too_many_appointments: { status: 409, title: 'You have as many appointments ahead as one person can have.' },
  deposit_changed: { status: 409, title: 'The deposit of this service has just changed: look at it again.' },
  deposit_not_kept: { status: 409, title: 'No deposit of this appointment is kept, so none can be given back.' },
  payee_short_of_funds: { status: 409, title: 'Whoever got this deposit has not enough money to give it back.' },
  staff_not_yours: { status: 403, title: 'Only an operator or support moves an appointment to somebody else.' },
  appointment_not_yours_to_conclude: {
    status: 403,
    title: 'How an appointment went is said by whoever it was with, or by an operator.',
  },
  pin_required: { status: 422, title: 'This service takes a deposit: send the PIN.' },
  appointment_started: { status: 409, title: 'This appointment has begun.' },
  appointment_not_started: { status: 409, title: 'This appointment has not begun yet.' },
  appointment_too_late_to_move: { status: 409, title: 'It is too late to move this appointment yourself.' },
  wait_not_found: { status: 404, title: 'You are not on that waiting list.' },
  wait_present: { status: 409, title: 'You wait for this service on these days already.' },
  too_many_waits: { status: 409, title: 'You are on as many waiting lists as one person can be.' },
  review_too_early: { status: 409, title: 'A review can be written once the appointment is over.' },
  review_closed: { status: 409, title: 'A review can be changed for 30 days.' },
  review_not_found: { status: 404, title: 'There is no such review.' },
  feed_not_found: { status: 404, title: 'There is no calendar at this address.' },
  ...pinFailures,
  ...postingFailures,
}
