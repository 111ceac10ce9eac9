/** The deposit on every way that an appointment can go: held once, and then paid out or given back once. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { SYSTEM } from '../../../src/modules/identity'
import { booksOf, expectCleanBooks } from '../../acceptance/answers'
import { createWorld, type Person, PIN, type World } from '../../support/world'
import { allowed, DAY_MS, expectCode, HOUR_MS, placeOf, unnoted } from './place'

const DEPOSIT = 500

let world: World
let place: ReturnType<typeof placeOf>
let amina: Person
let agent: Person
let biller: Person
let serviceId: string
let paidToAgent: string

beforeAll(async () => {
  world = await createWorld()
  place = placeOf(world)
  amina = await world.customer(100_000)
  agent = await world.person('agent')
  biller = await world.person('biller')
  const terms = { price: 2_000, deposit: DEPOSIT, cancelMinutes: 1440, capacity: 10 }
  serviceId = (await place.serviceWithStaff(terms)).serviceId
  paidToAgent = (await place.serviceWithStaff({ ...terms, payeeId: agent.id })).serviceId
})

afterAll(async () => {
  await expectCleanBooks(world)
  await world.end()
})

const morning = () => world.clock() + 3 * DAY_MS
const at = (moment: number) => `${new Date(moment).toISOString().slice(0, 10)}T08:00:00.000Z`
const next = () => at(morning())
const wallet = async (who: Person = amina) => allowed(await world.app.wallet.balance(who.id))
const fees = async () => (await world.app.ledger.totals()).find(({ kind }) => kind === 'fees')?.balance ?? 0
const until = (moment: string) => world.clock.advance(Date.parse(moment) - world.clock())
const told = async (type: string) => (await place.told(`appointments.${type}`)).at(-1)?.payload

describe('a deposit', () => {
  test('is held at the booking, and refused where there is not enough', async () => {
    const before = await wallet()
    const { depositState, id } = await place.booked(amina, serviceId, next())
    expect(depositState).toBe('held')
    expect(await wallet()).toMatchObject({ balance: before.balance, held: before.held + DEPOSIT })
    allowed(await place.cancel(amina, id))

    const poor = await world.customer(DEPOSIT - 1)
    const books = await booksOf(world)
    expectCode(await place.book(poor, serviceId, next()), 'insufficient_funds')
    expect(await booksOf(world)).toEqual(books)
    expect(await world.app.appointments.lists.own(poor.id, 10)).toEqual([])
  })

  test('comes back when its customer cancels in time', async () => {
    const before = await wallet()
    const { id, cancelUntil } = await place.booked(amina, serviceId, next())
    until(cancelUntil)
    world.clock.advance(-1)

    const cancelled = allowed(await place.cancel(amina, id))

    expect(cancelled).toMatchObject({ status: 'cancelled', depositState: 'released', cancelledBy: 'customer' })
    expect(await wallet()).toEqual(before)
    expect(await told('cancelled')).toMatchObject({ by: 'customer', depositOutcome: 'returned' })
  })

  test('is kept when they cancel after the deadline, at the very moment of it too', async () => {
    const before = [await wallet(), await fees()] as const
    const { id, cancelUntil } = await place.booked(amina, serviceId, next())
    until(cancelUntil)

    const cancelled = allowed(await place.cancel(amina, id))

    expect(cancelled).toMatchObject({ status: 'cancelled', depositState: 'captured' })
    expect(await wallet()).toMatchObject({ balance: before[0].balance - DEPOSIT, held: before[0].held })
    expect(await fees()).toBe(before[1] + DEPOSIT)
    expect(await told('cancelled')).toMatchObject({ by: 'customer', depositOutcome: 'kept' })
  })

  test('comes back whenever the place cancels, with a reason', async () => {
    const before = await wallet()
    const { id, startsAt } = await place.booked(amina, serviceId, next())
    until(startsAt)
    const cancelled = allowed(await place.cancelAtDesk(id))
    expect(cancelled).toMatchObject({
      depositState: 'released',
      cancelledBy: 'operator',
      reason: 'The room is flooded.',
    })
    expect(await wallet()).toEqual(before)
  })

  test('is paid to whom the service says when it took place, and when nobody came', async () => {
    for (const [step, payload] of [
      ['complete', 'completed'],
      ['miss', 'missed'],
    ] as const) {
      const before = [await wallet(), await wallet(agent)] as const
      const { id, startsAt } = await place.booked(amina, paidToAgent, next())
      until(startsAt)
      const ended = allowed(await place[step](id))
      expect(ended).toMatchObject({ status: payload, depositState: 'captured' })
      expect(await wallet()).toMatchObject({ balance: before[0].balance - DEPOSIT, held: before[0].held })
      expect((await wallet(agent)).balance).toBe(before[1].balance + DEPOSIT)
      expect(await told(payload)).toMatchObject({ appointmentId: id, depositOutcome: 'kept' })
    }
  })

  test('of a biller’s service lands where the biller is settled', async () => {
    const service = await place.serviceWithStaff({ price: DEPOSIT, deposit: DEPOSIT, payeeId: biller.id })
    const { id, startsAt } = await place.booked(amina, service.serviceId, next())
    until(startsAt)
    allowed(await place.complete(id))
    expect((await wallet(biller)).balance).toBe(DEPOSIT)
  })

  test('stays when the appointment is moved, and is held anew where the hold would end before it', async () => {
    const before = await wallet()
    const { id } = await place.booked(amina, serviceId, next())
    const near = allowed(await place.move(amina, id, at(world.clock() + 5 * DAY_MS)))
    const far = allowed(await place.move(amina, id, at(world.clock() + 300 * DAY_MS)))
    expect([near.depositState, far.depositState, far.version]).toEqual(['held', 'held', 3])
    expect(await wallet()).toMatchObject({ held: before.held + DEPOSIT })
    until(far.startsAt)
    expect(allowed(await place.complete(id)).depositState).toBe('captured')
    expect(await wallet()).toMatchObject({ balance: before.balance - DEPOSIT, held: before.held })
  })
})

describe('a deposit of an appointment that the place has moved', () => {
  test('can be had back until the new start, however near that is', async () => {
    const before = await wallet()
    const { id } = await place.booked(amina, serviceId, at(world.clock() + 7 * DAY_MS))
    const near = new Date(Math.ceil((world.clock() + 2 * HOUR_MS) / DAY_MS) * DAY_MS + 8 * HOUR_MS).toISOString()
    const moved = allowed(await place.moveAtDesk(id, near))
    expect(moved.cancelUntil).toBe(moved.startsAt)
    until(moved.startsAt)
    world.clock.advance(-1)

    expect(allowed(await place.cancel(amina, id))).toMatchObject({ depositState: 'released' })
    expect(await wallet()).toEqual(before)
  })

  test('has the deadline of its booking again once its customer moves it themselves', async () => {
    const { id } = await place.booked(amina, serviceId, next())
    allowed(await place.moveAtDesk(id, at(world.clock() + 4 * DAY_MS)))
    const moved = allowed(await place.move(amina, id, at(world.clock() + 5 * DAY_MS)))
    expect(Date.parse(moved.startsAt) - Date.parse(moved.cancelUntil)).toBe(DAY_MS)
    allowed(await place.cancel(amina, id))
  })

  test('leaves a note of who moved it, from when to when', async () => {
    const { id, startsAt, staff } = await place.booked(amina, serviceId, next())
    const moved = allowed(await place.moveAtDesk(id, at(world.clock() + 4 * DAY_MS)))
    const [note] = await world.app.identity.auditLog.search({ subject: id, limit: 5 })
    expect(note).toMatchObject({ actor: place.desk.userId, action: 'appointments.move' })
    expect(note?.detail).toEqual({
      customer: amina.id,
      from: { startsAt, staffId: staff.id },
      to: { startsAt: moved.startsAt, staffId: staff.id },
    })
    allowed(await place.cancel(amina, id))
  })
})

describe('whoever is paid for a service', () => {
  test('and was a customer of it before gets their own deposit back, whatever it came to', async () => {
    for (const step of ['complete', 'miss'] as const) {
      const payee = await world.agent(1_000)
      const service = await place.serviceWithStaff({ price: DEPOSIT, deposit: DEPOSIT })
      const { id, startsAt } = await place.booked(payee, service.serviceId, next())
      allowed(await world.app.appointments.services.change(service.serviceId, { payeeId: payee.id }, unnoted))
      until(startsAt)
      expect(allowed(await place[step](id)).depositState).toBe('released')
      expect(await wallet(payee)).toMatchObject({ balance: 1_000, held: 0 })
    }
  })

  test('and cancels too late gets it back as well', async () => {
    const payee = await world.agent(1_000)
    const service = await place.serviceWithStaff({ price: DEPOSIT, deposit: DEPOSIT })
    const { id, cancelUntil } = await place.booked(payee, service.serviceId, next())
    allowed(await world.app.appointments.services.change(service.serviceId, { payeeId: payee.id }, unnoted))
    until(cancelUntil)
    expect(allowed(await place.cancel(payee, id)).depositState).toBe('released')
    expect(await wallet(payee)).toMatchObject({ balance: 1_000, held: 0 })
  })
})

describe('once and never again', () => {
  test('complete, no-show and cancel at one moment: one of them wins, and the deposit moves once', async () => {
    const before = await wallet()
    const { id, startsAt } = await place.booked(amina, serviceId, next())
    until(startsAt)
    const results = await Promise.all([place.complete(id), place.miss(id), place.cancelAtDesk(id), place.complete(id)])
    expect(results.filter(({ ok }) => ok)).toHaveLength(1)
    const { depositState } = await place.get(amina, id)
    const taken = depositState === 'captured' ? DEPOSIT : 0
    expect(['captured', 'released']).toContain(depositState)
    expect(await wallet()).toMatchObject({ balance: before.balance - taken, held: before.held })
  })

  test('what has ended is refused by its own name', async () => {
    const { id } = await place.booked(amina, serviceId, next())
    allowed(await place.cancel(amina, id))
    const books = await booksOf(world)
    for (const again of [place.cancel(amina, id), place.cancelAtDesk(id), place.complete(id), place.miss(id)])
      expectCode(await again, 'appointment_cancelled')
    expectCode(await place.move(amina, id, next()), 'appointment_cancelled')
    expect(await booksOf(world)).toEqual(books)
  })
})

describe('money that cannot be moved never wedges an appointment', () => {
  async function freeze(who: Person, frozen: boolean): Promise<void> {
    allowed(await world.app.wallet.setFrozen(who.id, frozen, SYSTEM))
  }

  test('a frozen customer: the deposit is not collected, and nothing stays held', async () => {
    const farida = await world.customer(5_000)
    const { id, startsAt } = await place.booked(farida, serviceId, next())
    until(startsAt)
    await freeze(farida, true)
    const missed = allowed(await place.miss(id))
    expect(missed).toMatchObject({ status: 'missed', depositState: 'uncollected' })
    expect(await told('missed')).toMatchObject({ appointmentId: id, depositOutcome: 'returned' })
    await freeze(farida, false)
    expect(await wallet(farida)).toMatchObject({ balance: 5_000, held: 0 })
  })

  test('a frozen payee', async () => {
    const before = await wallet()
    const { id, startsAt } = await place.booked(amina, paidToAgent, next())
    until(startsAt)
    await freeze(agent, true)
    expect(allowed(await place.complete(id))).toMatchObject({ status: 'completed', depositState: 'uncollected' })
    expect(await wallet()).toEqual(before)
    await freeze(agent, false)
  })

  test('a frozen customer whom the place cancels gets the deposit back', async () => {
    const farida = await world.customer(5_000)
    const { id } = await place.booked(farida, serviceId, next())
    await freeze(farida, true)
    expect(allowed(await place.cancelAtDesk(id)).depositState).toBe('released')
  })

  test('a frozen customer is not moved beyond the end of the hold, and keeps what they have', async () => {
    const farida = await world.customer(5_000)
    const { id, startsAt } = await place.booked(farida, serviceId, next())
    await freeze(farida, true)
    expectCode(await place.move(farida, id, at(world.clock() + 300 * DAY_MS)), 'account_frozen')
    expect(await place.get(farida, id)).toMatchObject({ startsAt, version: 1, depositState: 'held' })
  })

  test('a deposit that nobody settled goes back 30 days after the end, also when the booking was for much later', async () => {
    const before = await wallet()
    const { id } = await place.booked(amina, serviceId, at(world.clock() + 360 * DAY_MS))
    const { endsAt } = allowed(await place.move(amina, id, next()))
    until(endsAt)
    world.clock.advance(30 * DAY_MS - 1)
    await world.app.jobs.runNow('appointments.tick')
    expect((await place.get(amina, id)).depositState).toBe('held')
    world.clock.advance(1)
    await world.app.jobs.runNow('appointments.tick')
    expect((await place.get(amina, id)).depositState).toBe('uncollected')
    expect(await wallet()).toEqual(before)
  })

  test('a hold that has run out, whether the schedule has seen it or not', async () => {
    const before = await wallet()
    const seen = await place.booked(amina, serviceId, next())
    const unseen = await place.booked(amina, paidToAgent, at(morning() + DAY_MS))
    until(unseen.endsAt)
    world.clock.advance(31 * DAY_MS)
    expect(allowed(await place.complete(unseen.id)).depositState).toBe('uncollected')
    await world.app.jobs.runNow('appointments.tick')
    expect((await place.get(amina, seen.id)).depositState).toBe('uncollected')
    expect(allowed(await place.complete(seen.id))).toMatchObject({ status: 'completed', depositState: 'uncollected' })
    expect(await wallet()).toEqual(before)
  })
})

describe('a customer', () => {
  test('does not move what they could only cancel with the deposit kept', async () => {
    const { id, cancelUntil, startsAt } = await place.booked(amina, serviceId, next())
    until(cancelUntil)
    expectCode(await place.move(amina, id, at(morning() + 9 * DAY_MS)), 'appointment_too_late_to_move')
    const { desk } = place
    const moved = await world.app.appointments.changes.move(desk, id, { startsAt: at(morning()) }, place.write)
    expect(allowed(moved).startsAt).not.toBe(startsAt)
    allowed(await place.cancelAtDesk(id))
  })

  test('does not cancel what has begun', async () => {
    const { id, startsAt } = await place.booked(amina, serviceId, next())
    until(startsAt)
    expectCode(await place.cancel(amina, id), 'appointment_started')
    allowed(await place.cancelAtDesk(id))
  })

  test('keeps the deadline and the deposit that were promised, whatever the service says later', async () => {
    const service = await place.serviceWithStaff({ price: 1_000, deposit: 100, cancelMinutes: 60 })
    const { id, cancelUntil } = await place.booked(amina, service.serviceId, next())
    const change = { deposit: 900, cancelMinutes: 5_000 }
    allowed(await world.app.appointments.services.change(service.serviceId, change, unnoted))
    expect(await place.get(amina, id)).toMatchObject({ cancelUntil, deposit: 100 })
    world.clock.advance(Date.parse(cancelUntil) - world.clock() - HOUR_MS)
    expect(allowed(await place.cancel(amina, id)).depositState).toBe('released')
  })

  test('who moves an appointment keeps the deadline that was promised, too', async () => {
    const service = await place.serviceWithStaff({ price: 1_000, deposit: 100, cancelMinutes: 60 })
    const { id } = await place.booked(amina, service.serviceId, next())
    const { change } = world.app.appointments.services
    allowed(await change(service.serviceId, { cancelMinutes: 5_000 }, unnoted))
    const moved = allowed(await place.move(amina, id, at(world.clock() + 5 * DAY_MS)))
    expect(Date.parse(moved.startsAt) - Date.parse(moved.cancelUntil)).toBe(HOUR_MS)
    allowed(await place.cancel(amina, id))
  })

  test('pays no deposit that they have not seen: one that has just changed is refused', async () => {
    for (const deposit of [0, 900]) {
      const service = await place.serviceWithStaff({ price: 1_000, deposit: 100 })
      const input = { userId: amina.id, serviceId: service.serviceId, startsAt: next(), pin: PIN }
      const before = await wallet()
      const { booking, services } = world.app.appointments
      // Between the look and the unit an operator changes it.
      const booked = await booking.book(input, async (unit) => {
        allowed(await services.change(service.serviceId, { deposit }, unnoted))
        return place.write(unit)
      })
      expectCode(booked, 'deposit_changed')
      expect(await wallet()).toEqual(before)
    }
  })

  test('without a deposit needs no PIN', async () => {
    const free = await place.serviceWithStaff()
    const { booking } = world.app.appointments
    const input = { userId: amina.id, serviceId: free.serviceId, startsAt: next() }
    const made = allowed(await booking.book(input, place.write))
    expect(made).toMatchObject({ deposit: 0, depositState: 'none' })
    allowed(await place.cancel(amina, made.id))
    expect(await told('cancelled')).toMatchObject({ depositOutcome: 'none' })
    const paid = { userId: amina.id, serviceId, startsAt: next() }
    expectCode(await booking.book(paid, place.write), 'pin_required')
    expectCode(await booking.book({ ...paid, pin: '7391' }, place.write), 'pin_wrong')
    expect((await booking.book({ ...paid, pin: PIN }, place.write)).ok).toBe(true)
  })
})
