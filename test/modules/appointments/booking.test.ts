/** Many people and few places: nobody is booked twice, groups fill up exactly, and work is shared out. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createWorld, type Person, type World } from '../../support/world'
import { allowed, expectCode, placeOf, unnoted } from './place'

let world: World
let place: ReturnType<typeof placeOf>
let people: Person[]

beforeAll(async () => {
  world = await createWorld()
  place = placeOf(world)
  people = await Promise.all(Array.from({ length: 50 }, () => world.person('customer')))
})
afterAll(() => world.end())

const person = (i: number) => people[i] as Person

describe('fifty people at the same moment', () => {
  test('at one place: exactly one gets it', async () => {
    const { serviceId } = await place.serviceWithStaff()
    const results = await Promise.all(people.map((who) => place.book(who, serviceId, '2026-11-26T09:00')))
    expect(results.filter(({ ok }) => ok)).toHaveLength(1)
    for (const result of results) if (!result.ok) expect(result.code).toBe('appointment_taken')
  })

  test('at a group of five: exactly five get in', async () => {
    const { serviceId } = await place.serviceWithStaff({ capacity: 5 })
    const results = await Promise.all(people.map((who) => place.book(who, serviceId, '2026-11-27T09:00')))
    expect(results.filter(({ ok }) => ok)).toHaveLength(5)
    const slots = allowed(await world.app.appointments.slots.free({ serviceId, from: '2026-11-27', to: '2026-11-27' }))
    expect(slots.items.some(({ local }) => local.includes('T09:00'))).toBe(false)
  })

  test('at overlapping starts of one member of staff: no two of them overlap', async () => {
    const { serviceId, staffId } = await place.serviceWithStaff({ durationMinutes: 60, bufferMinutes: 15 })
    await Promise.all(
      people.map((who, i) =>
        place.book(
          who,
          serviceId,
          `2026-11-28T${String(9 + (i % 3)).padStart(2, '0')}:${['00', '15', '30', '45'][i % 4]}`,
        ),
      ),
    )
    const rows = await world.app.appointments.lists.desk(place.desk, { staffId, limit: 100 })
    expect(rows.length).toBeGreaterThan(1)
    rows.forEach((row, i) => {
      const before = rows[i - 1]
      if (before) expect(Date.parse(row.startsAt) - Date.parse(before.endsAt)).toBeGreaterThanOrEqual(15 * 60_000)
    })
  })

  test('one person who asks for everything at once has one appointment', async () => {
    const { serviceId } = await place.serviceWithStaff()
    for (let i = 0; i < 5; i++) await place.member([serviceId])
    const results = await Promise.all(
      Array.from({ length: 12 }, () => place.book(person(0), serviceId, '2026-11-29T09:00')),
    )
    expect(results.filter(({ ok }) => ok)).toHaveLength(1)
    for (const result of results) if (!result.ok) expect(result.code).toBe('appointment_overlap')
  })
})

describe('one person who asks for much at once', () => {
  test('with other staff of other services for the same moment has one appointment', async () => {
    const offered = await Promise.all(Array.from({ length: 6 }, () => place.serviceWithStaff()))
    for (let round = 0; round < 12; round++) {
      const at = `2026-12-${14 + round}T09:00`
      const who = person(10 + round)
      const results = await Promise.all(offered.map(({ serviceId }) => place.book(who, serviceId, at)))
      expect([round, results.filter(({ ok }) => ok).length]).toEqual([round, 1])
      const rows = await world.app.appointments.lists.own(who.id, 100)
      expect(rows.filter(({ local }) => local.startsWith(at))).toHaveLength(1)
    }
  })

  test('gets no more of one service than three', async () => {
    const { serviceId } = await place.serviceWithStaff()
    for (let i = 0; i < 4; i++) await place.member([serviceId])
    const hours = ['08', '09', '10', '11', '12', '13', '14', '15']
    const results = await Promise.all(hours.map((hour) => place.book(person(30), serviceId, `2026-12-11T${hour}:00`)))
    expect(results.filter(({ ok }) => ok)).toHaveLength(3)
    for (const result of results) if (!result.ok) expect(result.code).toBe('too_many_appointments')
  })

  test('gets no more than ten of all, and another when one is given up, or is over', async () => {
    const offered = await Promise.all(Array.from({ length: 14 }, () => place.serviceWithStaff()))
    const who = person(31)
    const book = (i: number) =>
      place.book(
        who,
        offered[i]?.serviceId ?? '',
        `2026-12-12T${String(8 + (i % 10)).padStart(2, '0')}:${i > 9 ? 30 : '00'}`,
      )
    const results = await Promise.all(offered.map((_, i) => book(i)))
    expect(results.filter(({ ok }) => ok)).toHaveLength(10)
    for (const result of results) if (!result.ok) expect(result.code).toBe('too_many_appointments')

    const refused = results.findIndex(({ ok }) => !ok)
    const [first] = await world.app.appointments.lists.own(who.id, 1)
    // Moving one makes them no more.
    const { id } = allowed(await place.move(who, first?.id ?? '', '2026-12-13T09:00'))
    allowed(await place.cancel(who, id))
    expect((await book(refused)).ok).toBe(true)
  })
})

describe('a person', () => {
  test('cannot be in two places, but can go from one to the next', async () => {
    const [one, two] = [await place.serviceWithStaff(), await place.serviceWithStaff({ bufferMinutes: 30 })]
    await place.booked(person(1), one.serviceId, '2026-12-01T09:00')
    expectCode(await place.book(person(1), two.serviceId, '2026-12-01T09:15'), 'appointment_overlap')
    expect((await place.book(person(1), two.serviceId, '2026-12-01T09:30')).ok).toBe(true)
  })

  test('moves an appointment onto a time that overlaps itself', async () => {
    const { serviceId } = await place.serviceWithStaff()
    const { id } = await place.booked(person(2), serviceId, '2026-12-01T09:00')
    const moved = allowed(await place.move(person(2), id, '2026-12-01T09:15'))
    expect([moved.local, moved.version]).toEqual(['2026-12-01T09:15+02:00', 2])
  })

  test('who moves in time stays with whom they know, if they are free, and else goes to whoever is', async () => {
    const { serviceId, staffId } = await place.serviceWithStaff()
    const other = await place.member([serviceId])
    const { id } = await place.booked(person(5), serviceId, '2026-12-08T09:00', { staffId: other })
    expect(allowed(await place.move(person(5), id, '2026-12-08T11:00')).staff.id).toBe(other)
    await place.booked(person(6), serviceId, '2026-12-08T14:00', { staffId: other })
    expect(allowed(await place.move(person(5), id, '2026-12-08T14:00')).staff.id).toBe(staffId)
  })

  test('does not book with themselves, nor what they are paid for', async () => {
    const agent = await world.person('agent')
    const serviceId = await place.service()
    const staffId = await place.member([serviceId], { userId: agent.id })
    expectCode(await place.book(agent, serviceId, '2026-12-01T09:00'), 'own_service')
    expectCode(await place.book(agent, serviceId, '2026-12-01T09:00', { staffId }), 'own_service')
    const paid = await place.serviceWithStaff({ price: 100, payeeId: agent.id })
    expectCode(await place.book(agent, paid.serviceId, '2026-12-01T09:00'), 'own_service')
  })
})

describe('without a name, whoever is free is taken', () => {
  test('the one with the fewest that day first', async () => {
    const { serviceId } = await place.serviceWithStaff()
    for (let i = 0; i < 2; i++) await place.member([serviceId])
    const counts = new Map<string, number>()
    for (let i = 0; i < 9; i++) {
      const { staff } = await place.booked(person(i), serviceId, `2026-12-02T${String(8 + i).padStart(2, '0')}:00`)
      counts.set(staff.id, (counts.get(staff.id) ?? 0) + 1)
    }
    expect([...counts.values()]).toEqual([3, 3, 3])
  })

  test('all at one moment: as many as there are, and no more', async () => {
    const { serviceId } = await place.serviceWithStaff()
    for (let i = 0; i < 3; i++) await place.member([serviceId])
    const results = await Promise.all(people.slice(0, 20).map((who) => place.book(who, serviceId, '2026-12-03T09:00')))
    const staff = results.flatMap((result) => (result.ok ? [result.value.staff.id] : []))
    expect(staff).toHaveLength(4)
    expect(new Set(staff).size).toBe(4)
  })

  test('nobody who has left or does something else', async () => {
    const { serviceId, staffId } = await place.serviceWithStaff()
    const other = await place.serviceWithStaff()
    allowed(await world.app.appointments.staff.change(staffId, { active: false }, unnoted))
    const at = '2026-12-04T09:00'
    expectCode(await place.book(person(0), serviceId, at), 'appointment_outside_hours')
    expectCode(await place.book(person(0), serviceId, at, { staffId }), 'staff_not_found')
    expectCode(await place.book(person(0), serviceId, at, { staffId: other.staffId }), 'staff_not_for_service')
  })
})

test('two services of one member of staff take each other’s time; a group does not take in another service', async () => {
  const one = await place.service({ capacity: 5 })
  const two = await place.service({ capacity: 5 })
  await place.member([one, two])
  await place.booked(person(3), one, '2026-12-05T09:00')
  expectCode(await place.book(person(4), two, '2026-12-05T09:00'), 'appointment_taken')
  expectCode(await place.book(person(4), one, '2026-12-05T09:15'), 'appointment_taken')
  expect((await place.book(person(4), one, '2026-12-05T09:00')).ok).toBe(true)
})
