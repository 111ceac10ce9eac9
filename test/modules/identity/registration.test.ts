/** How somebody becomes a customer: the code, its limits, and what a stranger can learn from the answers. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { expectProblem } from '../../acceptance/answers'
import { createWorld, PASSWORD, type World } from '../../support/world'

const MINUTE = 60_000

let world: World
let email = ''
let people = 0

beforeAll(async () => {
  world = await createWorld()
})
beforeEach(() => {
  people += 1
  email = `newcomer${people}@example.com`
})
afterAll(() => world.end())

const register = (members: object = {}) =>
  world.call('POST', '/api/v1/auth/register', { body: { name: 'Nia', email, password: PASSWORD, ...members } })
const resend = (to = email) => world.call('POST', '/api/v1/auth/resend-verification', { body: { email: to } })
const verify = (code: string, to = email) =>
  world.call('POST', '/api/v1/auth/verify-email', { body: { email: to, code } })
const login = (password = PASSWORD, to = email) =>
  world.call('POST', '/api/v1/auth/login', { body: { email: to, password } })

/** The codes that were mailed to the address, newest first. */
async function codes(to = email): Promise<string[]> {
  const mails = await world.mailTo(to)
  return mails.flatMap(({ subject }) => /^(\d{6}) is your Kumbu code$/.exec(subject)?.[1] ?? [])
}

const newestCode = async () => (await codes())[0] as string
const anotherThan = (code: string) => String((Number(code) + 1) % 1_000_000).padStart(6, '0')

describe('the code', () => {
  test('has six digits, comes by mail, and confirms the address once', async () => {
    await register()
    const code = await newestCode()

    const first = await verify(code)
    const second = await verify(code)

    expect(code).toMatch(/^\d{6}$/)
    expect(first.status).toBe(200)
    expect(first.body.user).toMatchObject({ email, status: 'active', role: 'customer' })
    expectProblem(second, 422, 'code_invalid')
  })

  test('works until five minutes have passed, and not at that moment', async () => {
    await register()
    const code = await newestCode()
    world.clock.advance(5 * MINUTE - 1)
    const late = `late${email}`
    await world.call('POST', '/api/v1/auth/register', { body: { name: 'Late', email: late, password: PASSWORD } })
    const lateCode = (await codes(late))[0] as string

    expect((await verify(code)).status).toBe(200)
    world.clock.advance(5 * MINUTE)
    expectProblem(await verify(lateCode, late), 422, 'code_invalid')
  })

  test('is worth nothing after five wrong tries', async () => {
    await register()
    const code = await newestCode()
    for (let i = 0; i < 5; i++) expectProblem(await verify(anotherThan(code)), 422, 'code_invalid')

    expectProblem(await verify(code), 422, 'code_invalid')
  })

  test('still works after four wrong tries', async () => {
    await register()
    const code = await newestCode()
    for (let i = 0; i < 4; i++) await verify(anotherThan(code))

    expect((await verify(code)).status).toBe(200)
  })

  test('cannot be guessed by many at once: a hundred tries are five', async () => {
    await register()
    const code = await newestCode()
    const guesses = Array.from({ length: 100 }, (_, i) => String((Number(code) + 1 + i) % 1_000_000).padStart(6, '0'))
    const answers = await Promise.all(guesses.map((guess) => verify(guess)))

    for (const answer of answers) expectProblem(answer, 422, 'code_invalid')
    expectProblem(await verify(code), 422, 'code_invalid')
  })

  test('is spent by one of two that come at once', async () => {
    await register()
    const code = await newestCode()

    const answers = await Promise.all([verify(code), verify(code)])

    expect(answers.map(({ status }) => status).sort()).toEqual([200, 422])
  })

  test('of somebody else is no code', async () => {
    await register()
    const code = await newestCode()
    const other = `other-${email}`
    await world.call('POST', '/api/v1/auth/register', { body: { name: 'Other', email: other, password: PASSWORD } })
    const theirs = (await codes(other))[0] as string

    if (theirs !== code) expectProblem(await verify(code, other), 422, 'code_invalid')
    expect((await verify(theirs, other)).status).toBe(200)
  })

  test('is refused for an address that nobody registered, like a wrong one', async () => {
    expectProblem(await verify('123456', 'nobody@example.com'), 422, 'code_invalid')
  })
})

describe('sending the code again', () => {
  test('makes another one, and the first, if it was only delayed, still works', async () => {
    await register()
    world.clock.advance(MINUTE)
    await resend()
    const [second, first] = (await codes()) as [string, string]

    expect(await codes()).toHaveLength(2)
    expect((await verify(first)).status).toBe(200)
    expectProblem(await verify(second), 422, 'code_invalid')
  })

  test('waits for 60 seconds', async () => {
    await register()
    world.clock.advance(MINUTE - 1)
    expect((await resend()).status).toBe(202)
    expect(await codes()).toHaveLength(1)

    world.clock.advance(1)
    expect((await resend()).status).toBe(202)
    expect(await codes()).toHaveLength(2)
  })

  test('happens three times in ten minutes, the first included', async () => {
    await register()
    await codes()
    for (let i = 0; i < 8; i++) {
      world.clock.advance(MINUTE)
      await resend()
      await codes()
    }
    expect(await codes()).toHaveLength(3)

    world.clock.advance(2 * MINUTE)
    await resend()
    expect(await codes()).toHaveLength(4)
  })

  test('happens ten times in a day', async () => {
    await register()
    await codes()
    for (let i = 0; i < 30; i++) {
      world.clock.advance(10 * MINUTE)
      await resend()
      await codes()
    }
    expect(await codes()).toHaveLength(10)
  })

  test('answers alike whether the address is waiting, active, or unknown', async () => {
    await register()
    const waiting = await resend()
    await verify(await newestCode())
    const active = await resend()
    const unknown = await resend('nobody@example.com')

    for (const { status, body } of [waiting, active, unknown])
      expect({ status, body }).toEqual({ status: 202, body: {} })
    world.clock.advance(MINUTE)
    await resend()
    expect(await codes()).toHaveLength(1)
  })
})

describe('a stranger who registers somebody’s address', () => {
  test('gets the answer that a new address gets; its owner is told by mail', async () => {
    const unknown = await register()
    await verify(await newestCode())

    const known = await register({ name: 'Mallory', password: 'the password of mallory' })

    expect(known.status).toBe(unknown.status)
    expect(Object.keys(known.body.user)).toEqual(Object.keys(unknown.body.user))
    expect(known.body.user).toEqual({ id: expect.stringMatching(/^usr_[0-9a-z]{20}$/), status: 'pending_verification' })
    expect([...known.headers.keys()].sort()).toEqual([...unknown.headers.keys()].sort())
    const subjects = (await world.mailTo(email)).map(({ subject }) => subject)
    expect(subjects.filter((subject) => subject === 'You have an account already')).toHaveLength(1)
    expect(await codes()).toHaveLength(1)
  })

  test('changes nothing of the account that is there', async () => {
    await register()
    await verify(await newestCode())
    await register({ name: 'Mallory', password: 'the password of mallory' })

    expectProblem(await login('the password of mallory'), 401, 'credentials_invalid')
    expect((await login()).body.user.name).toBe('Nia')
  })

  test('learns nothing by doing it twice: the ids of the two answers tell no more than those of a new address', async () => {
    const sameId = async () => {
      const [first, second] = [await register(), await register()]
      return first.body.user.id === second.body.user.id
    }
    const whileUnknown = await sameId()
    await verify(await newestCode())
    const onceKnown = await sameId()

    expect(onceKnown).toBe(whileUnknown)
  })

  test('does not get in by a code that was mailed for the owner’s own registration', async () => {
    await register({ password: PASSWORD })
    const ownersCode = await newestCode()
    await register({ name: 'Mallory', password: 'the password of mallory' })

    expect((await verify(ownersCode)).status).toBe(200)

    expectProblem(await login('the password of mallory'), 401, 'credentials_invalid')
    expect((await login(PASSWORD)).body.user.name).toBe('Nia')
  })

  test('does not take the phone number of another, and is not told whose it is', async () => {
    const phone = '+258 84 777 0001'
    await register({ phone })
    const first = await verify(await newestCode())
    const owner = email
    email = `second-${email}`

    const answer = await register({ phone: '+258847770001' })
    const second = await verify(await newestCode())

    expect(answer.status).toBe(201)
    expect(first.body.user).toMatchObject({ email: owner, phone: '+258847770001', phoneVerified: false })
    expect(second.body.user).toMatchObject({ email, phone: '+258847770001', phoneVerified: false })
    // Each was sent a code to that phone; only its owner can read them. Until then money finds neither.
    expect(await world.app.identity.find(phone)).toBeUndefined()
    expect(await world.app.identity.findPresent(phone)).toBeUndefined()
  })
})

describe('one address, however it is written', () => {
  const spellings = (address: string) => [
    address.toUpperCase(),
    // Full-width letters, as some keyboards write them.
    address.replace('n', '\uff4e'),
    address.replace('newcomer', 'Newcomer'),
  ]

  test('is one account to registration', async () => {
    await register()
    await verify(await newestCode())
    for (const spelling of spellings(email)) {
      expect((await register({ email: spelling })).status).toBe(201)
      expect((await login(PASSWORD, spelling)).body.user.email).toBe(email)
    }
    const mails = await world.mailTo(email)
    // However often somebody tries within a minute, the owner is told once.
    expect(mails.filter(({ subject }) => subject === 'You have an account already')).toHaveLength(1)
  })

  test('is one account to whoever creates staff', async () => {
    await register()
    await verify(await newestCode())
    for (const spelling of spellings(email)) {
      const made = await world.app.identity.people.create(
        { name: 'Copy', email: spelling, password: PASSWORD, role: 'agent' },
        'system',
      )
      expect(made).toMatchObject({ ok: false, code: 'email_taken' })
    }
  })
})

describe('the set-up link', () => {
  test('makes the first operator, once; a newer one ends it', async () => {
    const { setup } = world.app.identity
    const older = setup.issueToken()
    const token = setup.issueToken()
    const use = (given: string, address: string) =>
      world.call('POST', '/api/v1/setup', {
        body: { token: given, name: 'Olga', email: address, password: PASSWORD },
      })

    expectProblem(await use(older, 'olga@example.com'), 403, 'setup_token_invalid')
    expectProblem(await use('a guess', 'olga@example.com'), 403, 'setup_token_invalid')
    const made = await use(token, 'olga@example.com')
    expect(made.status).toBe(201)
    expect(made.body).toMatchObject({ role: 'operator', status: 'active', email: 'olga@example.com' })
    expect((await login(PASSWORD, 'olga@example.com')).status).toBe(200)
    expectProblem(await use(token, 'second@example.com'), 403, 'setup_token_invalid')
    expectProblem(await use(setup.issueToken(), 'third@example.com'), 403, 'setup_token_invalid')
  })
})
