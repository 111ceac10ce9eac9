/** The whole story over HTTP: a place is set up, somebody books, moves, comes, pays and says what they thought of it. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { expectCleanBooks, expectProblem } from '../../acceptance/answers'
import { createWorld, type Person, PIN, type World } from '../../support/world'
import { DAY_MS, EVERY_DAY, HOUR_MS, placeOf } from './place'

const AT = '/api/v1/appointments'

let world: World
let operator: Person
let support: Person
let agent: Person
let amina: Person
let bruno: Person

beforeAll(async () => {
  world = await createWorld()
  operator = await world.person('operator')
  support = await world.person('support')
  agent = await world.person('agent', 'Graça Till')
  amina = await world.customer(10_000)
  bruno = await world.customer(10_000)
})

afterAll(async () => {
  await expectCleanBooks(world)
  await world.end()
})

const call = (method: string, path: string, who: Person, body?: object, headers: Record<string, string> = {}) =>
  world.call(method, `${AT}${path}`, { token: who.token, body, headers })

async function later(ms: number): Promise<void> {
  world.clock.advance(ms)
  for (const who of [operator, support, agent, amina, bruno]) who.token = await world.signIn(who.email)
}

describe('an appointment from the first slot to the last star', () => {
  let serviceId: string
  let staffId: string
  let id: string
  const local = '2026-11-26T09:00'
  const startsAt = '2026-11-26T07:00:00.000Z'

  test('an operator offers a service, adds who does it, and sets the hours', async () => {
    const made = await call('POST', '/services', operator, {
      name: 'Account opening',
      description: 'Bring an identity document.',
      durationMinutes: 45,
      bufferMinutes: 15,
      price: 2_000,
      deposit: 500,
      timeZone: 'Africa/Maputo',
      place: 'Av. Eduardo Mondlane 42',
      payeeId: agent.id,
    })
    expect(made.status).toBe(201)
    expect(made.body).toMatchObject({ rating: null, reviews: 0, capacity: 1, slotStepMinutes: 15, currency: 'USD' })
    serviceId = made.body.id
    const staff = await call('POST', '/staff', operator, {
      name: 'Graça',
      userId: agent.id,
      timeZone: 'Africa/Maputo',
      serviceIds: [serviceId],
    })
    expect(staff.status).toBe(201)
    staffId = staff.body.id
    const hours = await call('PUT', `/staff/${staffId}/hours`, operator, { hours: EVERY_DAY })
    expect(hours.status).toBe(200)
    expect(hours.body.hours).toEqual(EVERY_DAY)
    expect((await call('GET', '/staff', amina)).body.items).toEqual([
      { id: staffId, name: 'Graça', timeZone: 'Africa/Maputo', active: true, serviceIds: [serviceId] },
    ])
  })

  test('the free slots are told in UTC and on the local clock', async () => {
    const { status, body } = await call('GET', `/services/${serviceId}/slots?from=2026-11-26&to=2026-11-26`, amina)
    expect(status).toBe(200)
    expect(body.timeZone).toBe('Africa/Maputo')
    // From eight to a quarter past five, every quarter of an hour.
    expect(body.items).toHaveLength(38)
    expect(body.items[0]).toEqual({
      startsAt: '2026-11-26T06:00:00.000Z',
      endsAt: '2026-11-26T06:45:00.000Z',
      local: '2026-11-26T08:00+02:00',
      places: 1,
      staffIds: [staffId],
    })
  })

  test('a deposit asks for the PIN, and is held on the wallet', async () => {
    expectProblem(await call('POST', '', amina, { serviceId, startsAt: local }), 422, 'pin_required')
    expectProblem(await call('POST', '', amina, { serviceId, startsAt: local, pin: '7391' }), 403, 'pin_wrong')

    const headers = { 'idempotency-key': 'book-1' }
    const booked = await call('POST', '', amina, { serviceId, startsAt: local, pin: PIN }, headers)
    expect(booked.status).toBe(201)
    expect(booked.body).toMatchObject({
      status: 'booked',
      version: 1,
      startsAt,
      local: '2026-11-26T09:00+02:00',
      deposit: 500,
      depositState: 'held',
      staff: { id: staffId, name: 'Graça' },
    })
    id = booked.body.id
    const repeated = await call('POST', '', amina, { serviceId, startsAt: local, pin: PIN }, headers)
    expect(repeated.body).toEqual(booked.body)
    const { body } = await world.call('GET', '/api/v1/wallet/me/balance', { token: amina.token })
    expect(body).toMatchObject({ balance: 10_000, held: 500 })
  })

  test('its place and the buffer after it are free no longer', async () => {
    const { body } = await call('GET', `/services/${serviceId}/slots?from=2026-11-26&to=2026-11-26`, bruno)
    const starts = body.items.map((slot: { local: string }) => slot.local.slice(11, 16))
    // An appointment takes an hour with its buffer: nothing may begin from a quarter past eight to ten.
    expect(starts).toContain('08:00')
    for (const taken of ['08:15', '08:45', '09:00', '09:45']) expect(starts).not.toContain(taken)
    expect(starts).toContain('10:00')
    expectProblem(await call('POST', '', bruno, { serviceId, startsAt, pin: PIN }), 409, 'appointment_taken')
  })

  test('it is there for its customer and for those who run it, and for nobody else', async () => {
    expect((await call('GET', `/${id}`, amina)).body.id).toBe(id)
    expectProblem(await call('GET', `/${id}`, bruno), 404, 'appointment_not_found')
    for (const who of [agent, operator, support]) {
      const { status, body } = await call('GET', `/desk/${id}`, who)
      expect([status, body.customer.id]).toEqual([200, amina.id])
      expect((await call('GET', '/desk', who)).body.items.map((each: { id: string }) => each.id)).toEqual([id])
    }
    const stranger = await world.person('teller')
    expectProblem(await call('GET', `/desk/${id}`, stranger), 404, 'appointment_not_found')
    expect((await call('GET', '/desk', stranger)).body.items).toEqual([])
    expect((await call('GET', `/desk?staffId=${staffId}`, stranger)).body.items).toEqual([])
    for (const what of ['complete', 'no-show'])
      expectProblem(await call('POST', `/desk/${id}/${what}`, stranger, {}), 404, 'appointment_not_found')
    expectProblem(await call('POST', `/desk/${id}/cancel`, stranger, { reason: 'No' }), 404, 'appointment_not_found')
    expectProblem(await call('POST', `/${id}/cancel`, bruno, {}), 404, 'appointment_not_found')
  })

  test('it is moved, and the deposit stays as it is', async () => {
    const moved = await call('POST', `/${id}/move`, amina, { startsAt: '2026-11-27T10:00' })
    expect(moved.status).toBe(200)
    expect(moved.body).toMatchObject({ version: 2, status: 'booked', depositState: 'held' })
    expect(moved.body.cancelUntil).toBe('2026-11-26T08:00:00.000Z')
  })

  test('it cannot be completed before it begins; then the deposit is paid to whom the service says', async () => {
    expectProblem(await call('POST', `/desk/${id}/complete`, agent, {}), 409, 'appointment_not_started')
    expectProblem(await call('PUT', `/${id}/review`, amina, { rating: 5 }), 409, 'review_too_early')
    await later(3 * DAY_MS)

    const completed = await call('POST', `/desk/${id}/complete`, agent, {})

    expect(completed.body).toMatchObject({ status: 'completed', version: 3, depositState: 'captured' })
    const float = await world.call('GET', '/api/v1/agents/me', { token: agent.token })
    expect(float.body.float).toBe(500)
    expectProblem(await call('POST', `/desk/${id}/no-show`, agent, {}), 409, 'appointment_completed')
    expectProblem(await call('POST', `/${id}/cancel`, amina, {}), 409, 'appointment_completed')
    expectProblem(
      await call('POST', `/${id}/move`, amina, { startsAt: '2026-12-01T10:00' }),
      409,
      'appointment_completed',
    )
  })

  test('its customer says what they thought of it, and everybody sees the mean and a first name', async () => {
    const review = await call('PUT', `/${id}/review`, amina, { rating: 4, text: 'Quick and friendly.' })
    expect(review.status).toBe(200)
    const { body } = await call('GET', `/services/${serviceId}`, bruno)
    expect(body).toMatchObject({ rating: 4, reviews: 1 })
    const shown = await call('GET', `/services/${serviceId}/reviews`, bruno)
    expect(shown.body.items).toEqual([
      {
        id: review.body.id,
        rating: 4,
        text: 'Quick and friendly.',
        reviewer: 'customer',
        createdAt: review.body.createdAt,
      },
    ])
  })

  test('everything was told, each change with its version', async () => {
    const types = ['booked', 'moved', 'completed'].map((each) => `appointments.${each}`)
    const told = await placeOf(world).told(...types)
    expect(told.map(({ type, payload }) => [type, payload.version])).toEqual([
      ['appointments.booked', 1],
      ['appointments.moved', 2],
      ['appointments.completed', 3],
    ])
    for (const { payload } of told) expect(payload).toMatchObject({ appointmentId: id, userId: amina.id })
  })

  test('an inactive service is seen by operators only, and booked by nobody', async () => {
    expect((await call('PATCH', `/services/${serviceId}`, operator, { active: false })).status).toBe(200)
    expectProblem(await call('GET', `/services/${serviceId}`, amina), 404, 'service_not_found')
    expect((await call('GET', `/services/${serviceId}`, operator)).status).toBe(200)
    const refused = await call('POST', '', bruno, { serviceId, startsAt: '2026-12-01T09:00', pin: PIN })
    expectProblem(refused, 409, 'service_inactive')
    await later(HOUR_MS)
  })
})
