/**
 * What happens to an appointment after it was made: it is moved, cancelled, completed or missed, or an offer is declined.
 * Who asks decides the terms: a customer is held to the deadline, those who run the place are not.
 */
import type { Tx } from '../../../platform/db'
import type { Events } from '../../../platform/events'
import type { Write } from '../../../platform/http/idempotency'
import { iso } from '../../../platform/moment'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import { type Identity, isOwner, mayRunAppointments } from '../../identity'
import {
  appointmentCancelled,
  appointmentCompleted,
  appointmentMissed,
  appointmentMoved,
  appointmentRefunded,
  type EndedBy,
} from '../events'
import type { AppointmentCode } from '../failures'
import { factsOf, withAccountOf } from './booking'
import type { Deposits, Ended } from './deposits'
import type { Offers } from './offers'
import type { Placing } from './placing'
import type { Reminders } from './reminders'
import type { Reviews } from './reviews'
import type { AppointmentRow, Rows } from './rows'
import type { ServiceRows } from './service-rows'
import type { StaffBook } from './staff'
import { MINUTE_MS, momentOf } from './time'
import { after, type Status, type Step, stateCode } from './transitions'
import type { AppointmentView, Views } from './views'
import type { Waiting } from './waiting'

/** Somebody who asks for a change: as the customer, or as one who runs appointments. */
export interface Asker {
  userId: string
  role: string
  as: 'customer' | 'desk'
  /** From where. */
  address?: string
}

export interface MoveInput {
  startsAt: string
  staffId?: string | undefined
}

type Changed = Promise<Result<AppointmentView, AppointmentCode>>

export interface Changes {
  move(asker: Asker, id: string, input: MoveInput, write: Write): Changed
  cancel(asker: Asker, id: string, reason: string | undefined, write: Write): Changed
  complete(asker: Asker, id: string, write: Write): Changed
  miss(asker: Asker, id: string, write: Write): Changed
  decline(userId: string, id: string, write: Write): Changed
  /** Somebody waits no longer; what is offered to them on that list goes to the next. */
  leave(userId: string, waitId: string): Promise<Result<true, 'wait_not_found'>>
  /** By an operator: a deposit that was kept goes back to the customer, once. */
  refund(asker: Asker, id: string, write: Write): Changed
  /** Within the unit in which somebody leaves: what lies ahead of them is cancelled. */
  cancelAllOf(tx: Tx, rows: readonly AppointmentRow[]): Promise<void>
}

export interface ChangesParts {
  identity: Identity
  events: Events
  rows: Rows
  services: ServiceRows
  staff: StaffBook
  placing: Placing
  deposits: Deposits
  reminders: Reminders
  reviews: Reviews
  waiting: Waiting
  offers: Offers
  views: Views
}

interface Cancelling {
  by: EndedBy
  reason: string | null
  keepDeposit: boolean
}

export function createChanges({ store, clock }: Runtime, parts: ChangesParts): Changes {
  const { identity, events, rows, services, staff, placing, deposits, reminders, reviews, waiting, offers, views } =
    parts

  /** The appointment, locked, if it is one for whoever asks and in a state from which the step leads on. */
  async function lockFor(
    tx: Tx,
    { userId, role, as }: Asker,
    id: string,
    step: Step,
  ): Promise<Result<{ row: AppointmentRow; status: Status; by: EndedBy }, AppointmentCode>> {
    const row = await rows.lock(tx, id)
    if (!row) return fail('appointment_not_found')
    const member = as === 'desk' ? await staff.find(tx, row.staffId) : undefined
    const actor = { id: userId, role }
    const isTheirs = as === 'desk' ? mayRunAppointments(actor, member) : isOwner(actor, row)
    if (!isTheirs) return fail('appointment_not_found')
    const concluding = step === 'complete' || step === 'miss'
    if (concluding && !mayRunAppointments(actor, member, { concluding }))
      return fail('appointment_not_yours_to_conclude')
    const status = after(row.status, step)
    if (!status) return fail(stateCode(row.status))
    return ok({ row, status, by: as === 'customer' ? 'customer' : member?.userId === userId ? 'staff' : 'operator' })
  }

  /** Those who run the place decide about other people's money, so it is noted. */
  async function note(tx: Tx, { userId, as, address }: Asker, action: string, row: AppointmentRow, detail: object) {
    if (as === 'customer') return
    await identity.auditLog.audit(tx, {
      actor: userId,
      action: `appointments.${action}`,
      subject: row.id,
      outcome: 'allowed',
      address,
      detail: { customer: row.userId, ...detail },
    })
  }

  /** In whose diary it may end up: whoever runs all of them chooses anybody, a member of staff keeps it in their own. */
  async function diaryFor(
    tx: Tx,
    { userId, role, as }: Asker,
    row: AppointmentRow,
    staffId: string | undefined,
  ): Promise<Result<string | undefined, 'staff_not_yours'>> {
    const actor = { id: userId, role }
    if (as === 'customer' || mayRunAppointments(actor, undefined)) return ok(staffId)
    const wanted = staffId ?? row.staffId
    return mayRunAppointments(actor, await staff.find(tx, wanted)) ? ok(wanted) : fail('staff_not_yours')
  }

  async function cancelIn(
    tx: Tx,
    row: AppointmentRow,
    status: Status,
    { by, reason, keepDeposit }: Cancelling,
  ): Promise<{ row: AppointmentRow; ended: Ended }> {
    const ended = keepDeposit
      ? await deposits.keep(tx, row, await services.find(tx, row.serviceId))
      : await deposits.giveBack(tx, row)
    const changes = { ...ended.changes, status, cancelledBy: by, reason, offeredUntil: null }
    const cancelled = await rows.change(tx, row, changes)
    await reminders.drop(tx, row.id)
    await waiting.ended(tx, cancelled)
    const member = await staff.find(tx, row.staffId)
    await events.append(tx, appointmentCancelled, row.userId, {
      ...endOf(cancelled, ended),
      ...withAccountOf(member),
      by,
    })
    await offers.freed(tx, cancelled)
    return { row: cancelled, ended }
  }

  async function declineIn(tx: Tx, row: AppointmentRow, status: Status): Promise<AppointmentRow> {
    const declined = await rows.change(tx, row, { status, offeredUntil: null })
    await waiting.ended(tx, declined)
    await offers.freed(tx, declined)
    return declined
  }

  /** Somebody says how it went, once it has begun. */
  const conclude = (asker: Asker, id: string, step: 'complete' | 'miss', write: Write): Changed =>
    write(async (tx): Changed => {
      const found = await lockFor(tx, asker, id, step)
      if (!found.ok) return found
      const { row, status, by } = found.value
      if (row.startsAt > clock()) return fail('appointment_not_started')
      const ended = await deposits.keep(tx, row, await services.find(tx, row.serviceId))
      const concluded = await rows.change(tx, row, { ...ended.changes, status })
      await reminders.drop(tx, id, step === 'complete')
      // Whoever a review is about has no say in whether it is shown.
      const hiddenReview = step === 'miss' && by === 'operator' ? await reviews.discount(tx, id) : undefined
      const detail = { ...moneyOf(concluded, ended), ...(hiddenReview === undefined ? {} : { hiddenReview }) }
      await note(tx, asker, step, concluded, detail)
      const type = step === 'complete' ? appointmentCompleted : appointmentMissed
      await events.append(tx, type, row.userId, endOf(concluded, ended))
      return ok(await views.one(tx, concluded))
    })

  return {
    async move(asker, id, { startsAt, staffId }, write) {
      const seen = await rows.find(store.read, id)
      const zone = seen && (await services.find(store.read, seen.serviceId))?.timeZone
      if (zone === undefined) return fail('appointment_not_found')
      const start = momentOf(startsAt, zone)
      return write(async (tx): Changed => {
        const found = await lockFor(tx, asker, id, 'move')
        if (!found.ok) return found
        if (!start.ok) return start
        const { row, status } = found.value
        const service = await services.find(tx, row.serviceId)
        if (!service) return fail('service_not_found')
        if (row.startsAt <= clock()) return fail('appointment_started')
        // Moved far ahead and cancelled then, every deposit would come back.
        if (asker.as === 'customer' && row.cancelUntil <= clock()) return fail('appointment_too_late_to_move')
        const diary = await diaryFor(tx, asker, row, staffId)
        if (!diary.ok) return diary
        const { userId } = row
        const isDesk = asker.as === 'desk'
        const wanted = { service, staffId: diary.value, startsAt: start.value, userId, instead: row, anyNotice: isDesk }
        const placed = await placing.place(tx, wanted)
        if (!placed.ok) return placed
        const { staff: member, endsAt, busyUntil } = placed.value
        const carried = await deposits.carryOver(tx, row, endsAt)
        if (!carried.ok) return carried
        // Whoever did not choose the new time may still say no to it without losing anything.
        const notice = asker.as === 'customer' ? row.cancelMinutes * MINUTE_MS : 0
        const moved = await rows.change(tx, row, {
          ...carried.value,
          status,
          staffId: member.id,
          startsAt: start.value,
          endsAt,
          busyUntil,
          cancelUntil: start.value - notice,
        })
        await reminders.make(tx, moved, service)
        await note(tx, asker, 'move', moved, { from: whenOf(row), to: whenOf(moved) })
        const left = member.id === row.staffId ? undefined : await staff.find(tx, row.staffId)
        await events.append(tx, appointmentMoved, userId, {
          ...factsOf(moved, member),
          by: found.value.by,
          ...(left?.userId == null ? {} : { leftUserId: left.userId }),
        })
        await offers.freed(tx, row)
        return ok(await views.one(tx, moved))
      })
    },

    cancel: (asker, id, reason, write) =>
      write(async (tx): Changed => {
        const found = await lockFor(tx, asker, id, 'cancel')
        if (!found.ok) return found
        const { row, status, by } = found.value
        const isLate = asker.as === 'customer' && row.cancelUntil <= clock()
        if (asker.as === 'customer' && row.startsAt <= clock()) return fail('appointment_started')
        const cancelled = await cancelIn(tx, row, status, { by, reason: reason ?? null, keepDeposit: isLate })
        await note(tx, asker, 'cancel', cancelled.row, moneyOf(cancelled.row, cancelled.ended))
        return ok(await views.one(tx, cancelled.row))
      }),

    complete: (asker, id, write) => conclude(asker, id, 'complete', write),
    miss: (asker, id, write) => conclude(asker, id, 'miss', write),

    decline: (userId, id, write) =>
      write(async (tx): Changed => {
        const found = await lockFor(tx, { userId, role: '', as: 'customer' }, id, 'decline')
        if (!found.ok) return found
        return ok(await views.one(tx, await declineIn(tx, found.value.row, found.value.status)))
      }),

    leave: (userId, waitId) =>
      store.write(async (tx): Promise<Result<true, 'wait_not_found'>> => {
        if (await waiting.leave(tx, userId, waitId)) return ok(true)
        const offer = await rows.lockOffer(tx, userId, waitId)
        const status = offer && after(offer.status, 'decline')
        if (!offer || !status) return fail('wait_not_found')
        await declineIn(tx, offer, status)
        return ok(true)
      }),

    refund: (asker, id, write) =>
      write(async (tx): Changed => {
        const row = await rows.lock(tx, id)
        const mayRefund = mayRunAppointments({ id: asker.userId, role: asker.role }, undefined, { concluding: true })
        if (!row || !mayRefund) return fail('appointment_not_found')
        const given = await deposits.refund(tx, row)
        if (!given.ok) return given
        const refunded = await rows.change(tx, row, given.value)
        const { userId, version, deposit: amount, currency } = refunded
        await note(tx, asker, 'refund', refunded, { amount, currency, transferId: row.transferId })
        await events.append(tx, appointmentRefunded, userId, { appointmentId: id, userId, version, amount, currency })
        return ok(await views.one(tx, refunded))
      }),

    async cancelAllOf(tx, ahead) {
      for (const row of ahead) {
        const status = after(row.status, 'cancel')
        if (status) await cancelIn(tx, row, status, { by: 'customer', reason: null, keepDeposit: false })
      }
    },
  }
}

const whenOf = ({ startsAt, staffId }: AppointmentRow) => ({ startsAt: iso(startsAt), staffId })

const moneyOf = ({ deposit }: AppointmentRow, { outcome }: Ended) => ({
  deposit: outcome === 'none' ? 0 : deposit,
  outcome,
})

function endOf(row: AppointmentRow, ended: Ended) {
  const { id: appointmentId, userId, version, currency } = row
  const { outcome: depositOutcome, payeeId } = ended
  const { deposit } = moneyOf(row, ended)
  const which = { appointmentId, userId, version }
  return { ...which, depositOutcome, deposit, currency, ...(payeeId === undefined ? {} : { payeeId }) }
}
