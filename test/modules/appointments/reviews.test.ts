/** What people thought of it: one review an appointment, once it is over, and what others see of it. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { expectProblem } from '../../acceptance/answers'
import { createWorld, type Person, type World } from '../../support/world'
import { allowed, DAY_MS, expectCode, HOUR_MS, placeOf } from './place'

let world: World
let place: ReturnType<typeof placeOf>
let amina: Person
let bruno: Person

beforeAll(async () => {
  world = await createWorld()
  place = placeOf(world)
  amina = await world.person('customer', 'Amina Macuácua')
  bruno = await world.person('customer', 'Bruno')
})
afterAll(() => world.end())

const SHOWN = { limit: 10, hidden: false }
const put = (who: Person, id: string, rating: number, text?: string) =>
  world.app.appointments.reviews.put(who.id, id, { rating, text })
const shown = async (serviceId: string) => {
  const { rating, reviews } = allowed(await world.app.appointments.services.get(serviceId, { inactive: false }))
  return [rating, reviews]
}

async function over(who: Person, serviceId: string): Promise<string> {
  const startsAt = `${new Date(world.clock() + 2 * DAY_MS).toISOString().slice(0, 10)}T07:00:00.000Z`
  const { id, endsAt } = await place.booked(who, serviceId, startsAt)
  world.clock.advance(Date.parse(endsAt) - world.clock())
  return id
}

test('a review can be written from the end on, and changes the mean of its service', async () => {
  const { serviceId } = await place.serviceWithStaff()
  const id = await over(amina, serviceId)
  world.clock.advance(-1)
  expectCode(await put(amina, id, 5), 'review_too_early')
  world.clock.advance(1)
  const made = allowed(await put(amina, id, 5, 'Very good.'))
  expect(made).toMatchObject({ rating: 5, text: 'Very good.', reviewer: 'Amina', hidden: false, appointmentId: id })
  const other = await over(bruno, serviceId)
  allowed(await put(bruno, other, 2))
  expect(await shown(serviceId)).toEqual([3.5, 2])
  expect(allowed(await put(amina, id, 4)).id).toBe(made.id)
  expect(await shown(serviceId)).toEqual([3, 2])
  const list = await world.app.appointments.reviews.list(serviceId, SHOWN)
  expect(list.map(({ rating, reviewer, text }) => [rating, reviewer, text])).toEqual([
    [2, 'Bruno', null],
    [4, 'Amina', null],
  ])
})

test('it can be changed for 30 days', async () => {
  const { serviceId } = await place.serviceWithStaff()
  const id = await over(amina, serviceId)
  allowed(await put(amina, id, 5))
  world.clock.advance(30 * DAY_MS)
  expect((await put(amina, id, 4)).ok).toBe(true)
  world.clock.advance(1)
  expectCode(await put(amina, id, 1), 'review_closed')
  expect(await shown(serviceId)).toEqual([4, 1])
})

test('nobody reviews what was not theirs, was cancelled, or what they did not come to', async () => {
  const { serviceId } = await place.serviceWithStaff({ cancelMinutes: 0 })
  const theirs = await over(amina, serviceId)
  expectCode(await put(bruno, theirs, 1), 'appointment_not_found')
  allowed(await place.miss(theirs))
  expectCode(await put(amina, theirs, 1), 'appointment_missed')
  const { id } = await place.booked(
    amina,
    serviceId,
    new Date(world.clock() + 7 * DAY_MS).toISOString().replace(/T.*/, 'T07:00Z'),
  )
  allowed(await place.cancel(amina, id))
  world.clock.advance(8 * DAY_MS)
  expectCode(await put(amina, id, 1), 'appointment_cancelled')
  expectCode(await put(amina, 'apt_00000000000000000000', 1), 'appointment_not_found')
  expect(await shown(serviceId)).toEqual([null, 0])
})

test('who turns out not to have come has what they wrote hidden, and taken out of the mean', async () => {
  const { serviceId } = await place.serviceWithStaff()
  const [one, two] = [await over(amina, serviceId), await over(bruno, serviceId)]
  const { id } = allowed(await put(amina, one, 1, 'I waited for nothing.'))
  allowed(await put(bruno, two, 5))
  allowed(await place.miss(one))
  expect(await shown(serviceId)).toEqual([5, 1])
  const { reviews } = world.app.appointments
  expect((await reviews.list(serviceId, SHOWN)).map(({ rating }) => rating)).toEqual([5])
  expect(allowed(await reviews.own(amina.id, one)).hidden).toBe(true)
  const [noted] = await world.app.identity.auditLog.search({ subject: one, limit: 1 })
  expect(noted).toMatchObject({ action: 'appointments.miss', detail: { hiddenReview: id } })
})

test('whoever it is about cannot have it hidden by saying that its customer did not come', async () => {
  const agent = await world.agent(0)
  const serviceId = await place.service()
  await place.member([serviceId], { userId: agent.id })
  const id = await over(amina, serviceId)
  allowed(await put(amina, id, 1, 'Rude.'))
  const { changes, reviews } = world.app.appointments
  expect(allowed(await changes.miss(place.asDesk(agent, 'agent'), id, place.write)).status).toBe('missed')
  expect(await shown(serviceId)).toEqual([1, 1])
  expect((await reviews.list(serviceId, SHOWN)).map(({ text }) => text)).toEqual(['Rude.'])
  const [noted] = await world.app.identity.auditLog.search({ subject: id, limit: 1 })
  expect(noted?.detail).not.toHaveProperty('hiddenReview')
})

test('its customer sees it again, and nobody else by that way', async () => {
  const { serviceId } = await place.serviceWithStaff()
  const id = await over(amina, serviceId)
  const look = (who: Person) => world.call('GET', `/api/v1/appointments/${id}/review`, { token: who.token })
  amina.token = await world.signIn(amina.email)
  bruno.token = await world.signIn(bruno.email)
  expectProblem(await look(amina), 404, 'review_not_found')
  const made = allowed(await put(amina, id, 4, 'Friendly.'))
  expect((await look(amina)).body).toEqual(made)
  expectProblem(await look(bruno), 404, 'review_not_found')
})

test('an operator hides one: it is not shown, counts in no mean, and it is noted who did it', async () => {
  const operator = await world.person('operator')
  const { serviceId } = await place.serviceWithStaff()
  const [one, two] = [await over(amina, serviceId), await over(bruno, serviceId)]
  allowed(await put(amina, one, 5))
  const rude = allowed(await put(bruno, two, 1, 'Rude words.'))
  const { reviews } = world.app.appointments
  operator.token = await world.signIn(operator.email)
  const hide = (id: string, hidden: boolean) =>
    world.call('PUT', `/api/v1/appointments/reviews/${id}/hidden`, { token: operator.token, body: { hidden } })
  for (let i = 0; i < 2; i++) expect((await hide(rude.id, true)).status).toBe(200)
  expect(await shown(serviceId)).toEqual([5, 1])
  expect((await reviews.list(serviceId, SHOWN)).map(({ rating }) => rating)).toEqual([5])
  allowed(await put(bruno, two, 2, 'Still hidden.'))
  expect(await shown(serviceId)).toEqual([5, 1])
  expect((await hide(rude.id, false)).status).toBe(200)
  expect(await shown(serviceId)).toEqual([3.5, 2])
  const noted = await world.app.identity.auditLog.search({ subject: rude.id, limit: 10 })
  expect(noted.map(({ action, actor, address }) => [action, actor, address])).toEqual([
    ['appointments.review_show', operator.id, '192.0.2.1'],
    ['appointments.review_hide', operator.id, '192.0.2.1'],
  ])
  expectProblem(await hide('rev_00000000000000000000', true), 404, 'review_not_found')

  await hide(rude.id, true)
  const list = (who: Person, hidden: string) =>
    world.call('GET', `/api/v1/appointments/services/${serviceId}/reviews?hidden=${hidden}`, { token: who.token })
  const ids = async (hidden: string) =>
    ((await list(operator, hidden)).body as { items: { id: string }[] }).items.map(({ id }) => id)
  expect(await ids('true')).toEqual([rude.id])
  expect(await ids('false')).not.toContain(rude.id)
  amina.token = await world.signIn(amina.email)
  expectProblem(await list(amina, 'true'), 403, 'insufficient_scope')
  expect((await list(amina, 'false')).status).toBe(200)
})

test('written twice at one moment it is one review, counted once', async () => {
  const { serviceId } = await place.serviceWithStaff()
  const id = await over(amina, serviceId)
  world.clock.advance(HOUR_MS)
  const results = await Promise.all([put(amina, id, 3), put(amina, id, 3), put(amina, id, 3)])
  expect(results.map(({ ok }) => ok)).toEqual([true, true, true])
  expect(await shown(serviceId)).toEqual([3, 1])
})
