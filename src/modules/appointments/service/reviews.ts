/** What people thought of a service: one review an appointment, by its customer, once it is over. */
import { and, desc, eq, lt, sql } from 'drizzle-orm'
import type { Db, Tx } from '../../../platform/db'
import { iso } from '../../../platform/moment'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import type { Noted } from '../../identity'
import type { AppointmentCode } from '../failures'
import { ratings, reviews } from '../schema'
import type { Names } from './names'
import type { AppointmentRow, Rows } from './rows'
import { DAY_MS } from './time'
import { stateCode } from './transitions'

type ReviewRow = typeof reviews.$inferSelect

export interface ReviewInput {
  rating: number
  text?: string | undefined
}

export interface ReviewView {
  id: string
  rating: number
  text: string | null
  /** First name only; nobody's, once the account is closed. */
  reviewer: string | null
  createdAt: string
}

export interface OwnReview extends ReviewView {
  appointmentId: string
  hidden: boolean
}

type ReviewCode =
  | Extract<AppointmentCode, 'appointment_not_found' | 'review_too_early' | 'review_closed'>
  | RefusedState
type RefusedState = ReturnType<typeof stateCode>

export interface Reviews {
  /** Writes it, or changes it within 30 days. */
  put(userId: string, appointmentId: string, input: ReviewInput): Promise<Result<OwnReview, ReviewCode>>
  /** Whether its customer can write one and has not yet. */
  isWantedOf(row: AppointmentRow): Promise<boolean>
  /** Those that are shown, or those that are hidden, newest first. */
  list(
    serviceId: string,
    options: { limit: number; before?: string | undefined; hidden: boolean },
  ): Promise<ReviewView[]>
  /** What a customer has written of an appointment of theirs. */
  own(userId: string, appointmentId: string): Promise<Result<OwnReview, 'review_not_found'>>
  hide(id: string, hidden: boolean, noted: Noted): Promise<Result<OwnReview, 'review_not_found'>>
  /** Within the unit in which an operator says that the customer did not come: hides what they wrote of it, and answers its id. */
  discount(tx: Tx, appointmentId: string): Promise<string | undefined>
  all(userId: string): Promise<Array<Pick<OwnReview, 'id' | 'appointmentId' | 'rating' | 'text' | 'createdAt'>>>
  /** The words go; the stars say nothing of anybody. */
  erase(tx: Tx, userId: string): Promise<void>
}

const CHANGED_WITHIN_MS = 30 * DAY_MS

export function createReviews(
  { store, clock, newId }: Runtime,
  { rows, names }: { rows: Rows; names: Names },
): Reviews {
  async function find(db: Db, appointmentId: string): Promise<ReviewRow | undefined> {
    const [row] = await db.select().from(reviews).where(eq(reviews.appointmentId, appointmentId))
    return row
  }

  async function count(tx: Tx, serviceId: string, total: number, by: number): Promise<void> {
    await tx
      .insert(ratings)
      .values({ serviceId, total, reviews: by })
      .onConflictDoUpdate({
        target: ratings.serviceId,
        set: { total: sql`${ratings.total} + ${total}`, reviews: sql`${ratings.reviews} + ${by}` },
      })
  }

  function refusal(row: AppointmentRow): ReviewCode | undefined {
    if (row.status !== 'booked' && row.status !== 'completed') return stateCode(row.status)
    return row.endsAt > clock() ? 'review_too_early' : undefined
  }

  async function write(tx: Tx, row: AppointmentRow, { rating, text }: ReviewInput): Promise<ReviewRow | undefined> {
    const now = clock()
    const before = await find(tx, row.id)
    if (!before) {
      const { id: appointmentId, serviceId, userId } = row
      const times = { createdAt: now, updatedAt: now }
      const made = { id: newId('rev'), appointmentId, serviceId, userId, rating, text: text ?? null, hidden: false }
      await tx.insert(reviews).values({ ...made, ...times })
      await count(tx, serviceId, rating, 1)
      return { ...made, ...times }
    }
    if (now > before.createdAt + CHANGED_WITHIN_MS) return undefined
    const changes = { rating, text: text ?? null, updatedAt: now }
    await tx.update(reviews).set(changes).where(eq(reviews.id, before.id))
    if (!before.hidden) await count(tx, before.serviceId, rating - before.rating, 0)
    return { ...before, ...changes }
  }

  async function viewOf({ id, rating, text, userId, createdAt }: ReviewRow): Promise<ReviewView> {
    return { id, rating, text, reviewer: (await names.first(userId)) ?? null, createdAt: iso(createdAt) }
  }

  async function ownView(row: ReviewRow): Promise<OwnReview> {
    return { ...(await viewOf(row)), appointmentId: row.appointmentId, hidden: row.hidden }
  }

  async function setHidden(tx: Tx, row: ReviewRow, hidden: boolean): Promise<void> {
    await tx.update(reviews).set({ hidden }).where(eq(reviews.id, row.id))
    await count(tx, row.serviceId, hidden ? -row.rating : row.rating, hidden ? -1 : 1)
  }

  return {
    async put(userId, appointmentId, input) {
      const written = await store.write(async (tx): Promise<Result<ReviewRow, ReviewCode>> => {
        const row = await rows.find(tx, appointmentId)
        if (row?.userId !== userId) return fail('appointment_not_found')
        const refused = refusal(row)
        if (refused) return fail(refused)
        const review = await write(tx, row, input)
        return review ? ok(review) : fail('review_closed')
      })
      return written.ok ? ok(await ownView(written.value)) : written
    },

    async isWantedOf(row) {
      if (refusal(row)) return false
      return (await find(store.read, row.id)) === undefined
    },

    async list(serviceId, { limit, before, hidden }) {
      const found = await store.read
        .select()
        .from(reviews)
        .where(
          and(
            eq(reviews.serviceId, serviceId),
            eq(reviews.hidden, hidden),
            before === undefined ? undefined : lt(reviews.id, before),
          ),
        )
        .orderBy(desc(reviews.id))
        .limit(limit)
      return Promise.all(found.map(viewOf))
    },

    async own(userId, appointmentId) {
      const row = await find(store.read, appointmentId)
      return row?.userId === userId ? ok(await ownView(row)) : fail('review_not_found')
    },

    async discount(tx, appointmentId) {
      const row = await find(tx, appointmentId)
      if (!row || row.hidden) return undefined
      await setHidden(tx, row, true)
      return row.id
    },

    async hide(id, hidden, noted) {
      const changed = await store.write(async (tx): Promise<Result<ReviewRow, 'review_not_found'>> => {
        const [row] = await tx.select().from(reviews).where(eq(reviews.id, id))
        if (!row) return fail('review_not_found')
        if (row.hidden === hidden) return ok(row)
        await setHidden(tx, row, hidden)
        const action = hidden ? 'appointments.review_hide' : 'appointments.review_show'
        await noted(tx, action, id)
        return ok({ ...row, hidden })
      })
      return changed.ok ? ok(await ownView(changed.value)) : changed
    },

    async all(userId) {
      const found = await store.read.select().from(reviews).where(eq(reviews.userId, userId))
      return found.map(({ id, appointmentId, rating, text, createdAt }) => ({
        id,
        appointmentId,
        rating,
        text,
        createdAt: iso(createdAt),
      }))
    },

    async erase(tx, userId) {
      await tx.update(reviews).set({ text: null }).where(eq(reviews.userId, userId))
    },
  }
}
