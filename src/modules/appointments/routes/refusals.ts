/** Refusals that several routes state alike. */
import type { StateCode } from '../failures'

export const ENDED_STATES = [
  'appointment_cancelled',
  'appointment_completed',
  'appointment_missed',
  'appointment_declined',
  'appointment_lapsed',
] as const satisfies StateCode[]

/** Of a moment, or of somebody who does something else. */
export const PLACE_REFUSALS = [
  'appointment_time_invalid',
  'appointment_time_missing',
  'appointment_time_ambiguous',
  'appointment_in_past',
  'appointment_too_soon',
  'appointment_too_far',
  'appointment_off_step',
  'staff_not_for_service',
] as const
