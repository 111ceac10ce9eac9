/**
 * The waiting list, as people see it: they join for dates on which they would come, and leave. Whoever took a place that
 * was offered (`offers.ts`), or declined it, has left the line; who did not answer goes to its end, once.
 */
import { and, asc, desc, eq, gte, inArray, lt, lte, ne, sql } from 'drizzle-orm'
import type { Db, Tx } from '../../../platform/db'
import type { Write } from '../../../platform/http/idempotency'
import { iso } from '../../../platform/moment'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import type { AppointmentCode } from '../failures'
import { waits } from '../schema'
import type { AppointmentRow } from './rows'
import type { ServiceRow, ServiceRows } from './service-rows'
import type { StaffBook } from './staff'
import { overlaps, type Span, spanOfDates } from './time'

export type WaitRow = typeof waits.$inferSelect

export interface WaitInput {
  serviceId: string
  staffId?: string | undefined
  from: string
  to: string
}

export interface WaitView {
  id: string
  serviceId: string
  staffId: string | null
  from: string
  to: string
  state: 'waiting' | 'offered' | 'ended'
  createdAt: string
}

type WaitCode = Extract<
  AppointmentCode,
  | 'service_not_found'
  | 'service_inactive'
  | 'staff_not_found'
  | 'staff_not_for_service'
  | 'own_service'
  | 'span_invalid'
  | 'wait_present'
  | 'too_many_waits'
>

export interface Waiting {
  join(userId: string, input: WaitInput, write: Write): Promise<Result<WaitView, WaitCode>>
  /** Within a unit: whether this person waited there, and does no longer. */
  leave(tx: Tx, userId: string, id: string): Promise<boolean>
  list(userId: string, limit: number, before?: string): Promise<WaitView[]>
  all(userId: string): Promise<WaitView[]>
  /** Within the unit in which an offer was taken, declined or cancelled. */
  ended(tx: Tx, row: AppointmentRow): Promise<void>
  /** Within the unit in which an offer lapsed: who slept or was offline waits on behind the others, who does so again waits no more. */
  backInLine(tx: Tx, row: AppointmentRow): Promise<void>
  /** Ends up to so many whose dates are over; answers how many. */
  endOver(limit: number): Promise<number>
  /** Forgets those that ended before the moment; answers how many. */
  prune(before: number): Promise<number>
  erase(tx: Tx, userId: string): Promise<void>
}

const DAYS_LIMIT = 366
const WAITS_EACH = 20
/** Each holds a place back from people who would come. */
const LAPSES_EACH = 2
const PRUNE_AT_ONCE = 2_000

/** Written out, because that is how the engines recognize the partial indexes. */
export const isWaiting = sql`${waits.state} = 'waiting'`

export function createWaiting(
  { store, clock, newId }: Runtime,
  { services, staff }: { services: ServiceRows; staff: StaffBook },
): Waiting {
  /** Asked within the unit, so that somebody who joins twice at once is counted twice. */
  async function refusal(
    tx: Tx,
    userId: string,
    service: ServiceRow,
    staffId: string | undefined,
    span: Span,
  ): Promise<WaitCode | undefined> {
    if (service.payeeId === userId) return 'own_service'
    if (staffId !== undefined) {
      if (!(await staff.find(tx, staffId))?.active) return 'staff_not_found'
      if (!(await staff.does(tx, staffId, service.id))) return 'staff_not_for_service'
    }
    const own = await tx
      .select()
      .from(waits)
      .where(and(eq(waits.userId, userId), ne(waits.state, 'ended'), gte(waits.toAt, clock())))
    const same = own.filter((each) => each.serviceId === service.id && each.staffId === (staffId ?? null))
    if (same.some(({ fromAt, toAt }) => overlaps({ from: fromAt, to: toAt }, span))) return 'wait_present'
    return own.length >= WAITS_EACH ? 'too_many_waits' : undefined
  }

  const overdue = (db: Db, limit: number) =>
    db
      .select({ id: waits.id })
      .from(waits)
      .where(and(isWaiting, lte(waits.toAt, clock())))
      .orderBy(asc(waits.toAt))
      .limit(limit)

  return {
    async join(userId, input, write) {
      const service = await services.find(store.read, input.serviceId)
      if (!service) return fail('service_not_found')
      if (!service.active) return fail('service_inactive')
      const span = spanOfDates(input.from, input.to, service.timeZone, DAYS_LIMIT)
      if (!span.ok) return span
      if (span.value.to <= clock()) return fail('span_invalid')
      return write(async (tx): Promise<Result<WaitView, WaitCode>> => {
        const refused = await refusal(tx, userId, service, input.staffId, span.value)
        if (refused) return fail(refused)
        const row: WaitRow = {
          id: newId('wtl'),
          userId,
          serviceId: input.serviceId,
          staffId: input.staffId ?? null,
          fromDate: input.from,
          toDate: input.to,
          fromAt: span.value.from,
          toAt: span.value.to,
          state: 'waiting',
          since: clock(),
          lapses: 0,
          grownMeanwhile: false,
          createdAt: clock(),
          endedAt: null,
        }
        await tx.insert(waits).values(row)
        return ok(viewOf(row))
      })
    },

    async leave(tx, userId, id) {
      const left = await tx
        .update(waits)
        .set({ state: 'ended', endedAt: clock() })
        .where(and(eq(waits.id, id), eq(waits.userId, userId), isWaiting))
        .returning({ id: waits.id })
      return left.length > 0
    },

    async list(userId, limit, before) {
      const found = await store.read
        .select()
        .from(waits)
        .where(and(eq(waits.userId, userId), before === undefined ? undefined : lt(waits.id, before)))
        .orderBy(desc(waits.id))
        .limit(limit)
      return found.map(viewOf)
    },

    async all(userId) {
      const found = await store.read.select().from(waits).where(eq(waits.userId, userId)).orderBy(desc(waits.id))
      return found.map(viewOf)
    },

    async ended(tx, { waitId }) {
      if (waitId === null) return
      await tx.update(waits).set({ state: 'ended', endedAt: clock() }).where(eq(waits.id, waitId))
    },

    async backInLine(tx, { waitId }) {
      if (waitId === null) return
      const [wait] = await tx
        .select()
        .from(waits)
        .where(and(eq(waits.id, waitId), eq(waits.state, 'offered')))
      if (!wait) return
      const now = clock()
      const lapses = wait.lapses + 1
      const waitsOn = lapses < LAPSES_EACH
      const next = waitsOn ? { state: 'waiting', since: now } : { state: 'ended', endedAt: now }
      await tx
        .update(waits)
        .set({ ...next, lapses, grownMeanwhile: false })
        .where(eq(waits.id, waitId))
      if (waitsOn && wait.grownMeanwhile) await services.offerFrom(tx, now, [wait.serviceId])
    },

    async endOver(limit) {
      // A look costs no write, and mostly there is nothing.
      const ids = (await overdue(store.read, limit)).map(({ id }) => id)
      if (ids.length === 0) return 0
      await store.write(async (tx) => {
        await tx
          .update(waits)
          .set({ state: 'ended', endedAt: clock() })
          .where(and(inArray(waits.id, ids), isWaiting))
      })
      return ids.length
    },

    async prune(before) {
      const old = await store.read
        .select({ id: waits.id })
        .from(waits)
        .where(and(sql`${waits.state} = 'ended'`, lt(waits.endedAt, before)))
        .limit(PRUNE_AT_ONCE)
      const ids = old.map(({ id }) => id)
      if (ids.length > 0) await store.write(async (tx) => void (await tx.delete(waits).where(inArray(waits.id, ids))))
      return ids.length
    },

    async erase(tx, userId) {
      await tx.delete(waits).where(eq(waits.userId, userId))
    },
  }
}

function viewOf({ id, serviceId, staffId, fromDate, toDate, state, createdAt }: WaitRow): WaitView {
  const shown = state as WaitView['state']
  return { id, serviceId, staffId, from: fromDate, to: toDate, state: shown, createdAt: iso(createdAt) }
}
