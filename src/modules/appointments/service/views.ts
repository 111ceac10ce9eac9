/** An appointment as its customer sees it, as those who run it do, and as other modules ask for it. */
import type { Db } from '../../../platform/db'
import { iso } from '../../../platform/moment'
import type { AppointmentRow } from './rows'
import type { ServiceRow, ServiceRows } from './service-rows'
import type { StaffBook, StaffRow } from './staff'
import { localText } from './time'
import type { Status } from './transitions'

export type DepositState = 'none' | 'held' | 'captured' | 'released' | 'refunded' | 'uncollected'

export interface AppointmentView {
  id: string
  status: Status
  version: number
  service: { id: string; name: string }
  staff: { id: string; name: string }
  place: string
  startsAt: string
  endsAt: string
  /** The start on the clock where the service is. */
  local: string
  timeZone: string
  price: number
  deposit: number
  currency: string
  depositState: DepositState
  /** Until then cancelling gives the deposit back. */
  cancelUntil: string
  /** Until then an offered place is kept. */
  offeredUntil: string | null
  cancelledBy: 'customer' | 'staff' | 'operator' | 'system' | null
  reason: string | null
  createdAt: string
}

/** With whom it is, for those who run it. */
export interface DeskView extends AppointmentView {
  customer: { id: string; name: string }
}

/** What a message about an appointment says. Moments are milliseconds since 1970. */
export interface AppointmentDetails {
  id: string
  userId: string
  version: number
  status: Status
  service: string
  serviceId: string
  staff: string
  staffId: string
  place: string
  startsAt: number
  endsAt: number
  timeZone: string
  price: number
  deposit: number
  currency: string
  depositState: DepositState
  cancelUntil: number
  offeredUntil: number | null
  cancelledBy: AppointmentView['cancelledBy']
  reason: string | null
}

export interface Views {
  one(db: Db, row: AppointmentRow): Promise<AppointmentView>
  many(db: Db, rows: readonly AppointmentRow[]): Promise<AppointmentView[]>
  details(db: Db, row: AppointmentRow): Promise<AppointmentDetails>
}

export function createViews({ services, staff }: { services: ServiceRows; staff: StaffBook }): Views {
  async function parts(db: Db, row: AppointmentRow): Promise<{ service: ServiceRow; member: StaffRow }> {
    const service = await services.find(db, row.serviceId)
    const member = await staff.find(db, row.staffId)
    if (!service || !member) throw new Error(`The service or the staff of ${row.id} is not there.`)
    return { service, member }
  }

  return {
    async one(db, row) {
      const { service, member } = await parts(db, row)
      return viewOf(row, service, member)
    },

    async many(db, rows) {
      const of = await services.findAll(
        db,
        rows.map(({ serviceId }) => serviceId),
      )
      const members = await staff.findAll(
        db,
        rows.map(({ staffId }) => staffId),
      )
      return rows.map((row) => {
        const [service, member] = [of.get(row.serviceId), members.get(row.staffId)]
        if (!service || !member) throw new Error(`The service or the staff of ${row.id} is not there.`)
        return viewOf(row, service, member)
      })
    },

    async details(db, row) {
      const { service, member } = await parts(db, row)
      const { id, userId, version, startsAt, endsAt, price, deposit, currency, cancelUntil, offeredUntil, reason } = row
      return {
        id,
        userId,
        version,
        status: row.status as Status,
        service: service.name,
        serviceId: service.id,
        staff: member.name,
        staffId: member.id,
        place: service.place,
        startsAt,
        endsAt,
        timeZone: service.timeZone,
        price,
        deposit,
        currency,
        depositState: row.depositState as DepositState,
        cancelUntil,
        offeredUntil,
        cancelledBy: row.cancelledBy as AppointmentView['cancelledBy'],
        reason,
      }
    },
  }
}

function viewOf(row: AppointmentRow, service: ServiceRow, member: StaffRow): AppointmentView {
  const { id, version, startsAt, endsAt, price, deposit, currency, offeredUntil, reason } = row
  return {
    id,
    status: row.status as Status,
    version,
    service: { id: service.id, name: service.name },
    staff: { id: member.id, name: member.name },
    place: service.place,
    startsAt: iso(startsAt),
    endsAt: iso(endsAt),
    local: localText(startsAt, service.timeZone),
    timeZone: service.timeZone,
    price,
    deposit,
    currency,
    depositState: row.depositState as DepositState,
    cancelUntil: iso(row.cancelUntil),
    offeredUntil: offeredUntil === null ? null : iso(offeredUntil),
    cancelledBy: row.cancelledBy as AppointmentView['cancelledBy'],
    reason,
    createdAt: iso(row.createdAt),
  }
}
