/** The desk: who may do what with whose appointments, and lists that stay short however long the past is. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { sql } from 'drizzle-orm'
import { engine } from '../../../src/platform/db'
import { expectProblem } from '../../acceptance/answers'
import { createWorld, type Person, type World } from '../../support/world'
import { allowed, expectCode, placeOf } from './place'

let world: World
let place: ReturnType<typeof placeOf>
let one: Person
let other: Person
let amina: Person
let serviceId: string
let mine: string
let theirs: string

beforeAll(async () => {
  world = await createWorld()
  place = placeOf(world)
  ;[one, other, amina] = await Promise.all([world.person('agent'), world.person('agent'), world.person('customer')])
  serviceId = await place.service({ maxDays: 366 })
  mine = await place.member([serviceId], { userId: one.id })
  theirs = await place.member([serviceId], { userId: other.id })
})
afterAll(() => world.end())

const AT = '2026-11-30T09:00'
const moveBy = (who: Person, role: string, id: string, startsAt: string, staffId?: string) =>
  world.app.appointments.changes.move(place.asDesk(who, role), id, { startsAt, staffId }, place.write)

describe('a member of staff', () => {
  test('moves nothing into the diary of somebody else', async () => {
    const { id } = await place.booked(amina, serviceId, AT, { staffId: mine })
    expectCode(await moveBy(one, 'agent', id, AT, theirs), 'staff_not_yours')
    const answer = await world.call('POST', `/api/v1/appointments/desk/${id}/move`, {
      token: one.token,
      body: { startsAt: AT, staffId: theirs },
    })
    expectProblem(answer, 403, 'staff_not_yours')
    expect(allowed(await moveBy(one, 'agent', id, '2026-11-30T10:00', mine)).staff.id).toBe(mine)
    allowed(await place.cancel(amina, id))
  })

  test('who names nobody stays in their own, even if somebody else would be free', async () => {
    const [bruno, carla] = [await world.person('customer'), await world.person('customer')]
    const { id } = await place.booked(bruno, serviceId, AT, { staffId: mine })
    const blocking = await place.booked(carla, serviceId, '2026-11-30T11:00', { staffId: mine })
    expectCode(await moveBy(one, 'agent', id, '2026-11-30T11:00'), 'appointment_taken')
    expect(allowed(await moveBy(one, 'agent', id, '2026-11-30T12:00')).staff.id).toBe(mine)
    for (const [who, each] of [
      [bruno, id],
      [carla, blocking.id],
    ] as const)
      allowed(await place.cancel(who, each))
  })

  test('is not held to the notice that a customer has to give', async () => {
    const slow = await place.service({ minNoticeMinutes: 2 * 1440 })
    const member = await place.member([slow], { userId: (await world.person('agent')).id })
    const { id } = await place.booked(amina, slow, AT)
    expectCode(await place.move(amina, id, '2026-11-25T09:00'), 'appointment_too_soon')
    expect(allowed(await place.moveAtDesk(id, '2026-11-25T09:00')).staff.id).toBe(member)
    expectCode(await place.moveAtDesk(id, '2026-11-23T09:00'), 'appointment_in_past')
    allowed(await place.cancelAtDesk(id))
  })

  test('does not touch what is booked with somebody else', async () => {
    const { id } = await place.booked(amina, serviceId, AT, { staffId: theirs })
    expectCode(await moveBy(one, 'agent', id, '2026-11-30T10:00', mine), 'appointment_not_found')
    allowed(await place.cancel(amina, id))
  })
})

describe('support', () => {
  test('moves an appointment to whoever is free, and cancels it', async () => {
    const support = await world.person('support')
    const { id } = await place.booked(amina, serviceId, AT, { staffId: mine })
    expect(allowed(await moveBy(support, 'support', id, AT, theirs)).staff.id).toBe(theirs)
    const { cancel } = world.app.appointments.changes
    expect((await cancel(place.asDesk(support, 'support'), id, 'Flood.', place.write)).ok).toBe(true)
  })

  test('does not say how one went, because that decides about money; whoever it was with and operators do', async () => {
    const support = await world.person('support')
    const { id, startsAt } = await place.booked(amina, serviceId, AT, { staffId: mine })
    world.clock.advance(Date.parse(startsAt) - world.clock())
    const { complete, miss } = world.app.appointments.changes
    const asker = place.asDesk(support, 'support')
    for (const step of [complete, miss])
      expectCode(await step(asker, id, place.write), 'appointment_not_yours_to_conclude')
    const token = await world.signIn(support.email)
    const path = `/api/v1/appointments/desk/${id}/no-show`
    expectProblem(await world.call('POST', path, { token, body: {} }), 403, 'appointment_not_yours_to_conclude')
    expect((await complete(place.asDesk(one, 'agent'), id, place.write)).ok).toBe(true)
  })

  test('says so of what is booked with them', async () => {
    const support = await world.person('support')
    const own = await place.service()
    await place.member([own], { userId: support.id })
    const { id, startsAt } = await place.booked(amina, own, '2026-12-01T09:00')
    world.clock.advance(Date.parse(startsAt) - world.clock())
    const { complete } = world.app.appointments.changes
    expect((await complete(place.asDesk(support, 'support'), id, place.write)).ok).toBe(true)
  })
})

// PostgreSQL rather reads all of a table this small.
test.skipIf(engine === 'postgres')('a state that is rare is looked up, not searched for', async () => {
  const { store } = world.runtime
  const planOf = async (where: string) => {
    const query = `explain query plan select * from appointments where ${where} order by starts_at, id limit 51`
    return JSON.stringify(await store.rows(store.read, sql.raw(query)))
  }
  const ofAll = await planOf("status = 'declined'")
  const ofOne = await planOf(`staff_id = '${mine}' and status = 'declined'`)
  expect(ofAll).toContain('appointments_status ')
  expect(ofOne).toContain('appointments_staff_status ')
  for (const plan of [ofAll, ofOne]) expect(plan).not.toContain('TEMP B-TREE')
})
