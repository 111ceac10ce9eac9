/** Who does what, and when they are there: members of staff, their services, and their opening hours. */
import { and, asc, eq, gt, inArray } from 'drizzle-orm'
import type { Db, Tx } from '../../../platform/db'
import { forUpdate } from '../../../platform/db/dialect'
import { iso } from '../../../platform/moment'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import type { Identity, Noted } from '../../identity'
import type { AppointmentCode } from '../failures'
import { feeds, hours, services, staff, staffServices } from '../schema'
import { type Hours, haveGrown } from './openings'
import type { ServiceRows } from './service-rows'

export type StaffRow = typeof staff.$inferSelect

export interface StaffInput {
  name?: string
  userId?: string | null
  timeZone?: string
  serviceIds?: string[]
  active?: boolean
}

export interface NewStaff extends StaffInput {
  name: string
  timeZone: string
}

export interface StaffView {
  id: string
  name: string
  timeZone: string
  active: boolean
  serviceIds: string[]
}

export interface StaffDetail extends StaffView {
  userId: string | null
  hours: Hours[]
  createdAt: string
}

type StaffCode = Extract<
  AppointmentCode,
  'staff_not_found' | 'service_not_found' | 'staff_user_unfit' | 'staff_user_taken' | 'hours_invalid'
>

export interface StaffBook {
  create(input: NewStaff, noted: Noted): Promise<Result<StaffDetail, StaffCode>>
  change(id: string, input: StaffInput, noted: Noted): Promise<Result<StaffDetail, StaffCode>>
  /** All opening hours of a week, in place of those before. */
  setHours(id: string, week: readonly Hours[], noted: Noted): Promise<Result<StaffDetail, StaffCode>>
  list(options: { limit: number; after?: string | undefined; inactive: boolean }): Promise<StaffView[]>
  get(id: string): Promise<Result<StaffDetail, 'staff_not_found'>>
  find(db: Db, id: string): Promise<StaffRow | undefined>
  findAll(db: Db, ids: readonly string[]): Promise<Map<string, StaffRow>>
  ofUser(db: Db, userId: string): Promise<StaffRow | undefined>
  does(db: Db, staffId: string, serviceId: string): Promise<boolean>
  servicesOf(db: Db, staffId: string): Promise<string[]>
  /** Active members who do the service; within a unit that books, their diaries are locked. */
  whoDo(db: Db, serviceId: string, options?: { staffId?: string | undefined; lock?: boolean }): Promise<StaffRow[]>
  /** Within a unit: whoever leaves sees no appointments any more, cannot be booked, and is not named. */
  forgetUser(tx: Tx, userId: string): Promise<void>
}

/** Of whoever has closed their account; operators see to what is still booked with them. */
const FORMER = 'Former member of staff'

/** Roles that may run appointments (`appointments:manage`). */
const RUNS_APPOINTMENTS = new Set(['agent', 'teller', 'operator', 'support'])

export function createStaff(
  { store, clock, newId }: Runtime,
  { identity, services: offered }: { identity: Identity; services: ServiceRows },
): StaffBook {
  async function find(db: Db, id: string): Promise<StaffRow | undefined> {
    const [row] = await db.select().from(staff).where(eq(staff.id, id))
    return row
  }

  async function ofUser(db: Db, userId: string): Promise<StaffRow | undefined> {
    const [row] = await db.select().from(staff).where(eq(staff.userId, userId))
    return row
  }

  async function servicesOf(db: Db, staffId: string): Promise<string[]> {
    const rows = await db
      .select({ serviceId: staffServices.serviceId })
      .from(staffServices)
      .where(eq(staffServices.staffId, staffId))
    return rows.map(({ serviceId }) => serviceId)
  }

  async function detail(db: Db, row: StaffRow): Promise<StaffDetail> {
    const week = await db
      .select({ weekday: hours.weekday, fromMinute: hours.fromMinute, toMinute: hours.toMinute })
      .from(hours)
      .where(eq(hours.staffId, row.id))
      .orderBy(asc(hours.weekday), asc(hours.fromMinute))
    const { createdAt, ...rest } = row
    return { ...rest, serviceIds: await servicesOf(db, row.id), hours: week, createdAt: iso(createdAt) }
  }

  /** Outside the unit, because people are found through another module. */
  async function isFit(userId: string | null | undefined): Promise<boolean> {
    if (userId === null || userId === undefined) return true
    const user = await identity.find(userId)
    return user?.id === userId && user.status === 'active' && RUNS_APPOINTMENTS.has(user.role)
  }

  async function setServices(tx: Tx, staffId: string, ids: readonly string[]): Promise<void> {
    const wanted = [...new Set(ids)]
    await tx.delete(staffServices).where(eq(staffServices.staffId, staffId))
    if (wanted.length > 0) await tx.insert(staffServices).values(wanted.map((serviceId) => ({ staffId, serviceId })))
  }

  async function allExist(tx: Tx, ids: readonly string[]): Promise<boolean> {
    const wanted = [...new Set(ids)]
    if (wanted.length === 0) return true
    const found = await tx.select({ id: services.id }).from(services).where(inArray(services.id, wanted))
    return found.length === wanted.length
  }

  async function refusal(tx: Tx, { userId, serviceIds = [] }: StaffInput, id?: string): Promise<StaffCode | undefined> {
    if (!(await allExist(tx, serviceIds))) return 'service_not_found'
    const other = userId ? await ofUser(tx, userId) : undefined
    return other && other.id !== id ? 'staff_user_taken' : undefined
  }

  return {
    find,
    ofUser,
    servicesOf,

    async findAll(db, ids) {
      const rows =
        ids.length === 0
          ? []
          : await db
              .select()
              .from(staff)
              .where(inArray(staff.id, [...new Set(ids)]))
      return new Map(rows.map((row) => [row.id, row]))
    },

    async create(input, noted) {
      if (!(await isFit(input.userId))) return fail('staff_user_unfit')
      return store.write(async (tx): Promise<Result<StaffDetail, StaffCode>> => {
        const refused = await refusal(tx, input)
        if (refused) return fail(refused)
        const { name, timeZone, userId = null, active = true, serviceIds = [] } = input
        const row: StaffRow = { id: newId('stf'), name, userId, timeZone, active, createdAt: clock() }
        await tx.insert(staff).values(row)
        await setServices(tx, row.id, serviceIds)
        await noted(tx, 'appointments.staff_create', row.id, { changed: Object.keys(input) })
        return ok(await detail(tx, row))
      })
    },

    async change(id, input, noted) {
      if (!(await isFit(input.userId))) return fail('staff_user_unfit')
      return store.write(async (tx): Promise<Result<StaffDetail, StaffCode>> => {
        const before = await find(tx, id)
        if (!before) return fail('staff_not_found')
        const refused = await refusal(tx, input, id)
        if (refused) return fail(refused)
        const { serviceIds, ...changes } = input
        const row: StaffRow = { ...before, ...changes }
        await tx.update(staff).set(row).where(eq(staff.id, id))
        const could = before.active ? await servicesOf(tx, id) : []
        if (serviceIds) await setServices(tx, id, serviceIds)
        const can = row.active ? await servicesOf(tx, id) : []
        await offered.hasGrown(
          tx,
          clock(),
          can.filter((each) => !could.includes(each)),
        )
        // Whoever sees the calendar is asked about anew.
        if (row.userId !== before.userId || row.active !== before.active)
          await tx.delete(feeds).where(eq(feeds.staffId, id))
        await noted(tx, 'appointments.staff_change', id, { changed: Object.keys(input) })
        return ok(await detail(tx, row))
      })
    },

    async setHours(id, week, noted) {
      if (!areHours(week)) return fail('hours_invalid')
      return store.write(async (tx): Promise<Result<StaffDetail, StaffCode>> => {
        const row = await find(tx, id)
        if (!row) return fail('staff_not_found')
        const before = await tx.delete(hours).where(eq(hours.staffId, id)).returning()
        if (week.length > 0) await tx.insert(hours).values(week.map((each) => ({ ...each, staffId: id })))
        if (row.active && haveGrown(week, before)) await offered.hasGrown(tx, clock(), await servicesOf(tx, id))
        await noted(tx, 'appointments.staff_change', id, { changed: ['hours'] })
        return ok(await detail(tx, row))
      })
    },

    async list({ limit, after, inactive }) {
      const rows = await store.read
        .select()
        .from(staff)
        .where(
          and(inactive ? undefined : eq(staff.active, true), after === undefined ? undefined : gt(staff.id, after)),
        )
        .orderBy(asc(staff.id))
        .limit(limit)
      if (rows.length === 0) return []
      const ids = rows.map(({ id }) => id)
      const links = await store.read.select().from(staffServices).where(inArray(staffServices.staffId, ids))
      return rows.map(({ id, name, timeZone, active }) => ({
        id,
        name,
        timeZone,
        active,
        serviceIds: links.filter(({ staffId }) => staffId === id).map(({ serviceId }) => serviceId),
      }))
    },

    async get(id) {
      const row = await find(store.read, id)
      return row ? ok(await detail(store.read, row)) : fail('staff_not_found')
    },

    async does(db, staffId, serviceId) {
      const rows = await db
        .select({ staffId: staffServices.staffId })
        .from(staffServices)
        .where(and(eq(staffServices.staffId, staffId), eq(staffServices.serviceId, serviceId)))
      return rows.length > 0
    },

    async whoDo(db, serviceId, { staffId, lock = false } = {}) {
      const doing = db
        .select({ id: staffServices.staffId })
        .from(staffServices)
        .where(eq(staffServices.serviceId, serviceId))
      const query = db
        .select()
        .from(staff)
        .where(
          and(
            inArray(staff.id, doing),
            eq(staff.active, true),
            staffId === undefined ? undefined : eq(staff.id, staffId),
          ),
        )
        // Always in the same order, so that two bookings never wait for each other.
        .orderBy(asc(staff.id))
      return lock ? await forUpdate(query) : await query
    },

    async forgetUser(tx, userId) {
      await tx.update(staff).set({ userId: null, active: false, name: FORMER }).where(eq(staff.userId, userId))
    },
  }
}

function areHours(week: readonly Hours[]): boolean {
  const sorted = [...week].sort((a, b) => a.weekday - b.weekday || a.fromMinute - b.fromMinute)
  return sorted.every(({ weekday, fromMinute, toMinute }, i) => {
    const before = sorted[i - 1]
    const isAfter = !before || before.weekday !== weekday || before.toMinute <= fromMinute
    return fromMinute < toMinute && isAfter
  })
}
