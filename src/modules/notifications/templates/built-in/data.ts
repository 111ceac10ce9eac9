/** What each built-in template is filled with. Amounts are minor units, moments milliseconds. */
import type { CodePurpose, SecurityChange } from '../../../identity'
import type { TransferType } from '../../../ledger'

export interface TemplateData {
  /** `purpose` is `null` if only another program knows it. `minutes` are those that are left. */
  code: { code: string; purpose: CodePurpose | null; minutes: number }
  welcome: Nothing
  registration_repeated: Nothing
  sessions_revoked: Nothing
  password_reset: { link: string; minutes: number }
  password_changed: Nothing
  new_device: { userAgent: string; address: string; at: number }
  security_changed: { change: SecurityChange }
  money_sent: Moved & { fee: number; to: string }
  money_received: Moved & { from: string }
  cash_in: Moved & { from: string }
  float_issued: Moved
  low_float: { balance: number; threshold: number; currency: string }
  withdrawal_requested: Withdrawn
  withdrawal_code: Withdrawn & { token: string; expiresAt: number }
  withdrawal_paid: Withdrawn & { by: string }
  withdrawal_paid_out: Omit<Withdrawn, 'fee'> & { commission: number; customer: string }
  withdrawal_cancelled: Withdrawn
  withdrawal_expired: Withdrawn
  withdrawal_reversed: Withdrawn
  /** `amount` is negative if it left the account. */
  receipt: Moved & { type: TransferType; fee: number; at: number }
  appointment_confirmation: Booked
  appointment_moved: Booked
  /** `reason` is empty if there is none, or the person cancelled. */
  appointment_cancelled: Appointment & Deposit & { reason: string }
  appointment_reminder: Appointment
  appointment_missed: Omit<Appointment, 'staff' | 'place' | 'link'> & Deposit
  /** For whoever serves the customer. */
  appointment_for_staff: {
    service: string
    startsAt: number
    timeZone: string
    appointmentId: string
    customer: string
    what: StaffNews
  }
  deposit_taken: DepositMoved
  deposit_received: DepositMoved
  deposit_refunded: DepositMoved
  appointment_place_free: { service: string; startsAt: number; timeZone: string; offeredUntil: number; link: string }
  review_request: { service: string; staff: string; link: string }
  digest: { count: number; items: readonly { short: string; at: number }[] }
  announcement: { title: string; message: string }
}

export type TemplateName = keyof TemplateData

/** What has become of an appointment; `left`: it is in another’s diary now. */
export type StaffNews = 'booked' | 'moved' | 'left' | 'cancelled'

export type DepositOutcome = 'none' | 'returned' | 'kept'

interface DepositMoved {
  service: string
  deposit: number
  currency: string
  appointmentId: string
}

type Nothing = Record<string, never>

interface Moved {
  amount: number
  currency: string
  balance: number
  transferId: string
}

interface Withdrawn {
  amount: number
  fee: number
  currency: string
  withdrawalId: string
}

interface Appointment {
  service: string
  /** Empty if nobody in particular. */
  staff: string
  place: string
  startsAt: number
  /** Where the appointment is; its times are shown by that clock. */
  timeZone: string
  appointmentId: string
  /** Where the person sees it. */
  link: string
}

interface Booked extends Appointment {
  endsAt: number
  price: number
  deposit: number
  currency: string
  /** Until when it can be cancelled without losing the deposit; `null` if there is none, or that is past. */
  cancelUntil: number | null
}

interface Deposit {
  deposit: number
  currency: string
  depositOutcome: DepositOutcome
}
