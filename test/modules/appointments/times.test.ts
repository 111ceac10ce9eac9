/** Local time and moments: clocks that go forward and back, opening hours, holidays, and how far ahead one may book. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createWorld, type Person, type World } from '../../support/world'
import { ALL_DAY, allowed, DAY_MS, expectCode, placeOf, unnoted } from './place'

let world: World
let place: ReturnType<typeof placeOf>
let amina: Person
let bruno: Person

beforeAll(async () => {
  world = await createWorld()
  place = placeOf(world)
  amina = await world.person('customer', 'Amina')
  bruno = await world.person('customer', 'Bruno')
})
afterAll(() => world.end())

/** The local starts that are free on these days. */
async function starts(serviceId: string, from: string, to = from, staffId?: string): Promise<string[]> {
  const found = allowed(await world.app.appointments.slots.free({ serviceId, from, to, staffId }))
  return found.items.map(({ local }) => local)
}

const nightShift = (timeZone: string) =>
  place.serviceWithStaff(
    { timeZone, durationMinutes: 30, slotStepMinutes: 30 },
    ALL_DAY.map(({ weekday }) => ({ weekday, fromMinute: 0, toMinute: 240 })),
  )

describe('Europe/Lisbon', () => {
  test('has no half past one on the night when the clocks go forward', async () => {
    // 28 March 2027, 01:00 WET becomes 02:00 WEST.
    const { serviceId } = await nightShift('Europe/Lisbon')
    expect(await starts(serviceId, '2027-03-28')).toEqual([
      '2027-03-28T00:00+00:00',
      '2027-03-28T00:30+00:00',
      '2027-03-28T02:00+01:00',
      '2027-03-28T02:30+01:00',
      '2027-03-28T03:00+01:00',
      '2027-03-28T03:30+01:00',
    ])
    expectCode(await place.book(amina, serviceId, '2027-03-28T01:30'), 'appointment_time_missing')
    expectCode(await place.book(amina, serviceId, '2027-03-28T01:00'), 'appointment_time_missing')
    expect((await place.booked(amina, serviceId, '2027-03-28T02:00')).startsAt).toBe('2027-03-28T01:00:00.000Z')
  })

  test('opens and closes at the end of the hour that is skipped, where its hours lie in it', async () => {
    const week = [
      { weekday: 7, fromMinute: 0, toMinute: 30 },
      { weekday: 7, fromMinute: 60, toMinute: 90 },
      { weekday: 7, fromMinute: 105, toMinute: 180 },
    ]
    const terms = { timeZone: 'Europe/Lisbon', durationMinutes: 30, slotStepMinutes: 30 }
    const { serviceId } = await place.serviceWithStaff(terms, week)
    const { items } = allowed(
      await world.app.appointments.slots.free({ serviceId, from: '2027-03-28', to: '2027-03-28' }),
    )
    expect(items.map(({ local, places }) => [local, places])).toEqual([
      ['2027-03-28T00:00+00:00', 1],
      ['2027-03-28T02:00+01:00', 1],
      ['2027-03-28T02:30+01:00', 1],
    ])
    expect((await place.booked(amina, serviceId, '2027-03-28T02:30')).startsAt).toBe('2027-03-28T01:30:00.000Z')
  })

  test('has half past one twice on the night when they go back, and both can be booked', async () => {
    // 31 October 2027, 02:00 WEST becomes 01:00 WET; later than a year ahead of this test’s clock is beyond maxDays.
    const { serviceId } = await nightShift('Europe/Lisbon')
    const refused = await place.book(amina, serviceId, '2027-10-31T01:30')
    expectCode(refused, 'appointment_time_ambiguous')
    expect(refused.ok ? undefined : refused.members).toEqual({
      choices: ['2027-10-31T01:30+01:00', '2027-10-31T01:30+00:00'],
    })
    expect((await starts(serviceId, '2027-10-31')).slice(0, 7)).toEqual([
      '2027-10-31T00:00+01:00',
      '2027-10-31T00:30+01:00',
      '2027-10-31T01:00+01:00',
      '2027-10-31T01:30+01:00',
      '2027-10-31T01:00+00:00',
      '2027-10-31T01:30+00:00',
      '2027-10-31T02:00+00:00',
    ])
    const [first, second] = [
      await place.booked(amina, serviceId, '2027-10-31T01:30+01:00'),
      await place.booked(bruno, serviceId, '2027-10-31T01:30+00:00'),
    ]
    expect([first.startsAt, second.startsAt]).toEqual(['2027-10-31T00:30:00.000Z', '2027-10-31T01:30:00.000Z'])
  })
})

test('America/New_York changes at two o’clock, on its own days', async () => {
  const { serviceId } = await nightShift('America/New_York')
  expectCode(await place.book(amina, serviceId, '2027-03-14T02:30'), 'appointment_time_missing')
  expectCode(await place.book(amina, serviceId, '2027-11-07T01:30'), 'appointment_time_ambiguous')
  const { startsAt, local } = await place.booked(amina, serviceId, '2027-03-14T03:00')
  expect([startsAt, local]).toEqual(['2027-03-14T07:00:00.000Z', '2027-03-14T03:00-04:00'])
  expect(await starts(serviceId, '2027-03-14')).toHaveLength(5)
  expect(await starts(serviceId, '2027-11-07')).toHaveLength(10)
})

test('Africa/Maputo never changes its clocks', async () => {
  const { serviceId } = await nightShift('Africa/Maputo')
  for (const date of ['2027-03-28', '2027-10-31']) expect(await starts(serviceId, date)).toHaveLength(8)
  const { startsAt } = await place.booked(bruno, serviceId, '2027-03-28T01:30')
  expect(startsAt).toBe('2027-03-27T23:30:00.000Z')
})

test('opening hours keep the clock at the wall, summer and winter', async () => {
  const { serviceId } = await place.serviceWithStaff({ timeZone: 'Europe/Lisbon', slotStepMinutes: 30 })
  expect((await starts(serviceId, '2027-03-27'))[0]).toBe('2027-03-27T08:00+00:00')
  expect((await starts(serviceId, '2027-03-28'))[0]).toBe('2027-03-28T08:00+01:00')
})

test('staff in another time zone keep their own hours, and slots are told on the clock of the service', async () => {
  const serviceId = await place.service({ timeZone: 'Africa/Maputo', durationMinutes: 60, slotStepMinutes: 60 })
  const week = ALL_DAY.map(({ weekday }) => ({ weekday, fromMinute: 540, toMinute: 720 }))
  await place.member([serviceId], { timeZone: 'America/New_York' }, week)
  expect(await starts(serviceId, '2026-12-02')).toEqual([
    '2026-12-02T16:00+02:00',
    '2026-12-02T17:00+02:00',
    '2026-12-02T18:00+02:00',
  ])
})

describe('opening hours', () => {
  const monday = '2026-11-30'

  test('may be several a day, and nothing reaches over their end', async () => {
    const week = [
      { weekday: 1, fromMinute: 540, toMinute: 600 },
      { weekday: 1, fromMinute: 840, toMinute: 900 },
    ]
    const { serviceId } = await place.serviceWithStaff({ durationMinutes: 45 }, week)
    const times = (await starts(serviceId, monday)).map((local) => local.slice(11, 16))
    expect(times).toEqual(['09:00', '09:15', '14:00', '14:15'])
    expectCode(await place.book(amina, serviceId, `${monday}T09:30`), 'appointment_outside_hours')
    expectCode(await place.book(amina, serviceId, `${monday}T12:00`), 'appointment_outside_hours')
    expectCode(await place.book(amina, serviceId, '2026-12-01T09:00'), 'appointment_outside_hours')
  })

  test('that meet are one, and go on to midnight', async () => {
    const week = [
      { weekday: 1, fromMinute: 1320, toMinute: 1380 },
      { weekday: 1, fromMinute: 1380, toMinute: 1440 },
    ]
    const { serviceId } = await place.serviceWithStaff({ durationMinutes: 90, slotStepMinutes: 30 }, week)
    expect((await starts(serviceId, monday)).map((local) => local.slice(11, 16))).toEqual(['22:00', '22:30'])
  })

  test('of two days that meet at midnight let an appointment last into the next', async () => {
    const week = [
      { weekday: 1, fromMinute: 1320, toMinute: 1440 },
      { weekday: 2, fromMinute: 0, toMinute: 120 },
    ]
    const { serviceId } = await place.serviceWithStaff({ durationMinutes: 90, slotStepMinutes: 45 }, week)
    expect((await starts(serviceId, monday, '2026-12-01')).map((local) => local.slice(5, 16))).toEqual([
      '11-30T22:00',
      '11-30T22:45',
      '11-30T23:30',
      '12-01T00:00',
    ])
    expectCode(await place.book(amina, serviceId, '2026-12-01T00:45'), 'appointment_outside_hours')
    expect((await place.booked(amina, serviceId, `${monday}T23:30`)).endsAt).toBe('2026-11-30T23:00:00.000Z')
  })

  test('that overlap, end before they begin, or are the same twice are refused', async () => {
    const { staffId } = await place.serviceWithStaff()
    const { staff } = world.app.appointments
    for (const week of [
      [
        { weekday: 1, fromMinute: 540, toMinute: 700 },
        { weekday: 1, fromMinute: 600, toMinute: 720 },
      ],
      [{ weekday: 1, fromMinute: 1320, toMinute: 120 }],
      [{ weekday: 1, fromMinute: 600, toMinute: 600 }],
    ])
      expectCode(await staff.setHours(staffId, week, unnoted), 'hours_invalid')
  })

  test('count the steps from the opening', async () => {
    const { serviceId } = await place.serviceWithStaff({ slotStepMinutes: 20 })
    expectCode(await place.book(amina, serviceId, `${monday}T08:10`), 'appointment_off_step')
    expect((await place.booked(amina, serviceId, `${monday}T08:20`)).local).toBe(`${monday}T08:20+02:00`)
  })
})

describe('closures', () => {
  const { closures } = { closures: () => world.app.appointments.closures }

  test('of a day close the whole place; of one member of staff, only theirs', async () => {
    const { serviceId, staffId } = await place.serviceWithStaff({ slotStepMinutes: 30 })
    const other = await place.member([serviceId])
    const christmas = { fromDate: '2026-12-25', toDate: '2026-12-26', reason: 'Christmas' }
    const made = allowed(await closures().create(christmas, unnoted))
    allowed(await closures().create({ staffId, fromDate: '2026-12-28', toDate: '2026-12-28', reason: 'Ill' }, unnoted))

    expect(await starts(serviceId, '2026-12-25', '2026-12-26')).toEqual([])
    expectCode(await place.book(amina, serviceId, '2026-12-25T09:00'), 'appointment_closed')
    expectCode(await place.book(amina, serviceId, '2026-12-28T09:00', { staffId }), 'appointment_closed')
    expect((await place.booked(amina, serviceId, '2026-12-28T09:00')).staff.id).toBe(other)
    expect(await starts(serviceId, '2026-12-28', '2026-12-28', staffId)).toEqual([])

    allowed(await closures().remove(made.id, unnoted))
    expect(await starts(serviceId, '2026-12-25')).toHaveLength(20)
  })

  test('of a part of a day leave the rest', async () => {
    const { serviceId } = await place.serviceWithStaff({ slotStepMinutes: 30 })
    const date = '2026-12-15'
    const lunch = { fromDate: date, toDate: date, fromMinute: 600, toMinute: 960, reason: 'Inventory' }
    allowed(await closures().create(lunch, unnoted))
    const times = (await starts(serviceId, date)).map((local) => local.slice(11, 16))
    expect(times).toEqual(['08:00', '08:30', '09:00', '09:30', '16:00', '16:30', '17:00', '17:30'])
    expectCode(await place.book(bruno, serviceId, `${date}T12:00`), 'appointment_closed')
  })

  test('that are no span are refused', async () => {
    for (const [fromDate, toDate] of [
      ['2026-12-26', '2026-12-25'],
      ['2026-02-30', '2026-03-01'],
      ['2026-13-01', '2026-13-02'],
    ] as const)
      expectCode(await closures().create({ fromDate, toDate, reason: 'x' }, unnoted), 'closure_invalid')
    const hours = { fromDate: '2026-12-26', toDate: '2026-12-26', fromMinute: 700, toMinute: 600, reason: 'x' }
    expectCode(await closures().create(hours, unnoted), 'closure_invalid')
    const nobody = { staffId: 'stf_00000000000000000000', fromDate: '2026-12-26', toDate: '2026-12-26', reason: 'x' }
    expectCode(await closures().create(nobody, unnoted), 'staff_not_found')
  })
})

describe('a start', () => {
  test('that is over, too near or too far is refused, each by its name', async () => {
    const { serviceId } = await place.serviceWithStaff({ minNoticeMinutes: 120, maxDays: 10 }, ALL_DAY)
    // The clock stands at 11:30 in Maputo on 24 November.
    expectCode(await place.book(bruno, serviceId, '2026-11-24T11:30'), 'appointment_in_past')
    expectCode(await place.book(bruno, serviceId, '2026-11-23T11:30'), 'appointment_in_past')
    expectCode(await place.book(bruno, serviceId, '2026-11-24T13:15'), 'appointment_too_soon')
    expectCode(await place.book(bruno, serviceId, '2026-12-04T11:45'), 'appointment_too_far')
    const slots = await starts(serviceId, '2026-11-20', '2026-12-20')
    expect([slots[0], slots.at(-1)]).toEqual(['2026-11-24T13:30+02:00', '2026-12-04T11:30+02:00'])
    for (const local of [slots[0], slots.at(-1)])
      expect((await place.booked(bruno, serviceId, local as string)).local).toBe(local as string)
  })

  test('that is no moment at all is refused', async () => {
    const { serviceId } = await place.serviceWithStaff()
    for (const startsAt of ['2026-02-30T09:00', '2026-12-01T25:00', '2026-12-01T09:00:30Z', '2026-13-01T09:00Z'])
      expectCode(await place.book(bruno, serviceId, startsAt), 'appointment_time_invalid')
  })

  test('may be given with any offset', async () => {
    const { serviceId } = await place.serviceWithStaff()
    const { local } = await place.booked(bruno, serviceId, '2026-12-01T00:00-08:00')
    expect(local).toBe('2026-12-01T10:00+02:00')
  })
})

test('the free slots of more than 31 days, or of days that do not exist, are refused', async () => {
  const { serviceId } = await place.serviceWithStaff()
  const free = (from: string, to: string) => world.app.appointments.slots.free({ serviceId, from, to })
  expect((await free('2026-12-01', '2026-12-31')).ok).toBe(true)
  expectCode(await free('2026-12-01', '2027-01-01'), 'span_invalid')
  expectCode(await free('2026-12-02', '2026-12-01'), 'span_invalid')
  expectCode(await free('2026-02-29', '2026-03-01'), 'span_invalid')
})

test('what is shown as free can be booked, and nothing else can', async () => {
  const { serviceId } = await place.serviceWithStaff({ durationMinutes: 50, bufferMinutes: 20, slotStepMinutes: 25 })
  const guest = await world.person('customer')
  for (const local of ['2026-12-09T08:50', '2026-12-09T13:00']) await place.booked(guest, serviceId, local)
  const free = new Set((await starts(serviceId, '2026-12-09')).map((local) => local.slice(0, 16)))
  expect(free.size).toBeGreaterThan(5)
  for (let minute = 480; minute < 1080; minute += 5) {
    const local = `2026-12-09T${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`
    const result = await place.book(bruno, serviceId, local)
    expect([local, result.ok]).toEqual([local, free.has(local)])
    if (result.ok) allowed(await place.cancel(bruno, result.value.id))
  }
  world.clock.advance(DAY_MS)
})

describe('many closures', () => {
  test('that overlap, meet and repeat close what they close, and are no more work than one', async () => {
    const { serviceId, staffId } = await place.serviceWithStaff({ maxDays: 366 })
    const { closures, slots } = world.app.appointments
    const days = { fromDate: '2027-01-01', toDate: '2027-12-31', reason: 'Works' }
    const parts = [
      { fromMinute: 480, toMinute: 600 },
      { fromMinute: 600, toMinute: 660 },
      { fromMinute: 540, toMinute: 570 },
      { fromMinute: 780, toMinute: 1080 },
    ]
    for (let i = 0; i < 400; i++) allowed(await closures.create({ staffId, ...days, ...parts[i % 4] }, unnoted))
    const free = allowed(await slots.free({ serviceId, from: '2027-02-01', to: '2027-02-02' })).items
    const starts = free.map(({ local }) => local.slice(0, 16))
    expect(starts.filter((start) => start.startsWith('2027-02-01')).map((start) => start.slice(11))).toEqual([
      '11:00',
      '11:15',
      '11:30',
      '11:45',
      '12:00',
      '12:15',
      '12:30',
    ])
    expect(starts).toHaveLength(14)
    for (const local of ['2027-02-01T10:45', '2027-02-01T12:45', '2027-02-01T08:00'])
      expectCode(await place.book(bruno, serviceId, local), 'appointment_closed')
    expect((await place.book(bruno, serviceId, '2027-02-01T12:30')).ok).toBe(true)
  })

  test('have an end: so many lie ahead of one member of staff, and what is over makes room', async () => {
    const { staffId } = await place.serviceWithStaff()
    const { closures } = world.app.appointments
    const close = (date: string, of = staffId) =>
      closures.create({ staffId: of, fromDate: date, toDate: date, reason: 'x' }, unnoted)
    for (let i = 0; i < 3; i++) allowed(await close('2020-01-01'))
    const made = []
    for (let i = 0; i < 500; i++) made.push(allowed(await close('2027-03-01')))
    expectCode(await close('2027-03-01'), 'too_many_closures')
    const other = await place.serviceWithStaff()
    expect((await close('2027-03-01', other.staffId)).ok).toBe(true)
    allowed(await closures.remove(made[0]?.id ?? '', unnoted))
    expect((await close('2027-03-01')).ok).toBe(true)
  })
})
