/** Reminders: said in time, once, and never about an appointment that is not so any more. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { createWorld, type Person, type World } from '../../support/world'
import { allowed, DAY_MS, HOUR_MS, MINUTE_MS, placeOf } from './place'

let world: World
let place: ReturnType<typeof placeOf>
let amina: Person
let serviceId: string

beforeEach(async () => {
  world = await createWorld()
  place = placeOf(world)
  amina = await world.person('customer')
  serviceId = (await place.serviceWithStaff({ cancelMinutes: 0 })).serviceId
})
afterEach(() => world.end())

const STARTS_AT = '2026-11-27T07:00:00.000Z'
const until = (moment: string, offset = 0) => world.clock.advance(Date.parse(moment) + offset - world.clock())
const tick = () => world.app.jobs.runNow('appointments.tick')

/** Which reminders were told of since the world began. */
const said = async () =>
  (await place.told('appointments.reminder_due', 'appointments.review_asked')).map(
    ({ payload }) => payload.reminder ?? 'review',
  )

describe('an appointment that takes place', () => {
  test('is reminded of a day and an hour before, and asked about an hour after', async () => {
    const { id } = await place.booked(amina, serviceId, STARTS_AT)
    until(STARTS_AT, -DAY_MS - 1)
    await tick()
    expect(await said()).toEqual([])

    until(STARTS_AT, -DAY_MS)
    await tick()
    await tick()
    expect(await said()).toEqual(['24h'])
    const [told] = await place.told('appointments.reminder_due')
    expect(told?.payload).toEqual({
      appointmentId: id,
      userId: amina.id,
      version: 1,
      reminder: '24h',
      media: ['email', 'whatsapp'],
      skipAfter: Date.parse(STARTS_AT) - DAY_MS / 2,
    })
    until(STARTS_AT, -HOUR_MS)
    await tick()
    expect(await said()).toEqual(['24h', '1h'])
    until(STARTS_AT)
    allowed(await place.complete(id))
    until(STARTS_AT, 30 * MINUTE_MS + HOUR_MS)
    await tick()
    expect(await said()).toEqual(['24h', '1h', 'review'])
  })

  test('is asked about too when nobody has said how it went, and not when its customer did not come', async () => {
    const other = await world.person('customer')
    const { id } = await place.booked(other, serviceId, '2026-11-27T08:00:00.000Z')
    await place.booked(amina, serviceId, STARTS_AT)
    until(STARTS_AT, 2 * HOUR_MS)
    allowed(await place.miss(id))
    world.clock.advance(HOUR_MS)
    await tick()
    expect((await place.told('appointments.review_asked')).map(({ payload }) => payload.userId)).toEqual([amina.id])
  })

  test('booked at the last minute gets only the reminders that lie ahead', async () => {
    until(STARTS_AT, -3 * HOUR_MS)
    await place.booked(amina, serviceId, STARTS_AT)
    until(STARTS_AT, -HOUR_MS)
    await tick()
    expect(await said()).toEqual(['1h'])
  })

  test('of a service with reminders of its own gets those', async () => {
    const reminders = [{ name: 'week', minutesBefore: 2 * 1440, media: ['sms' as const] }]
    const own = await place.serviceWithStaff({ reminders })
    await place.booked(amina, own.serviceId, STARTS_AT)
    until(STARTS_AT, -DAY_MS * 2)
    await tick()
    until(STARTS_AT, -HOUR_MS)
    await tick()
    expect(await said()).toEqual(['week'])
  })

  test('of a service with two reminders at the same time gets both', async () => {
    const plan = (name: string, minutesBefore: number) => ({ name, minutesBefore, media: ['sms' as const] })
    const reminders = [plan('bring', 1440), plan('day', 1440), plan('hour', 60)]
    const own = await place.serviceWithStaff({ reminders })
    await place.booked(amina, own.serviceId, STARTS_AT)
    until(STARTS_AT, -DAY_MS)
    await tick()
    expect((await said()).toSorted()).toEqual(['bring', 'day'])
    const skipped = (await place.told('appointments.reminder_due')).map(({ payload }) => payload.skipAfter)
    expect(skipped).toEqual(Array.from({ length: 2 }, () => Date.parse(STARTS_AT) - DAY_MS / 2))
  })
})

describe('nothing stale is said', () => {
  test('after it was moved: the old times are quiet, the new ones are not', async () => {
    const { id } = await place.booked(amina, serviceId, STARTS_AT)
    allowed(await place.move(amina, id, '2026-11-29T07:00:00.000Z'))
    until(STARTS_AT, -HOUR_MS)
    await tick()
    expect(await said()).toEqual([])
    until('2026-11-28T07:00:00.000Z')
    await tick()
    expect(await said()).toEqual(['24h'])
    expect((await place.told('appointments.reminder_due'))[0]?.payload.version).toBe(2)
  })

  test('after it was cancelled', async () => {
    const { id } = await place.booked(amina, serviceId, STARTS_AT)
    allowed(await place.cancel(amina, id))
    until(STARTS_AT, DAY_MS)
    await tick()
    expect(await said()).toEqual([])
  })

  test('whoever sends looks again, and sees that it has changed since', async () => {
    const { id, version } = await place.booked(amina, serviceId, STARTS_AT)
    const { stillTrue } = world.app.appointments
    expect(await stillTrue('booked', id, version)).toBe(true)
    const moved = allowed(await place.move(amina, id, '2026-11-29T07:00:00.000Z'))
    expect([await stillTrue('booked', id, version), await stillTrue('booked', id, moved.version)]).toEqual([
      false,
      true,
    ])
    const cancelled = allowed(await place.cancel(amina, id))
    expect(await stillTrue('booked', id, cancelled.version)).toBe(false)
    expect(await stillTrue('booked', 'apt_00000000000000000000', 1)).toBe(false)
  })

  test('nobody is asked for a review that is written, or of an appointment that they missed', async () => {
    const other = await world.person('customer')
    const missed = await place.booked(other, serviceId, '2026-11-27T08:00:00.000Z')
    const { id, version } = await place.booked(amina, serviceId, STARTS_AT)
    const { stillTrue, reviews } = world.app.appointments
    until(STARTS_AT, 2 * HOUR_MS)
    expect(await stillTrue('unreviewed', missed.id, missed.version)).toBe(true)
    allowed(await place.miss(missed.id))
    expect(await stillTrue('unreviewed', missed.id, missed.version)).toBe(false)
    allowed(await place.complete(id))
    expect(await stillTrue('unreviewed', id, version)).toBe(true)
    allowed(await reviews.put(amina.id, id, { rating: 5 }))
    expect(await stillTrue('unreviewed', id, version)).toBe(false)
  })

  test('moved back and forth while reminders come due, it is never reminded of a time that is not its own', async () => {
    const { id } = await place.booked(amina, serviceId, STARTS_AT)
    for (let i = 0; i < 6; i++) {
      const startsAt = new Date(world.clock() + 2 * DAY_MS).toISOString().replace(/T.*/, `T0${6 + (i % 3)}:00:00.000Z`)
      await Promise.all([place.move(amina, id, startsAt), tick()])
      world.clock.advance(20 * HOUR_MS)
      await tick()
    }
    const moved = await place.told('appointments.booked', 'appointments.moved')
    const reminded = await place.told('appointments.reminder_due')
    expect(reminded.length).toBeGreaterThan(0)
    const versions = moved.map(({ payload }) => payload.version)
    for (const { payload } of reminded) expect(versions).toContain(payload.version)
  })
})

describe('a clock that jumps', () => {
  test('over both reminders, with the start still ahead: only the one that still helps is said', async () => {
    await place.booked(amina, serviceId, STARTS_AT)
    until(STARTS_AT, -40 * MINUTE_MS)
    await tick()
    expect(await said()).toEqual(['1h'])
  })

  test('over everything: nothing about what is over, but the question after it', async () => {
    await place.booked(amina, serviceId, STARTS_AT)
    until(STARTS_AT, 2 * DAY_MS)
    await tick()
    expect(await said()).toEqual(['review'])
  })

  test('by months: nothing at all', async () => {
    await place.booked(amina, serviceId, STARTS_AT)
    world.clock.advance(90 * DAY_MS)
    await tick()
    expect(await said()).toEqual([])
  })

  test('and back: what was said is not said again', async () => {
    await place.booked(amina, serviceId, STARTS_AT)
    until(STARTS_AT, -DAY_MS)
    await tick()
    world.clock.advance(-HOUR_MS)
    await tick()
    world.clock.advance(HOUR_MS)
    await tick()
    expect(await said()).toEqual(['24h'])
  })
})

test('a batch is taken once, however many take it at once', async () => {
  const group = await place.serviceWithStaff({ capacity: 30 })
  const people = await Promise.all(Array.from({ length: 30 }, () => world.person('customer')))
  for (const who of people) await place.booked(who, group.serviceId, STARTS_AT)
  until(STARTS_AT, -DAY_MS)
  const taken = await Promise.all(Array.from({ length: 6 }, () => world.app.appointments.remindersDue(10)))
  expect(taken.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(30)
  await tick()
  const told = await place.told('appointments.reminder_due')
  expect(new Set(told.map(({ payload }) => payload.appointmentId)).size).toBe(30)
  expect(told).toHaveLength(30)
})

test('what is done with is forgotten after a month', async () => {
  const { id } = await place.booked(amina, serviceId, STARTS_AT)
  until(STARTS_AT, -DAY_MS)
  await tick()
  const { prune } = world.app.appointments
  expect(await prune(world.clock() - 30 * DAY_MS)).toBe(0)
  world.clock.advance(31 * DAY_MS)
  await tick()
  expect(await prune(world.clock() - 25 * DAY_MS)).toBe(3)
  expect((await place.get(amina, id)).status).toBe('booked')
})
