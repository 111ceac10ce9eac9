/** From which state an appointment may go where, in one table; whatever is not in it is refused by the state's own name. */
import type { StateCode } from '../failures'

export type Status = 'offered' | 'booked' | 'completed' | 'missed' | 'cancelled' | 'declined' | 'lapsed'

export type Step = 'accept' | 'decline' | 'lapse' | 'move' | 'cancel' | 'complete' | 'miss'

const TRANSITIONS: Record<Status, Partial<Record<Step, Status>>> = {
  offered: { accept: 'booked', decline: 'declined', lapse: 'lapsed', cancel: 'cancelled' },
  booked: { move: 'booked', cancel: 'cancelled', complete: 'completed', miss: 'missed' },
  completed: {},
  missed: {},
  cancelled: {},
  declined: {},
  lapsed: {},
}

export const after = (status: string, step: Step): Status | undefined => TRANSITIONS[status as Status][step]

export const stateCode = (status: string): StateCode => `appointment_${status as Status}`
