/** The rows of appointments, as every part of this module reads and changes them. */
import { and, asc, eq, gt, inArray, lt, sql } from 'drizzle-orm'
import type { Db, Tx } from '../../../platform/db'
import { forUpdate } from '../../../platform/db/dialect'
import type { Clock } from '../../../platform/ids'
import { appointments } from '../schema'
import type { ServiceRow } from './service-rows'
import { DAY_MS, MINUTE_MS, type Span } from './time'

export type AppointmentRow = typeof appointments.$inferSelect

/** The places that are taken. Written out, because that is how the engines recognize the partial indexes. */
export const isBusy = sql`${appointments.status} in ('offered', 'booked')`

/** No appointment is longer than a day with its buffer, so none that began earlier reaches into a span. */
export const LONGEST_MS = 2 * DAY_MS

export interface Rows {
  find(db: Db, id: string): Promise<AppointmentRow | undefined>
  lock(tx: Tx, id: string): Promise<AppointmentRow | undefined>
  /** The open offer to this person on a waiting list. */
  lockOffer(tx: Tx, userId: string, waitId: string): Promise<AppointmentRow | undefined>
  /** Changes the row and counts its version. */
  change(tx: Tx, row: AppointmentRow, changes: Partial<AppointmentRow>): Promise<AppointmentRow>
  /** What takes places of these members of staff in a span, buffers included. */
  busyOf(db: Db, staffIds: readonly string[], span: Span): Promise<AppointmentRow[]>
  /** What a person has that is not over at the moment, buffers left out: those are the staff's. */
  ofPersonFrom(db: Db, userId: string, moment: number): Promise<AppointmentRow[]>
}

/** An appointment for somebody at a place, on the terms of the service as they are now. No deposit is taken yet. */
export function newAppointment(
  at: Pick<AppointmentRow, 'id' | 'userId' | 'staffId' | 'startsAt' | 'endsAt' | 'busyUntil' | 'createdAt'>,
  { id: serviceId, price, deposit, currency, cancelMinutes }: ServiceRow,
  state: { status: 'booked' } | { status: 'offered'; offeredUntil: number; waitId: string },
): AppointmentRow {
  return {
    ...at,
    serviceId,
    version: 1,
    price,
    deposit,
    currency,
    depositState: 'none',
    holdId: null,
    transferId: null,
    cancelMinutes,
    cancelUntil: at.startsAt - cancelMinutes * MINUTE_MS,
    offeredUntil: null,
    waitId: null,
    cancelledBy: null,
    reason: null,
    updatedAt: at.createdAt,
    ...state,
  }
}

export function createRows(clock: Clock): Rows {
  return {
    async find(db, id) {
      const [row] = await db.select().from(appointments).where(eq(appointments.id, id))
      return row
    },

    async lock(tx, id) {
      const [row] = await forUpdate(tx.select().from(appointments).where(eq(appointments.id, id)))
      return row
    },

    async lockOffer(tx, userId, waitId) {
      const { userId: whose, waitId: of, status } = appointments
      const isIt = and(eq(whose, userId), eq(of, waitId), eq(status, 'offered'))
      const [row] = await forUpdate(tx.select().from(appointments).where(isIt))
      return row
    },

    async change(tx, row, changes) {
      const changed = { ...changes, version: row.version + 1, updatedAt: clock() }
      await tx.update(appointments).set(changed).where(eq(appointments.id, row.id))
      return { ...row, ...changed }
    },

    busyOf: async (db, staffIds, { from, to }) =>
      staffIds.length === 0
        ? []
        : db
            .select()
            .from(appointments)
            .where(
              and(
                isBusy,
                inArray(appointments.staffId, [...staffIds]),
                gt(appointments.startsAt, from - LONGEST_MS),
                lt(appointments.startsAt, to),
                gt(appointments.busyUntil, from),
              ),
            )
            .orderBy(asc(appointments.startsAt)),

    ofPersonFrom: (db, userId, moment) =>
      db
        .select()
        .from(appointments)
        .where(
          and(
            isBusy,
            eq(appointments.userId, userId),
            gt(appointments.startsAt, moment - LONGEST_MS),
            gt(appointments.endsAt, moment),
          ),
        ),
  }
}
