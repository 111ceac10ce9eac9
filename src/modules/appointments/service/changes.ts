/**
 * What happens to an appointment after it was made: it is moved, cancelled, completed or missed, or an offer is declined.
 * Who asks decides the terms: a customer is held to the deadline, those who run the place are not.
 */
import type { Tx } from '../../../platform/db'
import type { Events } from '../../../platform/events'
import type { Write } from '../../../platform/http/idempotency'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import { type Identity, isOwner, mayRunAppointments } from '../../identity'
import {
  appointmentCancelled,
  appointmentCompleted,
  appointmentMissed,
  appointmentMoved,
  type DepositOutcome,
  type EndedBy,
} from '../events'
import type { AppointmentCode } from '../failures'
import { factsOf } from './booking'
import type { Deposits } from './deposits'
import type { Placing } from './placing'
import type { Reminders } from './reminders'
import type { AppointmentRow, Rows } from './rows'
import type { Services } from './services'
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
  /** Within the unit in which somebody leaves: what lies ahead of them is cancelled. */
  cancelAllOf(tx: Tx, rows: readonly AppointmentRow[]): Promise<void>
}

export interface ChangesParts {
  identity: Identity
  events: Events
  rows: Rows
  services: Services
  staff: StaffBook
  placing: Placing
  deposits: Deposits
  reminders: Reminders
  waiting: Waiting
  views: Views
}

interface Cancelling {
  by: EndedBy
  reason: string | null
  keepDeposit: boolean
}

export function createChanges({ store, clock }: Runtime, parts: ChangesParts): Changes {
  const { identity, events, rows, services, staff, placing, deposits, reminders, waiting, views } = parts

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
    const isTheirs = as === 'desk' ? mayRunAppointments({ id: userId, role }, member) : isOwner({ id: userId }, row)
    if (!isTheirs) return fail('appointment_not_found')
    const status = after(row.status, step)
    if (!status) return fail(stateCode(row.status))
    return ok({ row, status, by: as === 'customer' ? 'customer' : member?.userId === userId ? 'staff' : 'operator' })
  }

  /** Those who run the place decide about other people's money, so it is noted. */
  async function note(tx: Tx, { userId, as }: Asker, action: string, row: AppointmentRow, outcome?: DepositOutcome) {
    if (as === 'customer') return
    await identity.auditLog.audit(tx, {
      actor: userId,
      action: `appointments.${action}`,
      subject: row.id,
      outcome: 'allowed',
      detail: { customer: row.userId, ...(outcome === undefined ? {} : { deposit: row.deposit, outcome }) },
    })
  }

  async function cancelIn(
    tx: Tx,
    row: AppointmentRow,
    status: Status,
    { by, reason, keepDeposit }: Cancelling,
  ): Promise<{ row: AppointmentRow; outcome: DepositOutcome }> {
    const { changes, outcome } = keepDeposit
      ? await deposits.keep(tx, row, await services.find(tx, row.serviceId))
      : await deposits.giveBack(tx, row)
    const cancelled = await rows.change(tx, row, { ...changes, status, cancelledBy: by, reason, offeredUntil: null })
    await reminders.drop(tx, row.id)
    await waiting.ended(tx, cancelled)
    const { id: appointmentId, userId, version } = cancelled
    await events.append(tx, appointmentCancelled, userId, {
      appointmentId,
      userId,
      version,
      by,
      depositOutcome: outcome,
    })
    await waiting.freed(tx, cancelled)
    return { row: cancelled, outcome }
  }

  /** Somebody says how it went, once it has begun. */
  const conclude = (asker: Asker, id: string, step: 'complete' | 'miss', write: Write): Changed =>
    write(async (tx): Changed => {
      const found = await lockFor(tx, asker, id, step)
      if (!found.ok) return found
      const { row, status } = found.value
      if (row.startsAt > clock()) return fail('appointment_not_started')
      const { changes, outcome } = await deposits.keep(tx, row, await services.find(tx, row.serviceId))
      const concluded = await rows.change(tx, row, { ...changes, status })
      await reminders.drop(tx, id, step === 'complete')
      await note(tx, asker, step, concluded, outcome)
      const { userId, version } = concluded
      const type = step === 'complete' ? appointmentCompleted : appointmentMissed
      await events.append(tx, type, userId, { appointmentId: id, userId, version, depositOutcome: outcome })
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
        const { userId } = row
        const wanted = { service, staffId, startsAt: start.value, userId, instead: row }
        const placed = await placing.place(tx, wanted)
        if (!placed.ok) return placed
        const { staff: member, endsAt, busyUntil } = placed.value
        const carried = await deposits.carryOver(tx, row, endsAt)
        if (!carried.ok) return carried
        const moved = await rows.change(tx, row, {
          ...carried.value,
          status,
          staffId: member.id,
          startsAt: start.value,
          endsAt,
          busyUntil,
          cancelUntil: start.value - service.cancelMinutes * MINUTE_MS,
        })
        await reminders.make(tx, moved, service)
        await note(tx, asker, 'move', moved)
        await events.append(tx, appointmentMoved, userId, factsOf(moved))
        await waiting.freed(tx, row)
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
        await note(tx, asker, 'cancel', cancelled.row, cancelled.outcome)
        return ok(await views.one(tx, cancelled.row))
      }),

    complete: (asker, id, write) => conclude(asker, id, 'complete', write),
    miss: (asker, id, write) => conclude(asker, id, 'miss', write),

    decline: (userId, id, write) =>
      write(async (tx): Changed => {
        const found = await lockFor(tx, { userId, role: '', as: 'customer' }, id, 'decline')
        if (!found.ok) return found
        const { row, status } = found.value
        const declined = await rows.change(tx, row, { status, offeredUntil: null })
        await waiting.ended(tx, declined)
        await waiting.freed(tx, declined)
        return ok(await views.one(tx, declined))
      }),

    async cancelAllOf(tx, ahead) {
      for (const row of ahead) {
        const status = after(row.status, 'cancel')
        if (status) await cancelIn(tx, row, status, { by: 'customer', reason: null, keepDeposit: false })
      }
    },
  }
}
