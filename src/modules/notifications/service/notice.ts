/** What a caller asks to be told to whom. */
import type { AppointmentClaim } from '../../appointments'
import type { Medium } from '../channels/channel'
import type { Track } from './routing'

export interface Notice {
  /** Whom; or an address that is no user’s. */
  userId: string | undefined
  address?: string | undefined
  /** Where it goes, if that is not the person’s own address (`Identity.addressOf`). */
  addressId?: string | undefined
  template: string
  /** Plain values for the template: ids, amounts, moments. No names, no addresses. */
  data: Record<string, unknown>
  /** Members of the template’s data that are user ids here, and names in the message. */
  people?: Record<string, string>
  /** A code or a token, sealed under the instance’s key for `code-in-transit`, and the member that it becomes. */
  secret?: { member: string; sealed: string }
  /** Facts of this session are looked up when it is sent. */
  sessionId?: string
  /** Facts of this appointment are looked up when it is sent. */
  appointmentId?: string
  /** What it says of the appointment: it is not sent once that is so no more. */
  claim?: AppointmentClaim
  /** The version of the appointment that it is true of. */
  version?: number
  /** What it is about. The same person is told the same of the same thing once. */
  about: string
  /** Somebody asks for it by name: it never takes the place of what Kumbu says of itself. */
  byName?: true
  /** The only ways it may take: a code that proves an address goes to that address. */
  only?: readonly Medium[]
  /** The ways of this one, in place of the template’s. */
  tracks?: readonly Track[]
  language?: string | undefined
  dueAt?: number | undefined
  /** After this it is not sent any more. */
  expiresAt?: number | undefined
}

/** What is kept of a notice beside its own columns. */
export interface Facts {
  data: Record<string, unknown>
  people?: Record<string, string>
  /** The member that the secret becomes. */
  secretMember?: string
  sessionId?: string
  appointmentId?: string
  claim?: AppointmentClaim
}
