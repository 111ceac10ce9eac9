/** Whoever serves customers hears of what is new in their diary, and not of what they did themselves. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import { createWorld, type Person, type World } from '../../support/world'
import { allowed, placeOf } from '../appointments/place'

const DAY = 24 * 3_600_000

let world: World
let place: ReturnType<typeof placeOf>
let agent: Person
let customer: Person
let staffId: string
let serviceId: string
let day = 0

beforeAll(async () => {
  world = await createWorld()
  place = placeOf(world)
  customer = await world.person('customer')
  serviceId = await place.service({ cancelMinutes: 0 })
})
afterAll(() => world.end())
beforeEach(async () => {
  agent = await world.person('agent')
  staffId = await place.member([serviceId], { userId: agent.id })
  day += 1
})

const at = (hour: number) => `${new Date(world.clock() + day * DAY).toISOString().slice(0, 10)}T${hour}:00`
const book = () => place.booked(customer, serviceId, at(10), { staffId })
const newsOf = async (who: Person) => {
  const mails = await world.mailTo(who.email)
  return mails.map(({ subject }) => subject).filter((subject) => /appointment/i.test(subject))
}

test('a booking, with whom it is for and when', async () => {
  await book()
  expect(await newsOf(agent)).toEqual(['A new appointment with you: Advice'])
  const [mail] = (await world.mailTo(agent.email)).filter(({ subject }) => subject.startsWith('A new'))
  const { name } = await world.app.identity.known(customer.id)
  expect(mail?.text).toContain(`Advice for ${name}`)
})

test('a move and a cancellation by the customer or an operator', async () => {
  const { id } = await book()
  await newsOf(agent)
  allowed(await place.move(customer, id, at(11)))
  expect(await newsOf(agent)).toContain('An appointment with you has a new time: Advice')
  allowed(await place.cancelAtDesk(id))
  expect(await newsOf(agent)).toContain('An appointment with you was cancelled: Advice')
})

test('none of what they moved or cancelled themselves', async () => {
  const { id } = await book()
  const before = await newsOf(agent)
  const asker = place.asDesk(agent, 'agent')
  const { changes } = world.app.appointments
  allowed(await changes.move(asker, id, { startsAt: at(12) }, place.write))
  allowed(await changes.cancel(asker, id, 'I am ill.', place.write))
  expect(await newsOf(agent)).toEqual(before)
})

test('that it has gone to somebody else, who hears of it as of a new one', async () => {
  const { id } = await book()
  await newsOf(agent)
  const other = await world.person('agent')
  const theirs = await place.member([serviceId], { userId: other.id })
  const wanted = { startsAt: at(13), staffId: theirs }
  allowed(await world.app.appointments.changes.move(place.desk, id, wanted, place.write))
  expect(await newsOf(agent)).toContain('An appointment has left your diary: Advice')
  expect(await newsOf(other)).toEqual(['A new appointment with you: Advice'])
})

test('nothing of a booking that was cancelled before it could be told', async () => {
  const { id } = await book()
  allowed(await place.cancelAtDesk(id))
  expect(await newsOf(agent)).not.toContain('A new appointment with you: Advice')
})
