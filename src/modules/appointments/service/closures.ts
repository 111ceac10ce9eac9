/** Holidays and other days or hours on which the place, or one member of staff, is not there. */
import { and, asc, eq, gt, gte, inArray, isNull, lte, or } from 'drizzle-orm'
import type { Db, Tx } from '../../../platform/db'
import { count } from '../../../platform/db/dialect'
import { iso } from '../../../platform/moment'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import type { Noted } from '../../identity'
import type { AppointmentCode } from '../failures'
import { closures } from '../schema'
import type { ServiceRows } from './service-rows'
import type { StaffBook } from './staff'
import { atMinute, isDate, localDate } from './time'

export type ClosureRow = typeof closures.$inferSelect

export interface NewClosure {
  staffId?: string | undefined
  fromDate: string
  toDate: string
  fromMinute?: number | undefined
  toMinute?: number | undefined
  reason: string
}

export interface ClosureView extends Omit<ClosureRow, 'createdAt'> {
  createdAt: string
}

type ClosureCode = Extract<
  AppointmentCode,
  'closure_invalid' | 'closure_not_found' | 'staff_not_found' | 'too_many_closures'
>

/** Of the place, and of each member of staff, that are not over: every list of free slots reads all that it touches. */
const AHEAD_LIMIT = 500

/** Where a date ends last. */
const LAST_ZONE = 'Etc/GMT+12'

export interface Closures {
  /** Appointments that lie in it stay; whoever closes moves or cancels them. */
  create(input: NewClosure, noted: Noted): Promise<Result<ClosureView, ClosureCode>>
  remove(id: string, noted: Noted): Promise<Result<true, ClosureCode>>
  /** Those that are not over yet, by their last day. */
  list(options: { from: string; limit: number; after?: string | undefined }): Promise<ClosureView[]>
  /** Of the whole place and of these members, between two dates. */
  between(db: Db, staffIds: readonly string[], from: string, to: string): Promise<ClosureRow[]>
}

export function createClosures(
  { store, clock, newId }: Runtime,
  { staff, services }: { staff: StaffBook; services: ServiceRows },
): Closures {
  async function aheadOf(tx: Tx, staffId: string | null): Promise<number> {
    const [row] = await tx
      .select({ n: count() })
      .from(closures)
      .where(
        and(
          gte(closures.toDate, localDate(clock(), 'UTC')),
          staffId === null ? isNull(closures.staffId) : eq(closures.staffId, staffId),
        ),
      )
    return row?.n ?? 0
  }

  return {
    async create(input, noted) {
      const { staffId = null, fromDate, toDate, fromMinute = null, toMinute = null, reason } = input
      if (!isClosure(fromDate, toDate, fromMinute, toMinute)) return fail('closure_invalid')
      return store.write(async (tx): Promise<Result<ClosureView, ClosureCode>> => {
        if (staffId !== null && !(await staff.find(tx, staffId))) return fail('staff_not_found')
        if ((await aheadOf(tx, staffId)) >= AHEAD_LIMIT) return fail('too_many_closures')
        const id = newId('cls')
        const row: ClosureRow = { id, staffId, fromDate, toDate, fromMinute, toMinute, reason, createdAt: clock() }
        await tx.insert(closures).values(row)
        await noted(tx, 'appointments.closure_create', id, { staffId, fromDate, toDate })
        return ok(viewOf(row))
      })
    },

    remove: (id, noted) =>
      store.write(async (tx): Promise<Result<true, ClosureCode>> => {
        const [removed] = await tx.delete(closures).where(eq(closures.id, id)).returning()
        if (!removed) return fail('closure_not_found')
        const { staffId } = removed
        if (!isOver(removed, clock()))
          await services.hasGrown(tx, clock(), staffId === null ? undefined : await staff.servicesOf(tx, staffId))
        await noted(tx, 'appointments.closure_remove', id)
        return ok(true)
      }),

    async list({ from, limit, after }) {
      const [afterDate, afterId] = after?.split(' ') ?? []
      const rows = await store.read
        .select()
        .from(closures)
        .where(
          and(
            gte(closures.toDate, afterDate ?? from),
            afterDate === undefined || afterId === undefined
              ? undefined
              : or(gt(closures.toDate, afterDate), gt(closures.id, afterId)),
          ),
        )
        .orderBy(asc(closures.toDate), asc(closures.id))
        .limit(limit)
      return rows.map(viewOf)
    },

    between: (db, staffIds, from, to) =>
      db
        .select()
        .from(closures)
        .where(
          and(
            gte(closures.toDate, from),
            lte(closures.fromDate, to),
            or(isNull(closures.staffId), inArray(closures.staffId, [...staffIds])),
          ),
        ),
  }
}

function isClosure(fromDate: string, toDate: string, fromMinute: number | null, toMinute: number | null): boolean {
  if (!isDate(fromDate) || !isDate(toDate) || fromDate > toDate) return false
  if (fromMinute === null && toMinute === null) return true
  return (fromMinute ?? 0) < (toMinute ?? 1440)
}

/** Everywhere, as each of the staff may be in another time zone. */
const isOver = ({ toDate, toMinute }: ClosureRow, now: number) => atMinute(toDate, toMinute ?? 1440, LAST_ZONE) <= now

const viewOf = ({ createdAt, ...row }: ClosureRow): ClosureView => ({ ...row, createdAt: iso(createdAt) })
