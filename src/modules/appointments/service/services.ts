/** What can be booked: made, changed and deactivated by an operator, listed with what people thought of it. */
import { and, asc, eq, gt, inArray } from 'drizzle-orm'
import type { Tx } from '../../../platform/db'
import { iso } from '../../../platform/moment'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import type { Identity, Noted } from '../../identity'
import type { AppointmentCode } from '../failures'
import { ratings, services } from '../schema'
import type { Offers } from './offers'
import type { ReminderPlan } from './reminders'
import type { ServiceRow, ServiceRows } from './service-rows'

/** What an operator says of a service; what is left out of a new one has a default, of a change stays as it is. */
export interface ServiceInput {
  name?: string
  description?: string
  durationMinutes?: number
  bufferMinutes?: number
  price?: number
  deposit?: number
  currency?: string
  capacity?: number
  place?: string
  timeZone?: string
  slotStepMinutes?: number
  minNoticeMinutes?: number
  maxDays?: number
  cancelMinutes?: number
  payeeId?: string | null
  reminders?: ReminderPlan[] | null
  active?: boolean
}

export interface NewService extends ServiceInput {
  name: string
  durationMinutes: number
  timeZone: string
}

export interface ServiceView extends Omit<ServiceRow, 'reminders' | 'grownFrom' | 'createdAt' | 'updatedAt'> {
  reminders: ReminderPlan[] | null
  createdAt: string
  /** The mean of the reviews that are shown; nothing while there is none. */
  rating: number | null
  reviews: number
}

type ServiceCode = Extract<
  AppointmentCode,
  | 'service_not_found'
  | 'service_deposit_above_price'
  | 'service_currency_fixed'
  | 'payee_unfit'
  | 'reminder_name_repeated'
>

export interface Services {
  create(input: NewService, noted: Noted): Promise<Result<ServiceView, ServiceCode>>
  change(id: string, input: ServiceInput, noted: Noted): Promise<Result<ServiceView, ServiceCode>>
  /** Whoever runs the place sees the inactive ones too. */
  list(options: { limit: number; after?: string | undefined; inactive: boolean }): Promise<ServiceView[]>
  get(id: string, options: { inactive: boolean }): Promise<Result<ServiceView, 'service_not_found'>>
  /** Within a unit: what was to be paid to somebody who leaves is paid to the operator. */
  forgetPayee(tx: Tx, userId: string): Promise<void>
}

const STEP_DEFAULT = 15
const PAYABLE = new Set(['agent', 'biller'])

export function createServices(
  { store, clock, newId }: Runtime,
  { identity, rows, offers }: { identity: Identity; rows: ServiceRows; offers: Pick<Offers, 'grown'> },
  options: { currency: string },
): Services {
  async function withRatings(found: readonly ServiceRow[]): Promise<ServiceView[]> {
    if (found.length === 0) return []
    const ids = found.map(({ id }) => id)
    const sums = await store.read.select().from(ratings).where(inArray(ratings.serviceId, ids))
    const of = new Map(sums.map((each) => [each.serviceId, each]))
    return found.map((row) => viewOf(row, of.get(row.id)))
  }

  async function refusal(
    { price, deposit, payeeId }: ServiceRow,
    { reminders }: ServiceInput,
  ): Promise<ServiceCode | undefined> {
    if (deposit > price) return 'service_deposit_above_price'
    // Only of reminders that are sent: a service may have been made before their names had to differ.
    const names = (reminders ?? []).map(({ name }) => name)
    if (new Set(names).size < names.length) return 'reminder_name_repeated'
    if (payeeId === null) return undefined
    const payee = await identity.find(payeeId)
    return payee?.id === payeeId && payee.status === 'active' && PAYABLE.has(payee.role) ? undefined : 'payee_unfit'
  }

  return {
    async create(input, noted) {
      const now = clock()
      const row: ServiceRow = {
        id: newId('svc'),
        description: '',
        bufferMinutes: 0,
        price: 0,
        deposit: 0,
        currency: options.currency,
        capacity: 1,
        place: '',
        slotStepMinutes: Math.min(STEP_DEFAULT, input.durationMinutes),
        minNoticeMinutes: 60,
        maxDays: 60,
        cancelMinutes: 24 * 60,
        payeeId: null,
        reminders: null,
        active: true,
        grownFrom: null,
        ...input,
        createdAt: now,
        updatedAt: now,
      }
      const refused = await refusal(row, input)
      if (refused) return fail(refused)
      await store.write(async (tx) => {
        await tx.insert(services).values(row)
        await noted(tx, 'appointments.service_create', row.id, { price: row.price, deposit: row.deposit })
      })
      return ok(viewOf(row, undefined))
    },

    async change(id, input, noted) {
      const before = await rows.find(store.read, id)
      if (!before) return fail('service_not_found')
      if (input.currency !== undefined && input.currency !== before.currency) return fail('service_currency_fixed')
      const refused = await refusal({ ...before, ...input }, input)
      // A payee who left is no reason to refuse a change of something else.
      if (refused && !(refused === 'payee_unfit' && input.payeeId === undefined)) return fail(refused)
      const changed = await store.write(async (tx): Promise<Result<ServiceRow, ServiceCode>> => {
        const current = await rows.find(tx, id)
        if (!current) return fail('service_not_found')
        const row: ServiceRow = { ...current, ...input, updatedAt: clock() }
        if (row.deposit > row.price) return fail('service_deposit_above_price')
        await tx.update(services).set(row).where(eq(services.id, id))
        await noted(tx, 'appointments.service_change', id, { changed: Object.keys(input) })
        if (row.active && (!current.active || row.capacity > current.capacity)) await offers.grown(tx, row)
        return ok(row)
      })
      if (!changed.ok) return changed
      const [view] = await withRatings([changed.value])
      return view ? ok(view) : fail('service_not_found')
    },

    async list({ limit, after, inactive }) {
      const found = await store.read
        .select()
        .from(services)
        .where(
          and(
            inactive ? undefined : eq(services.active, true),
            after === undefined ? undefined : gt(services.id, after),
          ),
        )
        .orderBy(asc(services.id))
        .limit(limit)
      return withRatings(found)
    },

    async get(id, { inactive }) {
      const row = await rows.find(store.read, id)
      const [view] = row && (row.active || inactive) ? await withRatings([row]) : []
      return view ? ok(view) : fail('service_not_found')
    },

    async forgetPayee(tx, userId) {
      await tx.update(services).set({ payeeId: null }).where(eq(services.payeeId, userId))
    },
  }
}

function viewOf(
  { updatedAt: _, grownFrom: __, ...row }: ServiceRow,
  sums: { total: number; reviews: number } | undefined,
): ServiceView {
  const reviews = sums?.reviews ?? 0
  return {
    ...row,
    reminders: row.reminders as ReminderPlan[] | null,
    createdAt: iso(row.createdAt),
    rating: sums && reviews > 0 ? Math.round((sums.total / reviews) * 100) / 100 : null,
    reviews,
  }
}
