/** The PIN that authorizes money: its rules, its lock, and what is remembered of it. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, spyOn, test } from 'bun:test'
import { expectProblem } from '../../acceptance/answers'
import { createWorld, PASSWORD, type Person, PIN, type World } from '../../support/world'

const MINUTE = 60_000
const WRONG = '7391'

let world: World
let amina: Person

beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.end())

beforeEach(async () => {
  amina = await world.person('customer')
})

const verify = (pin: string) => world.app.identity.verifyPin(amina.id, pin)
const choose = (pin: string, password = PASSWORD) =>
  world.call('PUT', '/api/v1/auth/pin', { token: amina.token, body: { pin, password } })

async function guess(times: number): Promise<void> {
  for (let i = 0; i < times; i++) await verify(WRONG)
}

describe('choosing a PIN', () => {
  test('a row or a repetition of digits is too easy to guess', async () => {
    for (const pin of ['0000', '1111', '99999', '1234', '4321', '012345', '987654', '1212', '707070', '123456']) {
      expectProblem(await choose(pin), 422, 'pin_trivial')
    }
    expect((await verify(PIN)).ok).toBe(true)
  })

  test('it has four to six digits', async () => {
    for (const pin of ['258', '2580369', '25a0', ' 2580', '']) {
      expectProblem(await choose(pin), 422, 'validation_failed')
    }
    for (const pin of ['4826', '48263', '482637']) {
      expect((await choose(pin)).status).toBe(204)
      expect((await verify(pin)).ok).toBe(true)
    }
  })

  test('takes the password', async () => {
    expectProblem(await choose('4826', 'not her password'), 403, 'password_wrong')
    expect((await verify(PIN)).ok).toBe(true)
    expect((await verify('4826')).ok).toBe(false)
  })
})

describe('a wrong PIN', () => {
  test('says how many tries are left; the fifth locks for 15 minutes', async () => {
    for (const triesLeft of [4, 3, 2, 1]) {
      expect(await verify(WRONG)).toMatchObject({ ok: false, code: 'pin_wrong', members: { triesLeft } })
    }
    expect(await verify(WRONG)).toMatchObject({ ok: false, code: 'pin_locked', members: { retryAfter: 900 } })
    world.clock.advance(15 * MINUTE - 1)
    expect(await verify(PIN)).toMatchObject({ ok: false, code: 'pin_locked', members: { retryAfter: 1 } })
    world.clock.advance(1)
    expect((await verify(PIN)).ok).toBe(true)
  })

  test('after the lock doubles it, up to a day', async () => {
    await guess(5)
    for (const minutes of [30, 60, 120, 240, 480, 960, 1_440, 1_440]) {
      world.clock.advance(24 * 60 * MINUTE)
      expect(await verify(WRONG)).toMatchObject({ code: 'pin_locked', members: { retryAfter: minutes * 60 } })
    }
  })

  test('does not count against the next, once a right one came between', async () => {
    await guess(4)
    expect((await verify(PIN)).ok).toBe(true)
    expect(await verify(WRONG)).toMatchObject({ code: 'pin_wrong', members: { triesLeft: 4 } })
  })

  test('during the lock does not make it longer', async () => {
    await guess(5)
    world.clock.advance(MINUTE)
    expect(await verify(WRONG)).toMatchObject({ code: 'pin_locked', members: { retryAfter: 14 * 60 } })
    world.clock.advance(14 * MINUTE)
    expect((await verify(PIN)).ok).toBe(true)
  })

  test('locks nobody else', async () => {
    const other = await world.person('customer')
    await guess(5)
    expect((await world.app.identity.verifyPin(other.id, PIN)).ok).toBe(true)
  })
})

test('choosing a PIN anew, with the password, ends the lock', async () => {
  await guess(5)
  expect((await choose('4826')).status).toBe(204)
  expect((await verify('4826')).ok).toBe(true)
})

describe('looking at a PIN', () => {
  const looks = spyOn(Bun.password, 'verify')
  beforeEach(() => {
    looks.mockClear()
  })
  afterEach(() => {
    looks.mockClear()
  })
  afterAll(() => {
    looks.mockRestore()
  })

  test('a hundred wrong guesses at once are still five', async () => {
    // A hundred different ones, as a thief would.
    const guesses = await Promise.all(Array.from({ length: 100 }, (_, i) => verify(String(7_300 + i))))

    expect(looks).toHaveBeenCalledTimes(5)
    const codes = guesses.map((result) => (result.ok ? 'ok' : result.code))
    expect(codes.filter((code) => code === 'pin_wrong')).toHaveLength(4)
    expect(codes.filter((code) => code === 'pin_locked')).toHaveLength(96)
    expect(await verify(PIN)).toMatchObject({ code: 'pin_locked' })
  })

  test('the right one in twelve payments at once is right in all of them', async () => {
    const payments = await Promise.all(Array.from({ length: 12 }, () => verify(PIN)))

    expect(payments.filter(({ ok }) => !ok)).toEqual([])
    expect(await verify(WRONG)).toMatchObject({ code: 'pin_wrong', members: { triesLeft: 4 } })
  })

  test('a right one is not computed again for 15 minutes', async () => {
    expect((await verify(PIN)).ok).toBe(true)
    expect(looks).toHaveBeenCalledTimes(1)
    world.clock.advance(15 * MINUTE - 1)
    expect((await verify(PIN)).ok).toBe(true)
    expect(looks).toHaveBeenCalledTimes(1)
    world.clock.advance(1)
    expect((await verify(PIN)).ok).toBe(true)
    expect(looks).toHaveBeenCalledTimes(2)
  })

  test('a wrong one is looked at and refused, though the right one is remembered', async () => {
    await verify(PIN)
    expect(await verify(WRONG)).toMatchObject({ code: 'pin_wrong' })
    expect(looks).toHaveBeenCalledTimes(2)
  })

  test('a changed PIN ends what is remembered of the old one', async () => {
    await verify(PIN)
    await choose('4826')
    expect(await verify(PIN)).toMatchObject({ ok: false, code: 'pin_wrong' })
    expect((await verify('4826')).ok).toBe(true)
  })

  test('a lock ends what is remembered', async () => {
    await verify(PIN)
    await guess(5)
    looks.mockClear()
    expect(await verify(PIN)).toMatchObject({ ok: false, code: 'pin_locked' })
    expect(looks).not.toHaveBeenCalled()
    world.clock.advance(15 * MINUTE)
    expect((await verify(PIN)).ok).toBe(true)
    expect(looks).toHaveBeenCalledTimes(1)
  })
})
