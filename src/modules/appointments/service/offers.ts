/**
 * Places that become free, or that there were not before: which starts they are. About each the line is asked (`line.ts`), and
 * an offer that nobody took in time goes to the next.
 */
import { and, asc, eq, exists, gt, inArray, lt, lte, max, min, sql } from 'drizzle-orm'
import type { Db, Tx } from '../../../platform/db'
import type { Runtime } from '../../../platform/runtime'
import { appointments, services as serviceTable, waits } from '../schema'
import type { Asking, Line, Start } from './line'
import type { Placing } from './placing'
import { LONGEST_MS, type Rows } from './rows'
import { type ServiceRow, type ServiceRows, takesMs } from './service-rows'
import { freeStarts } from './slots'
import type { StaffBook, StaffRow } from './staff'
import { DAY_MS, type Span } from './time'
import { after } from './transitions'
import { isWaiting, type Waiting } from './waiting'

/** Time of a member of staff that somebody has given up. */
export interface FreedTime {
  staffId: string
  startsAt: number
  busyUntil: number
  /** Whoever gave it up is not offered it. */
  userId: string
}

export interface Offers {
  /** Within the unit that frees somebody's time: offers every start that this has made possible. */
  freed(tx: Tx, time: FreedTime): Promise<void>
  /** Within the unit in which a service has more places than before: offers the first of what is free. */
  grown(tx: Tx, service: ServiceRow): Promise<void>
  /** Goes on with services that have grown, a part of each. */
  growDue(): Promise<void>
  /** Ends offers that nobody took in time and gives the places to the next; answers how many. */
  lapseDue(limit: number): Promise<number>
}

/** What one unit does for a service that has grown. */
const SPAN_AT_ONCE_MS = 7 * DAY_MS
const STARTS_AT_ONCE = 20
const OFFERS_AT_ONCE = 50
/** Reminders and offers that lapse must not wait long for them; what is left comes in the next tick. */
const GROWN_AT_ONCE = 25

export interface OffersParts {
  rows: Rows
  services: ServiceRows
  staff: StaffBook
  placing: Placing
  line: Line
  waiting: Waiting
}

export function createOffers({ store, clock }: Runtime, parts: OffersParts): Offers {
  const { rows, services, staff, placing, line, waiting } = parts

  /** Those of the services for which somebody waits at that time. */
  async function waitedFor(tx: Tx, serviceIds: readonly string[], { from, to }: Span): Promise<ServiceRow[]> {
    if (serviceIds.length === 0) return []
    const wait = tx
      .select({ id: waits.id })
      .from(waits)
      .where(and(isWaiting, eq(waits.serviceId, serviceTable.id), lt(waits.fromAt, to), gt(waits.toAt, from)))
    return tx
      .select()
      .from(serviceTable)
      .where(and(inArray(serviceTable.id, [...serviceIds]), eq(serviceTable.active, true), exists(wait)))
  }

  /** What the freed time makes possible: the start that was given up, and then the others as they come. */
  async function startsBy(tx: Tx, { staffId, startsAt, busyUntil }: FreedTime): Promise<Start[]> {
    const member = await staff.find(tx, staffId)
    if (!member?.active || busyUntil <= clock()) return []
    const around = { from: startsAt - LONGEST_MS, to: busyUntil }
    const wanted = await waitedFor(tx, await staff.servicesOf(tx, staffId), around)
    if (wanted.length === 0) return []
    const longest = Math.max(...wanted.map(takesMs))
    const [diary] = await placing.diaries(tx, [member], { from: startsAt - longest, to: busyUntil + longest })
    if (!diary) return []
    const found = wanted.flatMap((service) =>
      freeStarts(diary, service, { from: startsAt - takesMs(service) + 1, to: busyUntil }, clock()).map(
        ({ start }) => ({ start, service }),
      ),
    )
    return [...Map.groupBy(found, ({ start }) => start)]
      .sort(([a], [b]) => Number(b === startsAt) - Number(a === startsAt) || a - b)
      .map(([start, of]) => ({ diary, startsAt: start, services: of.map(({ service }) => service) }))
  }

  async function freed(tx: Tx, time: FreedTime): Promise<void> {
    const starts = await startsBy(tx, time)
    if (starts.length === 0) return
    const moments = starts.map(({ startsAt }) => startsAt)
    const asking = await line.ask(tx, {
      services: [...new Set(starts.flatMap((start) => start.services))],
      staffIds: [time.staffId],
      span: { from: Math.min(...moments), to: Math.max(...moments) + 1 },
      except: time.userId,
    })
    for (const start of starts) await asking.offerAll(start, OFFERS_AT_ONCE)
  }

  /** When the line for a service would come, from the moment on. */
  async function spanOfLine(tx: Tx, serviceId: string, moment: number): Promise<Span | undefined> {
    const [span] = await tx
      .select({ from: min(waits.fromAt), to: max(waits.toAt) })
      .from(waits)
      .where(and(isWaiting, eq(waits.serviceId, serviceId), gt(waits.toAt, moment)))
    return span?.from == null || span.to == null ? undefined : { from: Math.max(moment, span.from), to: span.to }
  }

  /** Those who do the service and with whom somebody would come in the span. */
  async function wantedStaff(tx: Tx, serviceId: string, { from, to }: Span): Promise<StaffRow[]> {
    const found = await tx
      .selectDistinct({ id: waits.staffId })
      .from(waits)
      .where(and(isWaiting, eq(waits.serviceId, serviceId), lt(waits.fromAt, to), gt(waits.toAt, from)))
    if (found.length === 0) return []
    const ids = new Set(found.map(({ id }) => id))
    return (await staff.whoDo(tx, serviceId)).filter(({ id }) => ids.has(null) || ids.has(id))
  }

  /** Offers what is free in the next days, from the moment on; answers from when on there is more to do. */
  async function offerAhead(tx: Tx, service: ServiceRow, moment: number): Promise<number | null> {
    const now = clock()
    const wanted = await spanOfLine(tx, service.id, moment)
    if (!wanted || wanted.from > now + service.maxDays * DAY_MS) return null
    const span = { from: wanted.from, to: Math.min(wanted.from + SPAN_AT_ONCE_MS, wanted.to) }
    const next = span.to < wanted.to ? span.to : null
    const members = await wantedStaff(tx, service.id, span)
    if (members.length === 0) return next
    const diaries = await placing.diaries(tx, members, { from: span.from, to: span.to + takesMs(service) })
    const found = diaries.flatMap((diary) =>
      freeStarts(diary, service, span, now).map(({ start }) => ({ start, diary })),
    )
    const starts = [...Map.groupBy(found, ({ start }) => start)].sort(([a], [b]) => a - b)
    if (starts.length === 0) return next
    const asking = await line.ask(tx, { services: [service], staffIds: members.map(({ id }) => id), span })
    const parts = starts.map(([startsAt, of]) => of.map(({ diary }) => ({ diary, startsAt, services: [service] })))
    return (await offerInTurn(asking, parts)) ?? next
  }

  /** Takes one start after the other; answers with which to go on, if that was too much for one unit. */
  async function offerInTurn(asking: Asking, starts: readonly Start[][]): Promise<number | undefined> {
    let left = OFFERS_AT_ONCE
    let asked = 0
    for (const withEach of starts) {
      const startsAt = withEach[0]?.startsAt ?? 0
      if (!(await asking.suits(startsAt))) continue
      if (asked === STARTS_AT_ONCE) return startsAt
      asked += 1
      for (const start of withEach) left -= await asking.offerAll(start, left)
      if (left === 0) return startsAt
      // Whom the starts before have used up is looked at again; one that uses up everybody alone is left to whoever books it.
      if (asking.isSpent()) return asked > 1 ? startsAt : startsAt + 1
    }
    return undefined
  }

  /** Takes the next of the starts, and notes from where on there is more to do. */
  async function grow(tx: Tx, service: ServiceRow): Promise<void> {
    const next = service.active ? await offerAhead(tx, service, Math.max(service.grownFrom ?? 0, clock())) : null
    await tx.update(serviceTable).set({ grownFrom: next }).where(eq(serviceTable.id, service.id))
  }

  return {
    freed,

    async grown(tx, service) {
      await services.hasGrown(tx, clock(), [service.id])
      await grow(tx, { ...service, grownFrom: clock() })
    },

    async growDue() {
      const growing = await store.read
        .select({ id: serviceTable.id })
        .from(serviceTable)
        .where(sql`${serviceTable.grownFrom} is not null`)
        .orderBy(asc(serviceTable.grownFrom))
        .limit(GROWN_AT_ONCE)
      for (const { id } of growing) {
        await store.write(async (tx) => {
          const service = await services.find(tx, id)
          if (service && service.grownFrom !== null) await grow(tx, service)
        })
      }
    },

    async lapseDue(limit) {
      const overdue = (db: Db) =>
        db
          .select({ id: appointments.id })
          .from(appointments)
          .where(and(sql`${appointments.status} = 'offered'`, lte(appointments.offeredUntil, clock())))
          .orderBy(asc(appointments.offeredUntil))
          .limit(limit)
      const found = await overdue(store.read)
      for (const { id } of found) {
        await store.write(async (tx) => {
          const row = await rows.lock(tx, id)
          const status = row && after(row.status, 'lapse')
          if (!row || !status) return
          const lapsed = await rows.change(tx, row, { status })
          await waiting.backInLine(tx, lapsed)
          await freed(tx, lapsed)
        })
      }
      return found.length
    },
  }
}
