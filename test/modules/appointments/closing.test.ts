/** Leaving: what appointments know of a person is shown to them, and goes with them. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { expectCleanBooks, expectProblem } from '../../acceptance/answers'
import { createWorld, PASSWORD, type World } from '../../support/world'
import { allowed, DAY_MS, expectCode, placeOf } from './place'

let world: World
let place: ReturnType<typeof placeOf>

beforeAll(async () => {
  world = await createWorld()
  place = placeOf(world)
})
afterAll(async () => {
  await expectCleanBooks(world)
  await world.end()
})

async function close(who: { email: string; id: string }) {
  const token = await world.signIn(who.email)
  return world.call('POST', '/api/v1/auth/close', { token, body: { password: PASSWORD } })
}

test('the export holds appointments, reviews and waiting lists', async () => {
  const amina = await world.person('customer')
  const { serviceId } = await place.serviceWithStaff()
  const { id } = await place.booked(amina, serviceId, '2026-11-26T09:00')
  const dates = { from: '2026-12-01', to: '2026-12-02' }
  allowed(await world.app.appointments.waiting.join(amina.id, { serviceId, ...dates }, place.write))
  world.clock.advance(3 * DAY_MS)
  allowed(await world.app.appointments.reviews.put(amina.id, id, { rating: 5, text: 'Good.' }))
  const user = await world.app.identity.known(amina.id)
  const { appointments } = (await world.app.identity.closing.export(user)) as unknown as {
    appointments: { appointments: unknown[]; reviews: unknown[]; waitingLists: unknown[] }
  }
  expect(appointments.appointments).toMatchObject([{ id, status: 'booked' }])
  expect(appointments.reviews).toMatchObject([{ appointmentId: id, rating: 5, text: 'Good.' }])
  expect(appointments.waitingLists).toMatchObject([{ serviceId, ...dates }])
})

test('who leaves gives their places to those who wait; their words go, and their stars stay', async () => {
  const [amina, bruno] = [await world.person('customer', 'Amina'), await world.person('customer', 'Bruno')]
  const { serviceId } = await place.serviceWithStaff()
  const past = await place.booked(
    amina,
    serviceId,
    new Date(world.clock() + DAY_MS).toISOString().replace(/T.*/, 'T07:00Z'),
  )
  world.clock.advance(2 * DAY_MS)
  allowed(await world.app.appointments.reviews.put(amina.id, past.id, { rating: 4, text: 'About my illness.' }))
  const local = new Date(world.clock() + 3 * DAY_MS).toISOString().slice(0, 10)
  const ahead = await place.booked(amina, serviceId, `${local}T09:00`)
  allowed(await world.app.appointments.waiting.join(bruno.id, { serviceId, from: local, to: local }, place.write))
  const { url } = await world.app.appointments.feeds.make(amina.id)

  expect((await close(amina)).status).toBe(204)

  expect(await world.app.appointments.details(ahead.id)).toMatchObject({ status: 'cancelled' })
  expect((await world.app.appointments.lists.own(bruno.id, 5)).map(({ status }) => status)).toEqual(['offered'])
  const shown = await world.app.appointments.reviews.list(serviceId, { limit: 5, hidden: false })
  expect(shown).toMatchObject([{ rating: 4, text: null, reviewer: null }])
  expectProblem(await world.call('GET', new URL(url).pathname), 404, 'feed_not_found')
  world.clock.advance(10 * DAY_MS)
  await world.app.jobs.runNow('appointments.tick')
  const reminded = await place.told('appointments.reminder_due')
  expect(reminded.filter(({ payload }) => payload.appointmentId === ahead.id)).toEqual([])
})

test('a deposit that is held keeps the account open', async () => {
  const amina = await world.customer(1_000)
  const { serviceId } = await place.serviceWithStaff({ price: 1_000, deposit: 1_000 })
  const local = new Date(world.clock() + 3 * DAY_MS).toISOString().slice(0, 10)
  const { id } = await place.booked(amina, serviceId, `${local}T09:00`)
  expectProblem(await close(amina), 409, 'money_left')
  expect((await place.get(amina, id)).status).toBe('booked')
})

test('a member of staff who leaves runs nothing, cannot be booked and is not named; a payee who leaves is paid no more', async () => {
  const agent = await world.person('agent')
  const amina = await world.customer(5_000)
  const serviceId = await place.service({ price: 100, deposit: 100, payeeId: agent.id })
  const staffId = await place.member([serviceId], { userId: agent.id })
  const local = new Date(world.clock() + 3 * DAY_MS).toISOString().slice(0, 10)
  const { id, startsAt } = await place.booked(amina, serviceId, `${local}T09:00`)
  expect((await close(agent)).status).toBe(204)
  const left = allowed(await world.app.appointments.staff.get(staffId))
  expect(left).toMatchObject({ userId: null, active: false, name: 'Former member of staff' })
  expectCode(await place.book(amina, serviceId, `${local}T11:00`), 'appointment_outside_hours')
  expectCode(await place.book(amina, serviceId, `${local}T11:00`, { staffId }), 'staff_not_found')
  expect((await place.get(amina, id)).staff).toEqual({ id: staffId, name: 'Former member of staff' })
  world.clock.advance(Date.parse(startsAt) - world.clock())
  expect(allowed(await place.complete(id)).depositState).toBe('captured')
  expect((await world.app.ledger.totals()).find(({ kind }) => kind === 'fees')?.balance).toBe(100)
})
