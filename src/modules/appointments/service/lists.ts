/** Appointments in lists: a person's own, and those that somebody runs. */
import { and, asc, desc, eq, gt, gte, lt, or } from 'drizzle-orm'
import type { Db } from '../../../platform/db'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import { type Identity, isOwner, mayRunAppointments } from '../../identity'
import { appointments } from '../schema'
import type { Asker } from './changes'
import { type AppointmentRow, isBusy, type Rows } from './rows'
import type { StaffBook } from './staff'
import type { Status } from './transitions'
import type { AppointmentView, DeskView, Views } from './views'

export interface DeskQuery {
  staffId?: string | undefined
  status?: Status | undefined
  /** Starts from this moment on, and before that one. */
  from?: number | undefined
  to?: number | undefined
  limit: number
  /** Where the page before ended. */
  after?: { startsAt: number; id: string } | undefined
}

export interface Lists {
  own(userId: string, limit: number, before?: string): Promise<AppointmentView[]>
  /** Everything that a person has ever booked. */
  allOf(userId: string): Promise<AppointmentView[]>
  /** What lies ahead of a person. */
  aheadOf(db: Db, userId: string): Promise<AppointmentRow[]>
  get(asker: Asker, id: string): Promise<Result<AppointmentView, 'appointment_not_found'>>
  /** By their start; of all, or of the one member of staff whom the asker is. */
  desk(asker: Asker, query: DeskQuery): Promise<DeskView[]>
  deskGet(asker: Asker, id: string): Promise<Result<DeskView, 'appointment_not_found'>>
}

export function createLists(
  { store, clock }: Runtime,
  { identity, rows, staff, views }: { identity: Identity; rows: Rows; staff: StaffBook; views: Views },
): Lists {
  async function forDesk(found: readonly AppointmentRow[]): Promise<DeskView[]> {
    const shown = await views.many(store.read, found)
    const customers = await identity.findAll(found.map(({ userId }) => userId))
    return shown.map((view, i) => {
      const id = found[i]?.userId ?? ''
      return { ...view, customer: { id, name: customers.get(id)?.name ?? '' } }
    })
  }

  const ofUser = (userId: string, before?: string) =>
    store.read
      .select()
      .from(appointments)
      .where(and(eq(appointments.userId, userId), before === undefined ? undefined : lt(appointments.id, before)))
      .orderBy(desc(appointments.id))

  return {
    own: async (userId, limit, before) => views.many(store.read, await ofUser(userId, before).limit(limit)),

    allOf: async (userId) => views.many(store.read, await ofUser(userId)),

    aheadOf: async (db, userId) =>
      db
        .select()
        .from(appointments)
        .where(and(isBusy, eq(appointments.userId, userId), gt(appointments.startsAt, clock()))),

    async get({ userId }, id) {
      const row = await rows.find(store.read, id)
      return row && isOwner({ id: userId }, row) ? ok(await views.one(store.read, row)) : fail('appointment_not_found')
    },

    async desk({ userId, role }, { staffId, status, from, to, limit, after }) {
      const member = await staff.ofUser(store.read, userId)
      const ofAll = mayRunAppointments({ id: userId, role }, undefined)
      if (!ofAll && (!member || (staffId !== undefined && staffId !== member.id))) return []
      const whose = ofAll ? staffId : member?.id
      const { startsAt, id } = appointments
      const found = await store.read
        .select()
        .from(appointments)
        .where(
          and(
            whose === undefined ? undefined : eq(appointments.staffId, whose),
            status === undefined ? undefined : eq(appointments.status, status),
            from === undefined ? undefined : gte(startsAt, from),
            to === undefined ? undefined : lt(startsAt, to),
            after && or(gt(startsAt, after.startsAt), and(eq(startsAt, after.startsAt), gt(id, after.id))),
            after && gte(startsAt, after.startsAt),
          ),
        )
        .orderBy(asc(startsAt), asc(id))
        .limit(limit)
      return forDesk(found)
    },

    async deskGet({ userId, role }, id) {
      const row = await rows.find(store.read, id)
      const member = row && (await staff.find(store.read, row.staffId))
      if (!row || !mayRunAppointments({ id: userId, role }, member)) return fail('appointment_not_found')
      const [view] = await forDesk([row])
      return view ? ok(view) : fail('appointment_not_found')
    },
  }
}
