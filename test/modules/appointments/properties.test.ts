/** Whatever people do to appointments, in whatever order: nobody is booked twice, and every deposit is where its state says. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { SYSTEM } from '../../../src/modules/identity'
import { expectCleanBooks } from '../../acceptance/answers'
import { createWorld, type Person, type World } from '../../support/world'
import { allowed, DAY_MS, HOUR_MS, placeOf } from './place'

const PEOPLE = 3
const RUNS = 60
const DEPOSIT = 100

let world: World
let place: ReturnType<typeof placeOf>
let people: Person[]
let services: string[]

beforeAll(async () => {
  world = await createWorld()
  place = placeOf(world)
  people = await Promise.all(Array.from({ length: PEOPLE }, () => world.customer(1_000_000)))
  const terms = { price: 500, deposit: DEPOSIT, slotStepMinutes: 30, minNoticeMinutes: 0, cancelMinutes: 120 }
  services = [
    (await place.serviceWithStaff({ ...terms, bufferMinutes: 30 })).serviceId,
    (await place.serviceWithStaff({ ...terms, capacity: 2 })).serviceId,
  ]
})
afterAll(async () => {
  await expectCleanBooks(world)
  await world.end()
})

type Step =
  | { do: 'book' | 'wait' | 'freeze' | 'thaw'; who: number; service: number; half: number }
  | {
      do: 'move' | 'cancel' | 'close' | 'complete' | 'miss' | 'refund' | 'accept' | 'decline'
      which: number
      half: number
    }
  | { do: 'pass'; minutes: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constantFrom('book', 'book', 'book', 'wait', 'freeze', 'thaw', 'thaw'),
    who: fc.nat(PEOPLE - 1),
    service: fc.nat(1),
    half: fc.nat(5),
  }),
  fc.record({
    do: fc.constantFrom('move', 'cancel', 'close', 'complete', 'miss', 'refund', 'accept', 'decline'),
    which: fc.nat(20),
    half: fc.nat(5),
  }),
  fc.record({ do: fc.constant('pass'), minutes: fc.constantFrom(1, 31, 60, 24 * 60) }),
)

interface Row extends Record<string, unknown> {
  id: string
  userId: string
  staffId: string
  serviceId: string
  status: string
  startsAt: number
  busyUntil: number
  depositState: string
  holdState: string | null
}

const rows = async (): Promise<Row[]> => {
  const { store } = world.runtime
  const found = await store.rows<Row>(
    store.read,
    sql`select a.id, a.user_id as "userId", a.staff_id as "staffId", a.service_id as "serviceId", a.status,
          a.starts_at as "startsAt", a.busy_until as "busyUntil", a.deposit_state as "depositState", h.state as "holdState"
        from appointments a left join holds h on h.id = a.hold_id order by a.id`,
  )
  return found.map((row) => ({ ...row, startsAt: Number(row.startsAt), busyUntil: Number(row.busyUntil) }))
}

/** A start tomorrow morning. */
const startOf = (half: number) => {
  const tomorrow = new Date(world.clock() + DAY_MS).toISOString().slice(0, 10)
  return new Date(Date.parse(`${tomorrow}T07:00:00.000Z`) + half * HOUR_MS * 0.5).toISOString()
}

async function take(step: Step): Promise<void> {
  if (step.do === 'pass') {
    world.clock.advance(step.minutes * 60_000)
    await world.app.jobs.runNow('appointments.tick')
    return
  }
  if ('who' in step) return takePerson(people[step.who] as Person, services[step.service] as string, step)
  const all = (await rows()).slice(-20)
  const row = all[step.which % Math.max(1, all.length)]
  if (row) await takeRow(row, step.do, step.half)
}

async function takePerson(
  who: Person,
  serviceId: string,
  { do: what, half }: { do: string; half: number },
): Promise<void> {
  const { appointments, wallet } = world.app
  if (what === 'book') await place.book(who, serviceId, startOf(half))
  if (what === 'freeze' || what === 'thaw') await wallet.setFrozen(who.id, what === 'freeze', SYSTEM)
  if (what !== 'wait') return
  const date = startOf(0).slice(0, 10)
  await appointments.waiting.join(who.id, { serviceId, from: date, to: date }, place.write)
}

async function takeRow({ id, userId }: Row, what: string, half: number): Promise<void> {
  const who = { id: userId }
  const { appointments } = world.app
  if (what === 'move') await place.move(who, id, startOf(half))
  if (what === 'cancel') await place.cancel(who, id)
  if (what === 'close') await place.cancelAtDesk(id)
  if (what === 'complete') await place.complete(id)
  if (what === 'miss') await place.miss(id)
  if (what === 'refund') await place.refund(id)
  if (what === 'accept') await appointments.booking.accept(userId, id, '2580', place.write)
  if (what === 'decline') await appointments.changes.decline(userId, id, place.write)
}

const HOLD_OF: Record<string, Array<string | null>> = {
  none: [null],
  held: ['open'],
  captured: ['captured'],
  refunded: ['captured'],
  released: ['released'],
  uncollected: ['released', 'expired'],
}

async function check(): Promise<void> {
  const all = await rows()
  for (const { id, depositState, holdState } of all)
    expect([id, depositState, HOLD_OF[depositState]?.includes(holdState)]).toEqual([id, depositState, true])
  for (const who of people) {
    const held = all.filter(({ userId, depositState }) => userId === who.id && depositState === 'held').length
    expect(allowed(await world.app.wallet.balance(who.id)).held).toBe(held * DEPOSIT)
  }
  const busy = all.filter(({ status }) => status === 'booked' || status === 'offered')
  for (const one of busy) {
    const meeting = busy.filter(
      (each) => each.staffId === one.staffId && each.startsAt < one.busyUntil && one.startsAt < each.busyUntil,
    )
    expect(new Set(meeting.map(({ startsAt }) => startsAt)).size).toBe(1)
    expect(meeting.length).toBeLessThanOrEqual(one.serviceId === services[1] ? 2 : 1)
    expect(busy.filter((each) => each.userId === one.userId && each.startsAt === one.startsAt)).toHaveLength(1)
  }
}

test('deposits, holds and diaries agree after every story', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (story) => {
      for (const each of story) await take(each)
      await check()
    }),
    { numRuns: RUNS },
  )
  // The stories must have had something to say.
  const states = new Set((await rows()).flatMap(({ status, depositState }) => [status, depositState]))
  for (const state of ['booked', 'cancelled', 'completed', 'missed', 'captured', 'released', 'refunded'])
    expect([state, states.has(state)]).toEqual([state, true])
}, 120_000)
