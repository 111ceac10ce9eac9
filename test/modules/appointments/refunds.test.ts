/** A deposit that was paid out: who is told of it, and how it comes back when that was a mistake. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { SYSTEM } from '../../../src/modules/identity'
import { booksOf, expectCleanBooks, expectProblem } from '../../acceptance/answers'
import { createWorld, type Person, type World } from '../../support/world'
import { allowed, DAY_MS, expectCode, placeOf } from './place'

const DEPOSIT = 500

let world: World
let place: ReturnType<typeof placeOf>
let amina: Person
let agent: Person
let serviceId: string
let paidToAgent: string

beforeAll(async () => {
  world = await createWorld()
  place = placeOf(world)
  amina = await world.customer(100_000)
  agent = await world.person('agent')
  const terms = { price: 2_000, deposit: DEPOSIT, cancelMinutes: 1440, capacity: 10 }
  serviceId = (await place.serviceWithStaff(terms)).serviceId
  paidToAgent = (await place.serviceWithStaff({ ...terms, payeeId: agent.id })).serviceId
})

afterAll(async () => {
  await expectCleanBooks(world)
  await world.end()
})

const next = () => `${new Date(world.clock() + 3 * DAY_MS).toISOString().slice(0, 10)}T08:00:00.000Z`
const wallet = async (who: Person = amina) => allowed(await world.app.wallet.balance(who.id))
const fees = async () => (await world.app.ledger.totals()).find(({ kind }) => kind === 'fees')?.balance ?? 0
const until = (moment: string) => world.clock.advance(Date.parse(moment) - world.clock())
const told = async (type: string) => (await place.told(`appointments.${type}`)).at(-1)?.payload

describe('a deposit that was kept by mistake', () => {
  async function missed(service = paidToAgent) {
    const { id, startsAt } = await place.booked(amina, service, next())
    until(startsAt)
    return allowed(await place.miss(id))
  }

  test('goes back to the customer, from whoever got it, and it is noted and told', async () => {
    const before = [await wallet(), await wallet(agent)]
    const { id, version } = await missed()

    const refunded = allowed(await place.refund(id))

    expect(refunded).toMatchObject({ status: 'missed', depositState: 'refunded', version: version + 1 })
    expect([await wallet(), await wallet(agent)]).toEqual(before)
    expect(await told('refunded')).toEqual({
      appointmentId: id,
      userId: amina.id,
      version: version + 1,
      amount: DEPOSIT,
      currency: 'USD',
    })
    const [note] = await world.app.identity.auditLog.search({ subject: id, limit: 1 })
    expect(note).toMatchObject({ actor: place.desk.userId, action: 'appointments.refund' })
  })

  test('goes back from what the operator has earned', async () => {
    const before = [await wallet(), await fees()]
    const { id } = await missed(serviceId)
    allowed(await place.refund(id))
    expect([await wallet(), await fees()]).toEqual(before)
  })

  test('goes back once, however often and at whatever moment it is asked for', async () => {
    const before = await wallet()
    const { id } = await missed()
    const results = await Promise.all([place.refund(id), place.refund(id), place.refund(id)])
    expect(results.filter(({ ok }) => ok)).toHaveLength(1)
    expectCode(await place.refund(id), 'deposit_not_kept')
    expect(await wallet()).toEqual(before)
  })

  test('stays where it is while whoever got it has not enough, or is frozen', async () => {
    const poor = await world.agent(0)
    const service = await place.serviceWithStaff({ price: DEPOSIT, deposit: DEPOSIT, payeeId: poor.id })
    const { id } = await missed(service.serviceId)
    await world.app.wallet.setFrozen(poor.id, true, SYSTEM)
    expectCode(await place.refund(id), 'account_frozen')
    await world.app.wallet.setFrozen(poor.id, false, SYSTEM)
    const till = await world.customer(0)
    allowed(await world.app.agents.cashIn({ by: poor.id, to: till.id, amount: DEPOSIT }, place.write))
    const books = await booksOf(world)
    expectCode(await place.refund(id), 'payee_short_of_funds')
    expect(await booksOf(world)).toEqual(books)
    expect((await place.get(amina, id)).depositState).toBe('captured')
  })

  test('is none where nothing was kept', async () => {
    const { id } = await place.booked(amina, serviceId, next())
    expectCode(await place.refund(id), 'deposit_not_kept')
    allowed(await place.cancel(amina, id))
    expectCode(await place.refund(id), 'deposit_not_kept')
  })

  test('is given back by operators only', async () => {
    const { id } = await missed()
    const { refund } = world.app.appointments.changes
    for (const role of ['agent', 'support', 'teller'])
      expectCode(await refund(place.asDesk(agent, role), id, place.write), 'appointment_not_found')
    const path = `/api/v1/appointments/desk/${id}/refund`
    for (const role of ['agent', 'support'] as const) {
      const { token } = await world.person(role)
      expectProblem(await world.call('POST', path, { token, body: {} }), 403, 'insufficient_scope')
    }
    const { token } = await world.person('operator')
    const headers = { 'idempotency-key': 'refund-1' }
    const first = await world.call('POST', path, { token, body: {}, headers })
    expect([first.status, first.body.depositState]).toEqual([200, 'refunded'])
    expect((await world.call('POST', path, { token, body: {}, headers })).body).toEqual(first.body)
    expectProblem(await world.call('POST', path, { token, body: {} }), 409, 'deposit_not_kept')
  })
})

describe('what is told of a deposit', () => {
  test('that was kept names the amount, and who got it unless that is the operator', async () => {
    for (const [service, payee] of [
      [paidToAgent, { payeeId: agent.id }],
      [serviceId, {}],
    ] as const) {
      for (const [step, type] of [
        ['complete', 'completed'],
        ['miss', 'missed'],
      ] as const) {
        const { id, startsAt, version } = await place.booked(amina, service, next())
        until(startsAt)
        allowed(await place[step](id))
        const which = { appointmentId: id, userId: amina.id, version: version + 1 }
        const money = { depositOutcome: 'kept', deposit: DEPOSIT, currency: 'USD' }
        expect(await told(type)).toEqual({ ...which, ...money, ...payee })
      }
      const { id, cancelUntil } = await place.booked(amina, service, next())
      until(cancelUntil)
      allowed(await place.cancel(amina, id))
      expect(await told('cancelled')).toMatchObject({ depositOutcome: 'kept', deposit: DEPOSIT, ...payee })
    }
  })

  test('that was returned or never was names nobody', async () => {
    const { id } = await place.booked(amina, paidToAgent, next())
    allowed(await place.cancel(amina, id))
    const returned = await told('cancelled')
    expect(returned).toMatchObject({ depositOutcome: 'returned', deposit: DEPOSIT, currency: 'USD' })
    expect(returned.payeeId).toBeUndefined()
    const free = await place.serviceWithStaff()
    const { id: other, startsAt } = await place.booked(amina, free.serviceId, next())
    until(startsAt)
    allowed(await place.complete(other))
    expect(await told('completed')).toMatchObject({ appointmentId: other, depositOutcome: 'none', deposit: 0 })
  })
})
