/** What an independent review of appointments found: deposits, feeds and lines in cases that nobody had thought of. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { sql } from 'drizzle-orm'
import { createWorld, type Person, type World } from '../../support/world'
import { allowed, DAY_MS, placeOf } from './place'

let world: World
let place: ReturnType<typeof placeOf>
let amina: Person

const AT = '2026-11-30T09:00'
const TERMS = { price: 2_000, deposit: 500, cancelMinutes: 1440 }

beforeEach(async () => {
  world = await createWorld()
  place = placeOf(world)
  amina = await world.customer(100_000)
})
afterEach(() => world.end())

const until = (moment: string) => world.clock.advance(Date.parse(moment) - world.clock())
const wallet = async (who: Person = amina) => allowed(await world.app.wallet.balance(who.id))
const tick = () => world.app.jobs.runNow('appointments.tick')

describe('a deposit', () => {
  test('is not lost by a customer whose appointment the place has moved into the last day', async () => {
    const { serviceId } = await place.serviceWithStaff(TERMS)
    const before = await wallet()
    const { id } = await place.booked(amina, serviceId, AT)
    // A week ahead, cancelling costs nothing; then the desk moves it to this very afternoon.
    const moved = allowed(
      await world.app.appointments.changes.move(place.desk, id, { startsAt: '2026-11-24T15:00' }, place.write),
    )
    expect(Date.parse(moved.startsAt)).toBeLessThan(world.clock() + DAY_MS)

    const cancelled = allowed(await place.cancel(amina, id))

    expect(cancelled.depositState).toBe('released')
    expect(await wallet()).toEqual(before)
  })

  test('of whoever is paid for the service themselves can be settled', async () => {
    const agent = await world.agent(100_000)
    const { serviceId } = await place.serviceWithStaff(TERMS)
    const { id, startsAt } = await place.booked(agent, serviceId, AT)
    // The operator names the payee later, who is a customer of the service already.
    allowed(await world.app.appointments.services.change(serviceId, { payeeId: agent.id }, 'operator'))
    until(startsAt)

    const completed = allowed(await place.complete(id))

    expect(completed.depositState).not.toBe('held')
    expect((await wallet(agent)).held).toBe(0)
  })

  test('nobody is offered a place of a service that pays themselves', async () => {
    const agent = await world.agent(100_000)
    const { serviceId } = await place.serviceWithStaff({ ...TERMS, payeeId: agent.id })
    const { id } = await place.booked(amina, serviceId, AT)
    await world.app.appointments.waiting.join(
      agent.id,
      { serviceId, from: '2026-11-29', to: '2026-12-01' },
      place.write,
    )
    allowed(await place.cancel(amina, id))
    expect(await world.app.appointments.lists.own(agent.id, 10)).toEqual([])
  })

  test('that is paid out is told of, whatever the appointment came to', async () => {
    const { serviceId } = await place.serviceWithStaff(TERMS)
    const { id, startsAt } = await place.booked(amina, serviceId, AT)
    await world.mailTo(amina.email)
    until(startsAt)
    allowed(await place.complete(id))
    const { balance } = await wallet()
    expect(balance).toBe(100_000 - 500)

    await world.app.settle()
    const inbox = await world.app.notifications.inbox.list(amina.id, { unread: false, limit: 50 })

    expect(inbox.filter(({ about, createdAt }) => about.startsWith(id) && createdAt >= startsAt)).not.toEqual([])
  })

  test('that was kept by mistake can be given back', async () => {
    const { serviceId } = await place.serviceWithStaff(TERMS)
    const { id, startsAt } = await place.booked(amina, serviceId, AT)
    until(startsAt)
    allowed(await place.miss(id))
    // The customer was there after all.
    expect((await place.cancelAtDesk(id)).ok).toBe(true)
    expect((await wallet()).balance).toBe(100_000)
  })
})

describe('whoever is a member of staff no longer', () => {
  test('sees no calendar of it: its address ends when another person takes the place', async () => {
    const [old, successor] = [await world.person('agent'), await world.person('agent')]
    const serviceId = await place.service()
    const staffId = await place.member([serviceId], { userId: old.id })
    await place.booked(amina, serviceId, AT)
    const { feeds, staff } = world.app.appointments
    const asker = { userId: old.id, role: 'agent', as: 'desk' as const }
    const { url } = allowed(await feeds.makeForStaff(asker, staffId))
    const token = url.split('/').pop() as string
    expect((await feeds.read(token)).ok).toBe(true)

    allowed(await staff.change(staffId, { userId: successor.id }, 'operator'))

    expect((await feeds.read(token)).ok).toBe(false)
  })

  test('cannot be booked any more when their account is closed', async () => {
    const agent = await world.person('agent')
    const serviceId = await place.service()
    await place.member([serviceId], { userId: agent.id })
    const user = await world.app.identity.known(agent.id)
    allowed(await world.app.identity.closing.close(user, '192.0.2.1'))
    expect((await place.book(amina, serviceId, AT)).ok).toBe(false)
  })
})

test('a member of staff moves nothing into the diary of somebody else', async () => {
  const [one, other] = [await world.person('agent'), await world.person('agent')]
  const serviceId = await place.service()
  const mine = await place.member([serviceId], { userId: one.id })
  const theirs = await place.member([serviceId], { userId: other.id })
  const { id } = await place.booked(amina, serviceId, AT, { staffId: mine })
  const asker = { userId: one.id, role: 'agent', as: 'desk' as const }

  const moved = await world.app.appointments.changes.move(asker, id, { startsAt: AT, staffId: theirs }, place.write)

  expect(moved.ok).toBe(false)
})

test('whoever waited for days that are over stands in no line any more', async () => {
  const { serviceId } = await place.serviceWithStaff()
  allowed(
    await world.app.appointments.waiting.join(
      amina.id,
      { serviceId, from: '2026-11-25', to: '2026-11-26' },
      place.write,
    ),
  )
  world.clock.advance(30 * DAY_MS)
  await tick()
  const { store } = world.runtime
  const waiting = await store.rows(store.read, sql`select id from appointment_waits where state = 'waiting'`)
  expect(waiting).toEqual([])
})

test('one person cannot take every place of a free service', async () => {
  const { serviceId } = await place.serviceWithStaff()
  const results: boolean[] = []
  for (let day = 25; day < 30; day++) {
    for (let hour = 8; hour < 18; hour++) {
      const at = `2026-11-${day}T${String(hour).padStart(2, '0')}:00`
      results.push((await place.book(amina, serviceId, at)).ok)
    }
  }
  expect(results).toContain(false)
})
