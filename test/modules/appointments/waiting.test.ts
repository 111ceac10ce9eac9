/** The waiting list: who waited longest is asked first, has time to answer, and nobody slips in between. */
import { afterEach, beforeEach, describe, expect, spyOn, test } from 'bun:test'
import { eq, sql } from 'drizzle-orm'
import { appointments, waits as waitTable } from '../../../src/modules/appointments/schema'
import type { Tx } from '../../../src/platform/db'
import { expectCleanBooks } from '../../acceptance/answers'
import { createWorld, type Person, PIN, type World } from '../../support/world'
import { allowed, EVERY_DAY, expectCode, HOUR_MS, MINUTE_MS, placeOf, unnoted } from './place'

let world: World
let place: ReturnType<typeof placeOf>
let amina: Person
let bruno: Person
let carla: Person
let serviceId: string
let staffId: string

const AT = '2026-11-27T09:00'
/** Friday from nine to half past. */
const ONE_START = [{ weekday: 5, fromMinute: 540, toMinute: 570 }]
const DATES = { from: '2026-11-26', to: '2026-11-28' }

beforeEach(async () => {
  world = await createWorld()
  place = placeOf(world)
  ;[amina, bruno, carla] = (await Promise.all([
    world.customer(10_000),
    world.customer(10_000),
    world.customer(10_000),
  ])) as [Person, Person, Person]
  ;({ serviceId, staffId } = await place.serviceWithStaff({ price: 1_000, deposit: 300 }))
})
afterEach(async () => {
  await expectCleanBooks(world)
  await world.end()
})

const wait = (who: Person, more: object = {}) =>
  world.app.appointments.waiting.join(who.id, { serviceId, ...DATES, ...more }, place.write)
const offered = async (who: Person) =>
  (await world.app.appointments.lists.own(who.id, 10)).filter(({ status }) => status === 'offered')
const accept = (who: Person, id: string, pin?: string) =>
  world.app.appointments.booking.accept(who.id, id, pin, place.write)
const decline = (who: Person, id: string) => world.app.appointments.changes.decline(who.id, id, place.write)
const tick = () => world.app.jobs.runNow('appointments.tick')

/** Until an offer is over, or so long before or after. */
async function lapse({ offeredUntil }: { offeredUntil: string | null }, offset = 0): Promise<void> {
  world.clock.advance(Date.parse(offeredUntil ?? '') + offset - world.clock())
  await tick()
}

async function offerOf(who: Person) {
  const [first] = await offered(who)
  if (!first) throw new Error('Nothing is offered.')
  return first
}

describe('a place that becomes free', () => {
  test('goes to the first in line whose dates and staff it fits', async () => {
    const { id } = await place.booked(amina, serviceId, AT)
    allowed(await wait(carla, { from: '2026-12-01', to: '2026-12-05' }))
    const other = await place.member([serviceId])
    const dora = await world.customer(1_000)
    allowed(await wait(dora, { staffId: other }))
    allowed(await wait(bruno, { staffId }))
    allowed(await place.cancel(amina, id))

    expect([await offered(carla), await offered(dora)]).toEqual([[], []])
    const offer = await offerOf(bruno)
    expect(offer).toMatchObject({ local: '2026-11-27T09:00+02:00', depositState: 'none', version: 1 })
    expect(Date.parse(offer.offeredUntil as string)).toBe(world.clock() + 12 * HOUR_MS)
    expect((await place.told('appointments.place_offered')).map(({ payload }) => payload)).toEqual([
      { appointmentId: offer.id, userId: bruno.id, version: 1, until: Date.parse(offer.offeredUntil as string) },
    ])
  })

  test('is kept for whoever it is offered to', async () => {
    const { id } = await place.booked(amina, serviceId, AT)
    allowed(await wait(bruno))
    allowed(await place.cancel(amina, id))
    expectCode(await place.book(carla, serviceId, AT), 'appointment_taken')
    const offer = await offerOf(bruno)
    expectCode(await accept(carla, offer.id, PIN), 'appointment_not_found')
    expectCode(await decline(carla, offer.id), 'appointment_not_found')
    expectCode(await accept(bruno, offer.id), 'pin_required')
    expectCode(await accept(bruno, offer.id, '7391'), 'pin_wrong')

    const accepted = allowed(await accept(bruno, offer.id, PIN))

    expect(accepted).toMatchObject({ status: 'booked', version: 2, depositState: 'held', offeredUntil: null })
    expectCode(await accept(bruno, offer.id, PIN), 'appointment_booked')
    expect((await world.app.appointments.waiting.list(bruno.id, 5)).map(({ state }) => state)).toEqual(['ended'])
    const booked = await place.told('appointments.booked')
    expect(booked.at(-1)?.payload).toMatchObject({ appointmentId: offer.id, version: 2 })
  })

  test('goes to the next when it is declined', async () => {
    const { id } = await place.booked(amina, serviceId, AT)
    allowed(await wait(bruno))
    allowed(await wait(carla))
    allowed(await place.cancel(amina, id))
    const declined = allowed(await decline(bruno, (await offerOf(bruno)).id))
    expect(declined.status).toBe('declined')
    expect(await offered(bruno)).toEqual([])
    expect((await offerOf(carla)).local).toBe('2026-11-27T09:00+02:00')
    expectCode(await accept(bruno, declined.id, PIN), 'appointment_declined')
  })

  test('goes to the next when its time is over, and to everybody when nobody waits any more', async () => {
    const { id } = await place.booked(amina, serviceId, AT)
    allowed(await wait(bruno))
    allowed(await wait(carla))
    allowed(await place.cancel(amina, id))
    const first = await offerOf(bruno)
    await lapse(first, -1)
    expect(await offered(carla)).toEqual([])

    world.clock.advance(1)
    // The schedule may be some seconds behind; the time is over all the same.
    expectCode(await accept(bruno, first.id, PIN), 'appointment_lapsed')
    await tick()
    expectCode(await accept(bruno, first.id, PIN), 'appointment_lapsed')
    const second = await offerOf(carla)
    expectCode(await place.book(amina, serviceId, AT), 'appointment_taken')

    await lapse(second)
    expect((await place.get(carla, second.id)).status).toBe('lapsed')
    expect((await place.book(amina, serviceId, AT)).ok).toBe(true)
  })

  test('is kept for a quarter of the time that is left, half an hour at least, twelve at most', async () => {
    const start = Date.parse('2026-11-27T07:00:00.000Z')
    for (const [leftMs, keptMs] of [
      [60 * HOUR_MS, 12 * HOUR_MS],
      [8 * HOUR_MS, 2 * HOUR_MS],
      [90 * MINUTE_MS, 30 * MINUTE_MS],
    ] as const) {
      world.clock.advance(start - leftMs - world.clock())
      const { id } = await place.booked(amina, serviceId, AT)
      allowed(await wait(bruno))
      allowed(await place.cancelAtDesk(id))
      const offer = await offerOf(bruno)
      expect(Date.parse(offer.offeredUntil as string) - world.clock()).toBe(keptMs)
      allowed(await decline(bruno, offer.id))
    }
  })

  test('that was not answered leaves whoever slept in line once, for the next place and not for this one again', async () => {
    const other = await place.booked(amina, serviceId, '2026-11-27T14:00')
    const { id } = await place.booked(amina, serviceId, AT)
    allowed(await wait(bruno))
    allowed(await wait(carla))
    allowed(await place.cancel(amina, id))
    await lapse(await offerOf(bruno))
    expect((await world.app.appointments.waiting.list(bruno.id, 5)).map(({ state }) => state)).toEqual(['waiting'])
    await lapse(await offerOf(carla))
    expect([await offered(bruno), await offered(carla)]).toEqual([[], []])

    allowed(await place.cancelAtDesk(other.id))

    expect((await offerOf(bruno)).local).toBe('2026-11-27T14:00+02:00')
  })

  test('goes first to those who have not let one lapse, and to nobody who has let two lapse', async () => {
    const times = ['09:00', '11:00', '14:00']
    const made = []
    for (const time of times) made.push(await place.booked(amina, serviceId, `2026-11-27T${time}`))
    allowed(await wait(bruno))
    allowed(await place.cancelAtDesk(made[0]?.id ?? ''))
    allowed(await wait(carla))
    await lapse(await offerOf(bruno))
    allowed(await decline(carla, (await offerOf(carla)).id))
    allowed(await wait(carla))
    world.clock.advance(1)

    allowed(await place.cancelAtDesk(made[1]?.id ?? ''))
    await lapse(await offerOf(bruno))
    expect((await world.app.appointments.waiting.list(bruno.id, 5)).map(({ state }) => state)).toEqual(['ended'])
    allowed(await decline(carla, (await offerOf(carla)).id))
    allowed(await place.cancelAtDesk(made[2]?.id ?? ''))
    expect(await offered(bruno)).toEqual([])
  })

  test('is not kept back by people who never answer', async () => {
    allowed(await world.app.appointments.staff.setHours(staffId, [], unnoted))
    for (let i = 0; i < 6; i++) await waits(`usr_silent${i}`)
    world.clock.advance(1)
    allowed(await wait(bruno))
    const hours = [{ weekday: 6, fromMinute: 540, toMinute: 630 }]
    allowed(await world.app.appointments.staff.setHours(staffId, hours, unnoted))
    await tick()
    const offersMade = async () => (await rowsOf(sql`select id from appointments where wait_id is not null`)).length
    expect(await offersMade()).toBe(3)
    const lapseNext = async () => {
      const [next] = await rowsOf(sql`select min(offered_until) as until from appointments where status = 'offered'`)
      const { until } = next as { until: number | null }
      if (until === null) return false
      world.clock.advance(Number(until) - world.clock())
      await tick()
      return true
    }
    await lapseNext()
    await lapseNext()
    // The third time it is the turn of whoever came last; the two places besides go to those who slept once.
    expect((await offered(bruno)).length).toBe(1)
    while (await lapseNext());
    // Each silent person has had two, and Bruno, who does not answer here, no more than that either.
    expect(await offersMade()).toBeLessThanOrEqual(14)
  })

  test('is told of as long as it is kept, and not once it is taken or over', async () => {
    const { stillTrue } = world.app.appointments
    for (const take of [true, false]) {
      const { id } = await place.booked(amina, serviceId, AT)
      allowed(await wait(bruno))
      allowed(await place.cancelAtDesk(id))
      const offer = await offerOf(bruno)
      expect(await stillTrue('offered', offer.id, offer.version)).toBe(true)
      if (take) allowed(await accept(bruno, offer.id, PIN))
      else world.clock.advance(Date.parse(offer.offeredUntil ?? '') - world.clock())
      expect(await stillTrue('offered', offer.id, offer.version)).toBe(false)
      if (take) allowed(await place.cancelAtDesk(offer.id))
    }
  })

  test('of two hours is offered to as many as it has room for, and to nobody twice', async () => {
    const long = await place.service({ durationMinutes: 120 })
    allowed(await world.app.appointments.staff.change(staffId, { serviceIds: [serviceId, long] }, unnoted))
    const { id } = await place.booked(amina, long, AT)
    const waiters = await Promise.all(Array.from({ length: 5 }, () => world.person('customer')))
    for (const who of waiters) allowed(await wait(who))

    allowed(await place.cancelAtDesk(id))

    const starts = await Promise.all(waiters.map(async (who) => (await offered(who)).map(({ local }) => local)))
    const of = (hour: string) => [`2026-11-27T${hour}+02:00`]
    expect(starts).toEqual([of('09:00'), of('09:30'), of('10:00'), of('10:30'), []])
  })

  test('is offered together with the time before it that was too short alone', async () => {
    const long = await place.service({ durationMinutes: 60, slotStepMinutes: 30 })
    allowed(await world.app.appointments.staff.change(staffId, { serviceIds: [serviceId, long] }, unnoted))
    const { id } = await place.booked(amina, serviceId, AT)
    await place.booked(carla, serviceId, '2026-11-27T09:30')
    allowed(await wait(bruno, { serviceId: long }))

    allowed(await place.cancel(amina, id))

    expect((await offerOf(bruno)).local).toBe('2026-11-27T08:30+02:00')
  })

  test('by a move is offered as well', async () => {
    const { id } = await place.booked(amina, serviceId, AT)
    allowed(await wait(bruno))
    allowed(await place.move(amina, id, '2026-11-28T15:00'))
    expect((await offerOf(bruno)).local).toBe('2026-11-27T09:00+02:00')
  })

  test('by more capacity is offered to as many as now fit', async () => {
    const group = await place.serviceWithStaff({ capacity: 1 }, ONE_START)
    await place.booked(amina, group.serviceId, AT)
    const waiters = await Promise.all(Array.from({ length: 4 }, () => world.person('customer')))
    for (const who of waiters) allowed(await wait(who, { serviceId: group.serviceId }))
    allowed(await world.app.appointments.services.change(group.serviceId, { capacity: 4 }, unnoted))
    const counts = await Promise.all(waiters.map(async (who) => (await offered(who)).length))
    expect(counts).toEqual([1, 1, 1, 0])
  })

  test('is not offered to somebody who has something else then, nor when the place is closed', async () => {
    const other = await place.serviceWithStaff()
    const { id } = await place.booked(amina, serviceId, AT)
    await place.booked(bruno, other.serviceId, '2026-11-27T09:15')
    allowed(await wait(bruno))
    allowed(await wait(carla))
    allowed(await place.cancel(amina, id))
    expect([(await offered(bruno)).length, (await offered(carla)).length]).toEqual([0, 1])

    const { closures } = world.app.appointments
    allowed(await closures.create({ fromDate: '2026-11-27', toDate: '2026-11-27', reason: 'Flood' }, unnoted))
    allowed(await decline(carla, (await offerOf(carla)).id))
    expect([await offered(bruno), await offered(carla)]).toEqual([[], []])
  })

  test('is found by whoever can come, however many cannot who have waited longer', async () => {
    const group = await place.serviceWithStaff({ capacity: 100 })
    const { id } = await place.booked(amina, serviceId, AT)
    const elsewhere = await place.booked(bruno, group.serviceId, AT)
    await repeat(elsewhere.id, 60)
    for (let i = 0; i < 60; i++) await waits(`usr_busy${i}`)
    allowed(await wait(carla))

    allowed(await place.cancel(amina, id))

    expect((await offerOf(carla)).local).toBe('2026-11-27T09:00+02:00')
  })

  test('is not offered to whoever is paid for it, nor to whoever has as many appointments as one can have', async () => {
    const payee = await world.agent(0)
    const { id } = await place.booked(amina, serviceId, AT)
    allowed(await wait(payee))
    allowed(await world.app.appointments.services.change(serviceId, { payeeId: payee.id }, unnoted))
    expectCode(await wait(payee, { staffId }), 'own_service')
    const hours = ['10', '11', '12']
    for (const hour of hours) await place.booked(bruno, serviceId, `2026-11-26T${hour}:00`)
    allowed(await wait(bruno))
    allowed(await wait(carla))

    allowed(await place.cancel(amina, id))

    expect([await offered(payee), await offered(bruno)]).toEqual([[], []])
    expect((await offered(carla)).length).toBe(1)
  })

  test('cannot be accepted by whoever has been named as the payee meanwhile', async () => {
    const payee = await world.agent(10_000)
    const { id } = await place.booked(amina, serviceId, AT)
    allowed(await wait(payee))
    allowed(await place.cancel(amina, id))
    allowed(await world.app.appointments.services.change(serviceId, { payeeId: payee.id }, unnoted))
    expectCode(await accept(payee, (await offerOf(payee)).id, PIN), 'own_service')
  })

  test('cannot be accepted once it is none any more, and takes no deposit', async () => {
    const { services, staff, closures } = world.app.appointments
    const closed = { fromDate: '2026-11-27', toDate: '2026-11-27', reason: 'Flood' }
    const { id } = await place.booked(amina, serviceId, AT)
    allowed(await wait(bruno))
    allowed(await place.cancel(amina, id))
    const offer = await offerOf(bruno)
    const refused = (code: string) => accept(bruno, offer.id, PIN).then((answer) => expectCode(answer, code))

    const { id: closure } = allowed(await closures.create(closed, unnoted))
    await refused('appointment_closed')
    allowed(await closures.remove(closure, unnoted))
    allowed(await staff.setHours(staffId, [], unnoted))
    await refused('appointment_outside_hours')
    allowed(await staff.setHours(staffId, EVERY_DAY, unnoted))
    allowed(await staff.change(staffId, { active: false }, unnoted))
    await refused('staff_not_found')
    allowed(await staff.change(staffId, { active: true }, unnoted))
    allowed(await services.change(serviceId, { active: false }, unnoted))
    await refused('service_inactive')
    expect(allowed(await world.app.wallet.balance(bruno.id)).held).toBe(0)
    allowed(await services.change(serviceId, { active: true }, unnoted))
    expect((await accept(bruno, offer.id, PIN)).ok).toBe(true)
  })

  test('by much more capacity is offered to everybody in line, some now and the others in the next ticks', async () => {
    const group = await place.serviceWithStaff({ capacity: 1 }, ONE_START)
    await place.booked(amina, group.serviceId, AT)
    for (let i = 0; i < 130; i++) await waits(`usr_patient${String(i).padStart(3, '0')}`, group.serviceId)
    const count = async () => (await rowsOf(sql`select id from appointments where status = 'offered'`)).length
    allowed(await world.app.appointments.services.change(group.serviceId, { capacity: 121 }, unnoted))
    expect(await count()).toBe(50)
    await tick()
    expect(await count()).toBe(100)
    await tick()
    expect(await count()).toBe(120)
    expect(await rowsOf(sql`select id from appointment_services where grown_from is not null`)).toEqual([])
  })

  test('by more capacity is found by all who can come, however many cannot who have waited longer', async () => {
    const group = await place.serviceWithStaff({ capacity: 1 }, ONE_START)
    const elsewhere = await place.serviceWithStaff({ capacity: 300 })
    await place.booked(amina, group.serviceId, AT)
    await repeat((await place.booked(bruno, elsewhere.serviceId, AT)).id, 200)
    for (let i = 0; i < 200; i++) await waits(`usr_busy${i}`, group.serviceId)
    for (let i = 0; i < 4; i++) await waits(`usr_late${i}`, group.serviceId)

    allowed(await world.app.appointments.services.change(group.serviceId, { capacity: 5 }, unnoted))

    expect(await rowsOf(sql`select id from appointments where user_id like 'usr_late%'`)).toHaveLength(4)
  })

  test('given up by many at once is offered to each once', async () => {
    const group = await place.serviceWithStaff({ capacity: 5 })
    const holders = await Promise.all(Array.from({ length: 5 }, () => world.person('customer')))
    const waiters = await Promise.all(Array.from({ length: 8 }, () => world.person('customer')))
    const made = []
    for (const who of holders) made.push(await place.booked(who, group.serviceId, AT))
    for (const who of waiters) allowed(await wait(who, { serviceId: group.serviceId }))
    await Promise.all(made.map(({ id }) => place.cancelAtDesk(id)))
    const counts = await Promise.all(waiters.map(async (who) => (await offered(who)).length))
    expect(counts).toEqual([1, 1, 1, 1, 1, 0, 0, 0])
  })
})

describe('time that there was not before is offered to whoever waits', () => {
  const closed = { fromDate: '2026-11-25', toDate: '2026-11-29', reason: 'Flood' }
  const first = async () => (await offered(bruno)).map(({ local }) => local)
  const EIGHT = ['2026-11-26T08:00+02:00']

  test('when a closure of the place, or of a member of staff, is taken back', async () => {
    const { closures } = world.app.appointments
    for (const of of [{}, { staffId }]) {
      const { id } = allowed(await closures.create({ ...closed, ...of }, unnoted))
      allowed(await wait(bruno))
      await tick()
      expect(await first()).toEqual([])
      allowed(await closures.remove(id, unnoted))
      await tick()
      expect(await first()).toEqual(EIGHT)
      allowed(await decline(bruno, (await offerOf(bruno)).id))
    }
  })

  test('when hours grow', async () => {
    const { staff } = world.app.appointments
    allowed(await staff.setHours(staffId, [], unnoted))
    allowed(await wait(bruno))
    allowed(await staff.setHours(staffId, EVERY_DAY, unnoted))
    await tick()
    expect(await first()).toEqual(EIGHT)
  })

  test('when somebody new does the service, or comes back', async () => {
    const { staff } = world.app.appointments
    allowed(await staff.change(staffId, { active: false }, unnoted))
    allowed(await wait(bruno))
    const other = await place.member([])
    await tick()
    expect(await first()).toEqual([])
    allowed(await staff.change(other, { serviceIds: [serviceId] }, unnoted))
    await tick()
    expect(await first()).toEqual(EIGHT)

    allowed(await staff.change(other, { serviceIds: [] }, unnoted))
    allowed(await wait(carla))
    allowed(await staff.change(staffId, { active: true }, unnoted))
    await tick()
    expect((await offerOf(carla)).staff.id).toBe(staffId)
  })

  test('when hours grow while an offer is open that is then not answered', async () => {
    const { staff } = world.app.appointments
    allowed(await staff.setHours(staffId, ONE_START, unnoted))
    const { id } = await place.booked(amina, serviceId, AT)
    allowed(await wait(bruno))
    allowed(await place.cancelAtDesk(id))
    const offer = await offerOf(bruno)
    allowed(await staff.setHours(staffId, EVERY_DAY, unnoted))
    await tick()
    expect(await first()).toEqual(['2026-11-27T09:00+02:00'])
    await lapse(offer)
    expect(await first()).toEqual(EIGHT)
  })

  test('when there is more room while an offer is open that is then not answered', async () => {
    const group = await place.serviceWithStaff({ capacity: 1 }, [
      { weekday: 5, fromMinute: 540, toMinute: 570 },
      { weekday: 5, fromMinute: 600, toMinute: 630 },
    ])
    const { id } = await place.booked(amina, group.serviceId, AT)
    await place.booked(carla, group.serviceId, '2026-11-27T10:00')
    allowed(await wait(bruno, { serviceId: group.serviceId }))
    allowed(await place.cancelAtDesk(id))
    allowed(await world.app.appointments.services.change(group.serviceId, { capacity: 2 }, unnoted))
    await lapse(await offerOf(bruno))
    expect(await first()).toEqual(['2026-11-27T10:00+02:00'])
  })

  test('and not when nothing has grown', async () => {
    const { staff, closures } = world.app.appointments
    const over = { fromDate: '2026-11-20', toDate: '2026-11-22', reason: 'Flood' }
    const { id } = allowed(await closures.create(over, unnoted))
    allowed(await wait(bruno))
    const inTwo = EVERY_DAY.flatMap(({ weekday }) => [
      { weekday, fromMinute: 480, toMinute: 600 },
      { weekday, fromMinute: 600, toMinute: 1080 },
    ])
    for (const week of [EVERY_DAY, inTwo, EVERY_DAY.slice(1), ONE_START])
      allowed(await staff.setHours(staffId, week, unnoted))
    allowed(await closures.remove(id, unnoted))
    await tick()
    expect(await first()).toEqual([])
    allowed(await staff.setHours(staffId, [{ weekday: 5, fromMinute: 540, toMinute: 600 }], unnoted))
    await tick()
    expect(await first()).toEqual(['2026-11-27T09:00+02:00'])
  })

  test('when the service can be booked again', async () => {
    const { services } = world.app.appointments
    allowed(await wait(bruno))
    allowed(await services.change(serviceId, { active: false }, unnoted))
    await tick()
    allowed(await services.change(serviceId, { active: true }, unnoted))
    expect(await first()).toEqual(EIGHT)
  })
})

describe('what a service that has grown costs the database in one tick', () => {
  const { fromDate, toDate, reason } = { fromDate: '2026-11-25', toDate: '2026-12-24', reason: 'Flood' }

  /** Opens again after a flood, and counts what is asked until the next tick is over. */
  async function afterFlood(): Promise<number> {
    const { closures } = world.app.appointments
    const { id } = allowed(await closures.create({ fromDate, toDate, reason }, unnoted))
    allowed(await closures.remove(id, unnoted))
    return queriesOf(tick)
  }

  test('does not depend on with how many it could be, nor on how much is free, if nobody can come', async () => {
    for (const hour of ['10', '11', '12']) await place.booked(bruno, serviceId, `2026-12-26T${hour}:00`)
    allowed(await wait(bruno, { from: '2026-11-26', to: '2026-11-26' }))
    const few = await afterFlood()
    for (let i = 0; i < 3; i++) await place.member([serviceId])
    await tick()
    allowed(await wait(bruno, { from: '2026-11-27', to: '2026-11-30' }))
    // Whoever waits twice is looked at twice.
    expect(await afterFlood()).toBeLessThan(2 * few)
    expect(await offered(bruno)).toEqual([])
  })

  test('is one look for each start, however many could take somebody who has something else then', async () => {
    allowed(await world.app.appointments.staff.setHours(staffId, ONE_START, unnoted))
    const other = await place.serviceWithStaff()
    await place.booked(bruno, other.serviceId, AT)
    allowed(await wait(bruno))
    const one = await afterFlood()
    for (let i = 0; i < 5; i++) await place.member([serviceId], {}, ONE_START)
    await tick()
    expect(await afterFlood()).toBeLessThanOrEqual(one)
  })

  test('is a part only, so that reminders need not wait for it', async () => {
    allowed(await world.app.appointments.staff.setHours(staffId, [], unnoted))
    for (let i = 0; i < 3; i++) await waits(`usr_patient${i}`)
    const grownFrom = async () => {
      const [row] = await rowsOf(sql`select grown_from as moment from appointment_services where id = ${serviceId}`)
      return (row as { moment: number | null }).moment
    }
    allowed(await wait(bruno, { from: '2026-12-01', to: '2026-12-30' }))
    await afterFlood()
    expect(await grownFrom()).not.toBe(null)
    for (let i = 0; i < 5; i++) await tick()
    expect(await grownFrom()).toBe(null)
  })
})

/** How often a unit reads while this goes on. */
async function queriesOf(work: () => Promise<unknown>): Promise<number> {
  const { store } = world.runtime
  const write = store.write.bind(store)
  let asked = 0
  const counting = (tx: Tx): Tx =>
    new Proxy(tx, {
      get(target, name) {
        if (name === 'select' || name === 'selectDistinct') asked += 1
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  const spy = spyOn(store, 'write').mockImplementation((unit) => write((tx) => unit(counting(tx))))
  await work()
  spy.mockRestore()
  return asked
}

/** The same appointment again, of people who are busy with it. */
async function repeat(id: string, times: number): Promise<void> {
  const { store, newId } = world.runtime
  const [row] = await store.read.select().from(appointments).where(eq(appointments.id, id))
  if (!row) throw new Error('There is nothing to repeat.')
  const copies = Array.from({ length: times }, (_, i) => ({ ...row, id: newId('apt'), userId: `usr_busy${i}` }))
  await store.write(async (tx) => void (await tx.insert(appointments).values(copies)))
}

/** Somebody waits of whom nothing else is known. */
async function waits(userId: string, ofService = serviceId): Promise<void> {
  const input = { serviceId: ofService, ...DATES }
  allowed(await world.app.appointments.waiting.join(userId, input, place.write))
}

const rowsOf = (query: ReturnType<typeof sql>) => world.runtime.store.rows(world.runtime.store.read, query)

describe('waiting', () => {
  test('twice for the same days, or for dates that are over or none, is refused', async () => {
    allowed(await wait(bruno))
    expectCode(await wait(bruno), 'wait_present')
    expectCode(await wait(bruno, { from: '2026-11-28', to: '2026-12-02' }), 'wait_present')
    allowed(await wait(bruno, { from: '2026-11-29', to: '2026-12-02' }))
    allowed(await wait(bruno, { staffId }))
    for (const dates of [
      { from: '2026-11-20', to: '2026-11-23' },
      { from: '2026-11-28', to: '2026-11-27' },
      { from: '2026-11-31', to: '2026-12-01' },
    ])
      expectCode(await wait(carla, dates), 'span_invalid')
    expectCode(await wait(carla, { serviceId: 'svc_00000000000000000000' }), 'service_not_found')
    expectCode(await wait(carla, { staffId: 'stf_00000000000000000000' }), 'staff_not_found')
  })

  test('again while a place is offered is refused', async () => {
    const { id } = await place.booked(amina, serviceId, AT)
    allowed(await wait(bruno))
    allowed(await place.cancel(amina, id))
    const offer = await offerOf(bruno)
    expectCode(await wait(bruno), 'wait_present')
    allowed(await decline(bruno, offer.id))
    expect((await wait(bruno)).ok).toBe(true)
  })

  test('for more than one person can wait for is refused, even all at once', async () => {
    const services = await Promise.all(Array.from({ length: 24 }, () => place.service()))
    const results = await Promise.all(services.map((each) => wait(bruno, { serviceId: each })))
    expect(results.filter(({ ok }) => ok)).toHaveLength(20)
    for (const result of results) if (!result.ok) expect(result.code).toBe('too_many_waits')
    const same = await Promise.all(Array.from({ length: 6 }, () => wait(carla)))
    expect(same.filter(({ ok }) => ok)).toHaveLength(1)
  })

  test('ends when its days are over, and is forgotten some time later', async () => {
    const { id } = allowed(await wait(bruno))
    const stateOf = async () => (await world.app.appointments.waiting.list(bruno.id, 5)).map(({ state }) => state)
    world.clock.advance(Date.parse('2026-11-28T22:00:00.000Z') - world.clock() - 1)
    await tick()
    expect(await stateOf()).toEqual(['waiting'])
    world.clock.advance(1)
    await tick()
    expect(await stateOf()).toEqual(['ended'])
    expectCode(await world.app.appointments.changes.leave(bruno.id, id), 'wait_not_found')

    expect(await world.app.appointments.prune(world.clock())).toBe(0)
    expect(await world.app.appointments.prune(world.clock() + 1)).toBe(1)
    expect(await stateOf()).toEqual([])
  })

  test('of thousands ends a part in each tick, so that reminders need not wait for it', async () => {
    const { id } = allowed(await wait(bruno))
    const { store } = world.runtime
    const [row] = await store.read.select().from(waitTable).where(eq(waitTable.id, id))
    if (!row) throw new Error('Nobody waits.')
    const many = Array.from({ length: 1_499 }, (_, i) => ({ ...row, id: `wtl_old${i}`, userId: `usr_old${i}` }))
    await store.write(async (tx) => void (await tx.insert(waitTable).values(many)))
    const left = async () => (await rowsOf(sql`select id from appointment_waits where state = 'waiting'`)).length
    world.clock.advance(30 * 24 * 60 * MINUTE_MS)
    await tick()
    expect(await left()).toBe(500)
    await tick()
    expect(await left()).toBe(0)
  })

  test('can be given up, by oneself only', async () => {
    const { id } = allowed(await wait(bruno))
    const { leave } = world.app.appointments.changes
    expectCode(await leave(carla.id, id), 'wait_not_found')
    expect((await leave(bruno.id, id)).ok).toBe(true)
    expectCode(await leave(bruno.id, id), 'wait_not_found')
    const booked = await place.booked(amina, serviceId, AT)
    allowed(await place.cancel(amina, booked.id))
    expect(await offered(bruno)).toEqual([])
  })

  test('can be given up while a place is offered, which goes to the next', async () => {
    const { id } = await place.booked(amina, serviceId, AT)
    const { id: waitId } = allowed(await wait(bruno))
    allowed(await wait(carla))
    allowed(await place.cancel(amina, id))
    const offer = await offerOf(bruno)
    const { leave } = world.app.appointments.changes
    expectCode(await leave(carla.id, waitId), 'wait_not_found')

    expect((await leave(bruno.id, waitId)).ok).toBe(true)

    expect((await place.get(bruno, offer.id)).status).toBe('declined')
    expect((await world.app.appointments.waiting.list(bruno.id, 5)).map(({ state }) => state)).toEqual(['ended'])
    expect((await offerOf(carla)).local).toBe('2026-11-27T09:00+02:00')
    expectCode(await leave(bruno.id, waitId), 'wait_not_found')
  })
})

test('the last second of an offer: accepting and ending it at once, one of them wins', async () => {
  const { id } = await place.booked(amina, serviceId, AT)
  allowed(await wait(bruno))
  allowed(await place.cancel(amina, id))
  const offer = await offerOf(bruno)
  const [accepted, declined] = await Promise.all([accept(bruno, offer.id, PIN), decline(bruno, offer.id)])
  expect([accepted?.ok, declined?.ok].filter(Boolean)).toHaveLength(1)
  const { held } = allowed(await world.app.wallet.balance(bruno.id))
  expect(held).toBe(accepted?.ok ? 300 : 0)
})
