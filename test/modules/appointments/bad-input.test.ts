/** What clients send that they should not, to every route of appointments: each gets its refusal, and nothing is kept. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { eq, sql } from 'drizzle-orm'
import { services } from '../../../src/modules/appointments/schema'
import { expectProblem } from '../../acceptance/answers'
import { createWorld, type Person, PIN, type World } from '../../support/world'
import { allowed, placeOf, unnoted } from './place'

const AT = '/api/v1/appointments'
const NOBODY = 'usr_00000000000000000000'

let world: World
let place: ReturnType<typeof placeOf>
let operator: Person
let amina: Person
let serviceId: string
let staffId: string
let id: string

beforeAll(async () => {
  world = await createWorld()
  place = placeOf(world)
  operator = await world.person('operator')
  amina = await world.customer(10_000)
  ;({ serviceId, staffId } = await place.serviceWithStaff({ price: 1_000, deposit: 100 }))
  id = (await place.booked(amina, serviceId, '2026-11-30T09:00')).id
})
afterAll(() => world.end())

const send = (method: string, path: string, who: Person, body?: unknown, headers: Record<string, string> = {}) =>
  world.call(method, `${AT}${path}`, { token: who.token, body, headers })

/** Every row of this module, to see that a refusal leaves none behind. */
async function everything(): Promise<unknown[]> {
  const { store } = world.runtime
  const tables = ['appointments', 'appointment_services', 'appointment_staff', 'appointment_hours', 'appointment_waits']
  const more = ['appointment_closures', 'appointment_reviews', 'appointment_reminders', 'appointment_feeds', 'holds']
  return Promise.all(
    [...tables, ...more].map((name) => store.rows(store.read, sql.raw(`select count(*) as n from ${name}`))),
  )
}

let before: unknown[]
beforeEach(async () => {
  before = await everything()
})
afterEach(async () => {
  expect(await everything()).toEqual(before)
})

describe('a service', () => {
  const good = { name: 'Advice', durationMinutes: 30, timeZone: 'Africa/Maputo' }
  const faults: Record<string, object> = {
    'no name': { name: undefined },
    'a name of spaces': { name: '   ' },
    'a name with a line break': { name: 'Advice\r\nBcc: x' },
    'a description with a control character': { description: 'a\u0000b' },
    'no time zone': { timeZone: undefined },
    'a time zone that does not exist': { timeZone: 'Africa/Atlantis' },
    'an offset for a time zone': { timeZone: '+02:00' },
    'a length of nothing': { durationMinutes: 0 },
    'a length of two days': { durationMinutes: 2880 },
    'half a minute': { durationMinutes: 30.5 },
    'a negative price': { price: -1 },
    'a price beyond counting': { price: 2 ** 53 },
    'a currency that does not exist': { currency: 'QQQ' },
    'room for nobody': { capacity: 0 },
    'a reminder with the name of the question after it': {
      reminders: [{ name: 'review', minutesBefore: 60, media: ['sms'] }],
    },
    'a reminder by pigeon': { reminders: [{ name: 'day', minutesBefore: 60, media: ['pigeon'] }] },
    'a reminder by nothing': { reminders: [{ name: 'day', minutesBefore: 60, media: [] }] },
    'too many reminders': {
      reminders: Array.from({ length: 6 }, (_, i) => ({ name: `r${i}`, minutesBefore: 60, media: ['sms'] })),
    },
    'a member that is not known': { colour: 'red' },
  }
  for (const [name, fault] of Object.entries(faults)) {
    test(`with ${name} is neither made nor changed`, async () => {
      expectProblem(await send('POST', '/services', operator, { ...good, ...fault }), 422, 'validation_failed')
      if (Object.values(fault)[0] === undefined) return
      expectProblem(await send('PATCH', `/services/${serviceId}`, operator, fault), 422, 'validation_failed')
    })
  }

  test('whose deposit is above its price, or that pays whoever cannot be paid, is refused', async () => {
    const dear = { ...good, price: 100, deposit: 101 }
    expectProblem(await send('POST', '/services', operator, dear), 422, 'service_deposit_above_price')
    expectProblem(
      await send('PATCH', `/services/${serviceId}`, operator, { price: 50 }),
      422,
      'service_deposit_above_price',
    )
    for (const payeeId of [NOBODY, amina.id, operator.id]) {
      expectProblem(await send('POST', '/services', operator, { ...good, payeeId }), 422, 'payee_unfit')
      expectProblem(await send('PATCH', `/services/${serviceId}`, operator, { payeeId }), 422, 'payee_unfit')
    }
    expectProblem(
      await send('PATCH', `/services/${serviceId}`, operator, { currency: 'EUR' }),
      422,
      'service_currency_fixed',
    )
    expectProblem(
      await send('PATCH', '/services/svc_00000000000000000000', operator, { price: 1 }),
      404,
      'service_not_found',
    )
  })

  test('with two reminders of one name is refused: only one of them would be sent', async () => {
    const reminders = [1440, 60].map((minutesBefore) => ({ name: 'soon', minutesBefore, media: ['sms'] }))
    expectProblem(await send('POST', '/services', operator, { ...good, reminders }), 422, 'reminder_name_repeated')
    expectProblem(await send('PATCH', `/services/${serviceId}`, operator, { reminders }), 422, 'reminder_name_repeated')
  })

  test('that was made when two reminders could have one name can be changed in everything else', async () => {
    const reminders = [1440, 60].map((minutesBefore) => ({ name: 'soon', minutesBefore, media: ['sms'] }))
    const change = (body: object) => send('PATCH', `/services/${serviceId}`, operator, body)
    await world.runtime.store.write(async (tx) => {
      await tx.update(services).set({ reminders }).where(eq(services.id, serviceId))
    })
    expect((await change({ description: 'By telephone.' })).status).toBe(200)
    expectProblem(await change({ reminders }), 422, 'reminder_name_repeated')
    expect((await change({ reminders: null })).status).toBe(200)
  })
})

describe('staff, hours and closures', () => {
  const good = { name: 'Graça', timeZone: 'Africa/Maputo' }

  test('that have no right form are refused', async () => {
    for (const fault of [
      { name: '' },
      { timeZone: 'nowhere' },
      { userId: 'me' },
      { serviceIds: ['svc_1'] },
      { serviceIds: 'all' },
      { hours: [] },
    ]) {
      expectProblem(await send('POST', '/staff', operator, { ...good, ...fault }), 422, 'validation_failed')
      expectProblem(await send('PATCH', `/staff/${staffId}`, operator, fault), 422, 'validation_failed')
    }
    for (const hours of [
      [{ weekday: 0, fromMinute: 0, toMinute: 60 }],
      [{ weekday: 8, fromMinute: 0, toMinute: 60 }],
      [{ weekday: 1, fromMinute: -1, toMinute: 60 }],
      [{ weekday: 1, fromMinute: 0, toMinute: 1441 }],
      [{ weekday: 1, fromMinute: 0, toMinute: 60, note: 'x' }],
      'always',
    ])
      expectProblem(await send('PUT', `/staff/${staffId}/hours`, operator, { hours }), 422, 'validation_failed')
    const overnight = { hours: [{ weekday: 1, fromMinute: 1320, toMinute: 120 }] }
    expectProblem(await send('PUT', `/staff/${staffId}/hours`, operator, overnight), 422, 'hours_invalid')
  })

  test('of people who cannot run appointments, or who are somebody else already, are refused', async () => {
    const agent = await world.person('agent')
    const taken = await place.member([], { userId: agent.id })
    before = await everything()
    for (const userId of [NOBODY, amina.id])
      expectProblem(await send('POST', '/staff', operator, { ...good, userId }), 422, 'staff_user_unfit')
    const twice = { ...good, userId: agent.id }
    expectProblem(await send('POST', '/staff', operator, twice), 409, 'staff_user_taken')
    expectProblem(await send('PATCH', `/staff/${staffId}`, operator, { userId: agent.id }), 409, 'staff_user_taken')
    expect((await send('PATCH', `/staff/${taken}`, operator, { userId: agent.id })).status).toBe(200)
    const unknown = { ...good, serviceIds: ['svc_00000000000000000000'] }
    expectProblem(await send('POST', '/staff', operator, unknown), 404, 'service_not_found')
    const nobody = '/staff/stf_00000000000000000000'
    expectProblem(await send('GET', nobody, operator), 404, 'staff_not_found')
    expectProblem(await send('PATCH', nobody, operator, { active: false }), 404, 'staff_not_found')
    expectProblem(await send('PUT', `${nobody}/hours`, operator, { hours: [] }), 404, 'staff_not_found')
  })

  test('closed at no time are refused', async () => {
    const closure = { fromDate: '2026-12-25', toDate: '2026-12-26', reason: 'Christmas' }
    for (const fault of [
      { fromDate: '25.12.2026' },
      { toDate: 20261226 },
      { reason: '' },
      { reason: undefined },
      { fromMinute: 1440 },
      { toMinute: 0 },
      { staffId: 'me' },
    ])
      expectProblem(await send('POST', '/closures', operator, { ...closure, ...fault }), 422, 'validation_failed')
    expectProblem(
      await send('POST', '/closures', operator, { ...closure, toDate: '2026-12-24' }),
      422,
      'closure_invalid',
    )
    expectProblem(await send('DELETE', '/closures/cls_00000000000000000000', operator), 404, 'closure_not_found')
    expectProblem(await send('DELETE', '/closures/1', operator), 422, 'validation_failed')
    expectProblem(await send('GET', '/closures?from=tomorrow', operator), 422, 'validation_failed')
    expectProblem(await send('GET', '/closures?cursor=eHg', operator), 400, 'cursor_invalid')
  })
})

describe('a booking', () => {
  const good = () => ({ serviceId, startsAt: '2026-12-01T09:00', pin: PIN })

  test('with a start that has not the form of one is refused', async () => {
    for (const startsAt of [
      '',
      'tomorrow',
      '2026-12-01',
      '2026-12-01 09:00',
      '2026-12-01T9:00',
      '2026-12-01T09:00[Africa/Maputo]',
      '2026-12-01T09:00Z\u0000',
      '+012026-12-01T09:00Z',
      1_796_108_400_000,
      null,
      ['2026-12-01T09:00'],
    ]) {
      expectProblem(await send('POST', '', amina, { ...good(), startsAt }), 422, 'validation_failed')
      expectProblem(await send('POST', `/${id}/move`, amina, { startsAt }), 422, 'validation_failed')
      expectProblem(await send('POST', `/desk/${id}/move`, operator, { startsAt }), 422, 'validation_failed')
    }
    for (const startsAt of ['2026-02-30T09:00', '2026-12-01T24:30', '2026-12-01T09:00+25:00'])
      expectProblem(await send('POST', '', amina, { ...good(), startsAt }), 422, 'appointment_time_invalid')
  })

  test('of what is not there is refused', async () => {
    const unknown = { ...good(), serviceId: 'svc_00000000000000000000' }
    expectProblem(await send('POST', '', amina, unknown), 404, 'service_not_found')
    const nobody = { ...good(), staffId: 'stf_00000000000000000000' }
    expectProblem(await send('POST', '', amina, nobody), 404, 'staff_not_found')
  })

  test('with other members, another form of PIN, or a broken body is refused', async () => {
    for (const fault of [{ pin: 2580 }, { pin: '25' }, { deposit: 0 }, { userId: NOBODY }, { serviceId: '../x' }])
      expectProblem(await send('POST', '', amina, { ...good(), ...fault }), 422, 'validation_failed')
    expectProblem(await send('POST', '', amina, '{'), 400, 'malformed_body')
    expectProblem(await send('POST', '', amina, '[]'), 422, 'validation_failed')
  })

  test('under a key that was used for another one is refused', async () => {
    const headers = { 'idempotency-key': 'once' }
    const made = await send('POST', '', amina, good(), headers)
    expect(made.status).toBe(201)
    before = await everything()
    const other = { ...good(), startsAt: '2026-12-02T09:00' }
    expectProblem(await send('POST', '', amina, other, headers), 422, 'idempotency_key_reused')
    expect((await send('POST', '', amina, good(), headers)).body).toEqual(made.body)
    const invalid = { 'idempotency-key': 'a b' }
    expectProblem(await send('POST', '', amina, other, invalid), 400, 'idempotency_key_invalid')
  })

  test('is not offered to be accepted or declined', async () => {
    expectProblem(await send('POST', `/${id}/accept`, amina, { pin: PIN }), 409, 'appointment_booked')
    expectProblem(await send('POST', `/${id}/decline`, amina, {}), 409, 'appointment_booked')
    expectProblem(await send('POST', `/${id}/accept`, amina, { pin: 'x' }), 422, 'validation_failed')
  })

  test('that is not there cannot be seen or changed', async () => {
    const none = 'apt_00000000000000000000'
    for (const path of [`/${none}`, `/${none}/invitation`])
      expectProblem(await send('GET', path, amina), 404, 'appointment_not_found')
    for (const [step, body] of [
      ['move', { startsAt: '2026-12-01T09:00' }],
      ['cancel', {}],
      ['accept', {}],
      ['decline', {}],
    ] as const)
      expectProblem(await send('POST', `/${none}/${step}`, amina, body), 404, 'appointment_not_found')
    expectProblem(await send('PUT', `/${none}/review`, amina, { rating: 5 }), 404, 'appointment_not_found')
    expectProblem(await send('GET', `/desk/${none}`, operator), 404, 'appointment_not_found')
    for (const [step, body] of [
      ['move', { startsAt: '2026-12-01T09:00' }],
      ['cancel', { reason: 'x' }],
      ['complete', {}],
      ['no-show', {}],
      ['refund', {}],
    ] as const)
      expectProblem(await send('POST', `/desk/${none}/${step}`, operator, body), 404, 'appointment_not_found')
    for (const wrong of ['apt_1', 'wdr_00000000000000000000', '%00'])
      expectProblem(await send('GET', `/${wrong}`, amina), 422, 'validation_failed')
  })

  test('is cancelled by the place only with a reason that can be shown', async () => {
    for (const body of [{}, { reason: '' }, { reason: ' ' }, { reason: 'a\nb' }, { reason: 'x'.repeat(201) }])
      expectProblem(await send('POST', `/desk/${id}/cancel`, operator, body), 422, 'validation_failed')
  })
})

describe('everything else', () => {
  test('stars that are none, and words that mean mischief', async () => {
    for (const body of [
      { rating: 0 },
      { rating: 6 },
      { rating: 4.5 },
      { rating: '5' },
      {},
      { rating: 5, text: '' },
      { rating: 5, text: 'x'.repeat(1001) },
      { rating: 5, text: '\u202etext' },
      { rating: 5, hidden: true },
    ])
      expectProblem(await send('PUT', `/${id}/review`, amina, body), 422, 'validation_failed')
    expectProblem(await send('PUT', `/${id}/review`, amina, { rating: 5 }), 409, 'review_too_early')
    const none = '/reviews/rev_00000000000000000000/hidden'
    expectProblem(await send('PUT', none, operator, { hidden: true }), 404, 'review_not_found')
    expectProblem(await send('PUT', none, operator, { hidden: 'yes' }), 422, 'validation_failed')
  })

  test('slots between dates that are none', async () => {
    for (const query of ['', '?from=2026-12-01', '?from=x&to=y', '?from=2026-12-01&to=2026-12-02&staffId=me'])
      expectProblem(await send('GET', `/services/${serviceId}/slots${query}`, amina), 422, 'validation_failed')
    const span = '?from=2026-12-01&to=2027-06-01'
    expectProblem(await send('GET', `/services/${serviceId}/slots${span}`, amina), 422, 'span_invalid')
    const other = await place.serviceWithStaff()
    before = await everything()
    const days = `?from=2026-12-01&to=2026-12-02&staffId=${other.staffId}`
    expectProblem(await send('GET', `/services/${serviceId}/slots${days}`, amina), 422, 'staff_not_for_service')
    const nothing = '/services/svc_00000000000000000000'
    expectProblem(await send('GET', `${nothing}/slots?from=2026-12-01&to=2026-12-02`, amina), 404, 'service_not_found')
    expectProblem(await send('GET', nothing, amina), 404, 'service_not_found')
    expect((await send('GET', `${nothing}/reviews`, amina)).body).toEqual({ items: [], nextCursor: null })
  })

  test('waiting for nothing, or at no time', async () => {
    const good = { serviceId, from: '2026-12-01', to: '2026-12-02' }
    for (const fault of [{ from: 'x' }, { to: undefined }, { serviceId: 'x' }, { until: 'x' }])
      expectProblem(await send('POST', '/waiting', amina, { ...good, ...fault }), 422, 'validation_failed')
    expectProblem(await send('POST', '/waiting', amina, { ...good, to: '2026-11-30' }), 422, 'span_invalid')
    expectProblem(await send('POST', '/waiting', amina, { ...good, to: '2028-11-30' }), 422, 'span_invalid')
    expectProblem(await send('DELETE', '/waiting/wtl_00000000000000000000', amina), 404, 'wait_not_found')
    expectProblem(await send('DELETE', '/waiting/1', amina), 422, 'validation_failed')
  })

  test('a page that no list gave out', async () => {
    for (const [path, who] of [
      ['', amina],
      ['/services', amina],
      ['/staff', amina],
      ['/waiting', amina],
      [`/services/${serviceId}/reviews`, amina],
      ['/desk', operator],
    ] as const) {
      expectProblem(await send('GET', `${path}?cursor=eHg`, who), 400, 'cursor_invalid')
      expectProblem(await send('GET', `${path}?limit=0`, who), 422, 'validation_failed')
      expectProblem(await send('GET', `${path}?limit=101`, who), 422, 'validation_failed')
    }
    expectProblem(await send('GET', '/desk?status=asleep', operator), 422, 'validation_failed')
    expectProblem(await send('GET', '/desk?from=yesterday', operator), 422, 'validation_failed')
  })

  test('a secret address that was never given out', async () => {
    expectProblem(await world.call('GET', `${AT}/feeds/${'A'.repeat(43)}`), 404, 'feed_not_found')
    expectProblem(await world.call('GET', `${AT}/feeds/x`), 422, 'validation_failed')
    const none = '/staff/stf_00000000000000000000/feed'
    expectProblem(await send('POST', none, operator, {}), 404, 'staff_not_found')
    expectProblem(await send('DELETE', none, operator), 404, 'staff_not_found')
  })
})

test('every list hands out its pages without losing or repeating anybody', async () => {
  const guest = await world.person('customer')
  const open = [await place.service(), await place.service(), await place.service()]
  const busy = await place.member(open)
  for (let i = 0; i < 2; i++) await place.serviceWithStaff()
  for (let hour = 8; hour < 15; hour++)
    await place.booked(guest, open[hour % 3] as string, `2026-12-10T${String(hour).padStart(2, '0')}:00`)
  for (let day = 10; day < 17; day++) {
    const date = `2026-12-${day}`
    const closure = { staffId: busy, fromDate: date, toDate: day % 2 === 0 ? date : '2026-12-20', reason: 'x' }
    allowed(await world.app.appointments.closures.create(closure, unnoted))
  }
  before = await everything()
  for (const [path, who, most] of [
    ['', guest, 7],
    [`/desk?staffId=${busy}`, operator, 7],
    ['/closures?from=2026-12-01', operator, 7],
    ['/services', operator, 4],
    ['/staff', operator, 4],
  ] as const) {
    const seen: string[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const query: string = `${path.includes('?') ? '&' : '?'}limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`
      const { status, body } = await send('GET', path + query, who)
      expect([path, status]).toEqual([path, 200])
      seen.push(...body.items.map((each: { id: string }) => each.id))
      cursor = body.nextCursor
    }
    expect([path, new Set(seen).size]).toEqual([path, seen.length])
    expect([path, seen.length >= most]).toEqual([path, true])
  }
})
