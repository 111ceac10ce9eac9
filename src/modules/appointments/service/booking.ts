/** Booking a place, and accepting one that was offered: the two ways in which an appointment comes to be. */
import type { Tx } from '../../../platform/db'
import type { Events } from '../../../platform/events'
import type { Write } from '../../../platform/http/idempotency'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import type { Identity, User } from '../../identity'
import { appointmentBooked } from '../events'
import type { AppointmentCode } from '../failures'
import { appointments } from '../schema'
import type { Deposits } from './deposits'
import type { Placing } from './placing'
import type { Reminders } from './reminders'
import { type AppointmentRow, newAppointment, type Rows } from './rows'
import type { ServiceRow, ServiceRows } from './service-rows'
import type { StaffBook, StaffRow } from './staff'
import { momentOf } from './time'
import { after, stateCode } from './transitions'
import type { AppointmentView, Views } from './views'
import type { Waiting } from './waiting'

export interface BookingInput {
  userId: string
  serviceId: string
  /** Nobody named: whoever is free and has the fewest that day. */
  staffId?: string | undefined
  /** A moment with `Z` or an offset, or local time where the service is. */
  startsAt: string
  /** Authorizes the deposit, where there is one. */
  pin?: string | undefined
}

export interface Booking {
  book(input: BookingInput, write: Write): Promise<Result<AppointmentView, AppointmentCode>>
  accept(
    userId: string,
    id: string,
    pin: string | undefined,
    write: Write,
  ): Promise<Result<AppointmentView, AppointmentCode>>
}

export interface BookingParts {
  identity: Identity
  events: Events
  rows: Rows
  services: ServiceRows
  staff: StaffBook
  placing: Placing
  deposits: Deposits
  reminders: Reminders
  waiting: Waiting
  views: Views
}

export function createBooking({ store, clock, newId }: Runtime, parts: BookingParts): Booking {
  const { identity, events, rows, services, staff, placing, deposits, reminders, waiting, views } = parts

  /** The customer, who has typed the PIN where a deposit is asked for. */
  async function customer(
    userId: string,
    deposit: number,
    pin: string | undefined,
  ): Promise<Result<User, AppointmentCode>> {
    if (deposit === 0) return ok(await identity.known(userId))
    return pin === undefined ? fail('pin_required') : identity.verifyPin(userId, pin)
  }

  async function booked(
    tx: Tx,
    row: AppointmentRow,
    service: ServiceRow,
    member: StaffRow | undefined,
  ): Promise<AppointmentView> {
    await reminders.make(tx, row, service)
    await events.append(tx, appointmentBooked, row.userId, factsOf(row, member))
    return views.one(tx, row)
  }

  return {
    async book({ userId, serviceId, staffId, startsAt, pin }, write) {
      const seen = await services.find(store.read, serviceId)
      if (!seen) return fail('service_not_found')
      if (!seen.active) return fail('service_inactive')
      const start = momentOf(startsAt, seen.timeZone)
      if (!start.ok) return start
      const allowed = await customer(userId, seen.deposit, pin)
      if (!allowed.ok) return allowed
      return write(async (tx): Promise<Result<AppointmentView, AppointmentCode>> => {
        const service = await services.find(tx, serviceId)
        if (!service?.active) return fail('service_inactive')
        // The PIN was typed for what was seen.
        if (service.deposit !== seen.deposit) return fail('deposit_changed')
        const placed = await placing.place(tx, { service, staffId, startsAt: start.value, userId })
        if (!placed.ok) return placed
        const { staff: member, endsAt, busyUntil } = placed.value
        const { deposit: amount, currency } = service
        const taken = await deposits.take(tx, allowed.value, { amount, currency, endsAt })
        if (!taken.ok) return taken
        const at = { id: newId('apt'), userId, staffId: member.id, startsAt: start.value, endsAt, busyUntil }
        const made = newAppointment({ ...at, createdAt: clock() }, service, { status: 'booked' })
        const row = { ...made, ...taken.value }
        await tx.insert(appointments).values(row)
        return ok(await booked(tx, row, service, member))
      })
    },

    async accept(userId, id, pin, write) {
      const seen = await rows.find(store.read, id)
      if (seen?.userId !== userId) return fail('appointment_not_found')
      if (seen.status !== 'offered') return fail(stateCode(seen.status))
      const allowed = await customer(userId, seen.deposit, pin)
      if (!allowed.ok) return allowed
      return write(async (tx): Promise<Result<AppointmentView, AppointmentCode>> => {
        const row = await rows.lock(tx, id)
        if (!row) return fail('appointment_not_found')
        const status = after(row.status, 'accept')
        if (!status) return fail(stateCode(row.status))
        // The schedule that ends offers may be some seconds behind.
        if ((row.offeredUntil ?? 0) <= clock()) return fail('appointment_lapsed')
        const service = await services.find(tx, row.serviceId)
        if (!service?.active) return fail('service_inactive')
        // Much may have changed since the place was offered.
        const lost = await placing.whyLost(tx, row, service)
        if (lost) return fail(lost)
        const { deposit: amount, currency, endsAt } = row
        const taken = await deposits.take(tx, allowed.value, { amount, currency, endsAt })
        if (!taken.ok) return taken
        const accepted = await rows.change(tx, row, { status, offeredUntil: null, ...taken.value })
        await waiting.ended(tx, accepted)
        return ok(await booked(tx, accepted, service, await staff.find(tx, row.staffId)))
      })
    },
  }
}

export const factsOf = (
  { id, userId, version, serviceId, staffId, startsAt, deposit, currency }: AppointmentRow,
  member: StaffRow | undefined,
) => ({
  appointmentId: id,
  userId,
  version,
  serviceId,
  staffId,
  startsAt,
  deposit,
  currency,
  ...withAccountOf(member),
})

/** Who is told at the place. */
export const withAccountOf = (member: StaffRow | undefined) =>
  member?.userId == null ? {} : { staffUserId: member.userId }
