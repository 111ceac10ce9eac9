/** Signing in, staying signed in, and being signed out. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { expectProblem } from '../../acceptance/answers'
import { type Answer, createWorld, PASSWORD, type Person, type World } from '../../support/world'

const MINUTE = 60_000
const DAY = 24 * 3_600_000

let world: World
let amina: Person
let operator: Person

beforeAll(async () => {
  world = await createWorld()
  ;[amina, operator] = (await Promise.all([world.person('customer', 'Amina'), world.person('operator')])) as [
    Person,
    Person,
  ]
})
afterAll(() => world.end())

interface Tokens {
  accessToken: string
  refreshToken: string
}

const login = (email = amina.email, password = PASSWORD) =>
  world.call('POST', '/api/v1/auth/login', { body: { email, password } })
const refresh = (refreshToken: string) => world.call('POST', '/api/v1/auth/refresh', { body: { refreshToken } })
const logout = (refreshToken: string) => world.call('POST', '/api/v1/auth/logout', { body: { refreshToken } })
const profile = (token: string): Promise<Answer> => world.call('GET', '/api/v1/auth/profile', { token })

async function signIn(): Promise<Tokens> {
  const { status, body } = await login()
  expect(status).toBe(200)
  return body
}

async function refreshed(token: string): Promise<Tokens> {
  const { status, body } = await refresh(token)
  expect(status).toBe(200)
  return body
}

describe('signing in', () => {
  test('answers who one is, without a secret', async () => {
    const { body } = await login()
    expect(body.user).toMatchObject({ id: amina.id, name: 'Amina', role: 'customer', status: 'active', pinSet: true })
    expect(JSON.stringify(body)).not.toContain('argon2')
  })

  test('refuses a wrong password and an unknown address in the same words', async () => {
    const wrong = await login(amina.email, 'not her password')
    const unknown = await login('nobody@example.com', PASSWORD)
    for (const answer of [wrong, unknown]) expectProblem(answer, 401, 'credentials_invalid')
    const { requestId: _, ...saidOfWrong } = wrong.body
    const { requestId: __, ...saidOfUnknown } = unknown.body
    expect(saidOfWrong).toEqual(saidOfUnknown)
  })

  test('takes the whole password, spaces, capitals and accents included', async () => {
    const password = ` Une longue marche à la mer${'.'.repeat(100)} `
    const email = 'long@example.com'
    const made = await world.app.identity.people.create({ name: 'Long', email, password, role: 'customer' }, 'system')
    expect(made.ok).toBe(true)
    expect((await login(email, password)).status).toBe(200)
    for (const almost of [password.trim(), password.slice(0, -1), password.slice(0, 72), password.toLowerCase()]) {
      expectProblem(await login(email, almost), 401, 'credentials_invalid')
    }
  })

  test('tells of an account that is not open only to whoever knows its password', async () => {
    const email = 'waiting@example.com'
    await world.call('POST', '/api/v1/auth/register', { body: { name: 'Waiting', email, password: PASSWORD } })
    expectProblem(await login(email), 403, 'account_pending')
    expectProblem(await login(email, 'a guess at it'), 401, 'credentials_invalid')
  })
})

describe('the access token', () => {
  test('works for 15 minutes', async () => {
    const { accessToken } = await signIn()
    world.clock.advance(15 * MINUTE - 1_000)
    expect((await profile(accessToken)).status).toBe(200)
    world.clock.advance(1_000)
    expectProblem(await profile(accessToken), 401, 'unauthenticated')
  })

  test('that was seen before ends at the same moment', async () => {
    const { accessToken } = await signIn()
    for (let minute = 0; minute < 15; minute++) {
      expect((await profile(accessToken)).status).toBe(200)
      world.clock.advance(MINUTE)
    }
    expectProblem(await profile(accessToken), 401, 'unauthenticated')
  })
})

describe('the refresh token', () => {
  let first: Tokens

  beforeEach(async () => {
    first = await signIn()
  })

  test('is exchanged for new tokens of the same session', async () => {
    const second = await refreshed(first.refreshToken)
    expect(second.refreshToken).not.toBe(first.refreshToken)
    expect((await profile(second.accessToken)).status).toBe(200)
    expect((await profile(first.accessToken)).status).toBe(200)
    expect((await refresh(second.refreshToken)).status).toBe(200)
  })

  test('that comes again within 20 seconds gets the same successor: tabs are not signed out', async () => {
    const second = await refreshed(first.refreshToken)
    world.clock.advance(20_000)
    const again = await refreshed(first.refreshToken)
    expect(again.refreshToken).toBe(second.refreshToken)
    expect((await profile(again.accessToken)).status).toBe(200)
  })

  test('that several tabs send at once gives all of them one successor', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => refreshed(first.refreshToken)))
    expect(new Set(answers.map(({ refreshToken }) => refreshToken)).size).toBe(1)
  })

  test('that comes again later ends the session at once, everywhere, and its owner is told', async () => {
    const second = await refreshed(first.refreshToken)
    world.clock.advance(20_001)
    expect((await profile(second.accessToken)).status).toBe(200)

    expectProblem(await refresh(first.refreshToken), 401, 'refresh_token_invalid')

    expectProblem(await profile(second.accessToken), 401, 'unauthenticated')
    expectProblem(await profile(first.accessToken), 401, 'unauthenticated')
    expectProblem(await refresh(second.refreshToken), 401, 'refresh_token_invalid')
    const mails = await world.mailTo(amina.email)
    expect(mails.filter(({ subject }) => subject === 'You were signed out')).toHaveLength(1)
  })

  test('that is stolen ends only its own session', async () => {
    const elsewhere = await signIn()
    await refreshed(first.refreshToken)
    world.clock.advance(20_001)
    await refresh(first.refreshToken)
    expect((await profile(elsewhere.accessToken)).status).toBe(200)
  })

  test('does not live longer than seven days, however often it is exchanged', async () => {
    let { refreshToken } = first
    for (let day = 0; day < 6; day++) {
      world.clock.advance(DAY)
      refreshToken = (await refreshed(refreshToken)).refreshToken
    }
    world.clock.advance(DAY - 1)
    const last = await refreshed(refreshToken)
    world.clock.advance(1)
    expectProblem(await refresh(last.refreshToken), 401, 'refresh_token_invalid')
    expectProblem(await profile(last.accessToken), 401, 'unauthenticated')
  })

  test('that was made up is refused', async () => {
    for (const token of ['x', first.accessToken.slice(0, 200), first.refreshToken.slice(1), `${first.refreshToken}x`]) {
      expectProblem(await refresh(token), 401, 'refresh_token_invalid')
    }
  })
})

describe('signing out', () => {
  test('ends the access token at once, and the refresh token with it', async () => {
    const { accessToken, refreshToken } = await signIn()
    expect((await profile(accessToken)).status).toBe(200)

    expect((await logout(refreshToken)).status).toBe(204)

    expectProblem(await profile(accessToken), 401, 'unauthenticated')
    expectProblem(await refresh(refreshToken), 401, 'refresh_token_invalid')
  })

  test('leaves other sessions alone', async () => {
    const here = await signIn()
    const elsewhere = await signIn()
    await logout(here.refreshToken)
    expect((await profile(elsewhere.accessToken)).status).toBe(200)
  })

  test('by a refresh token that was exchanged already ends the session too', async () => {
    const first = await signIn()
    const second = await refreshed(first.refreshToken)
    await logout(first.refreshToken)
    expectProblem(await profile(second.accessToken), 401, 'unauthenticated')
  })

  test('twice, or with nothing, does no harm', async () => {
    const { refreshToken } = await signIn()
    for (const token of [refreshToken, refreshToken, 'none']) expect((await logout(token)).status).toBe(204)
  })
})

describe('an operator who freezes somebody', () => {
  const set = async (act: 'freeze' | 'unfreeze', id: string) => {
    const token = await world.signIn(operator.email)
    return world.call('POST', `/api/v1/users/${id}/${act}`, { token, body: {} })
  }

  test('signs them out everywhere at once, until they are unfrozen and sign in again', async () => {
    const [one, two] = [await signIn(), await signIn()]
    expect((await profile(one.accessToken)).status).toBe(200)

    expect((await set('freeze', amina.id)).body).toEqual({ userId: amina.id, status: 'frozen' })

    for (const { accessToken, refreshToken } of [one, two]) {
      expectProblem(await profile(accessToken), 401, 'unauthenticated')
      expectProblem(await refresh(refreshToken), 401, 'refresh_token_invalid')
    }
    expectProblem(await login(), 403, 'account_frozen')
    expect((await set('unfreeze', amina.id)).body.status).toBe('active')
    expectProblem(await profile(one.accessToken), 401, 'unauthenticated')
    expect((await login()).status).toBe(200)
  })

  test('who is not there is told so', async () => {
    expectProblem(await set('freeze', 'usr_00000000000000000000'), 404, 'user_not_found')
  })

  test('does not open the account of somebody who never confirmed the address', async () => {
    const email = 'unconfirmed@example.com'
    await world.call('POST', '/api/v1/auth/register', { body: { name: 'Una', email, password: PASSWORD } })
    const una = await world.app.identity.find(email)

    await set('unfreeze', una?.id ?? '')

    expectProblem(await login(email), 403, 'account_pending')
  })
})

describe('a password that an administrator has reset', () => {
  test('ends every session, and the old password', async () => {
    const email = 'forgetful@example.com'
    const made = await world.app.identity.people.create(
      { name: 'Forgetful', email, password: PASSWORD, role: 'customer' },
      'system',
    )
    expect(made.ok).toBe(true)
    const { body: before } = await login(email)

    const result = await world.app.identity.people.resetPassword(email, 'another walk to the sea', 'system')

    expect(result.ok).toBe(true)
    expectProblem(await profile(before.accessToken), 401, 'unauthenticated')
    expectProblem(await refresh(before.refreshToken), 401, 'refresh_token_invalid')
    expectProblem(await login(email), 401, 'credentials_invalid')
    expect((await login(email, 'another walk to the sea')).status).toBe(200)
  })
})

describe('sessions that ended long ago', () => {
  test('are cleared away, and those that live are not', async () => {
    const old = await signIn()
    world.clock.advance(8 * DAY)
    const living = await signIn()
    expect(await world.app.identity.sessions.prune(world.clock())).toBeGreaterThan(0)
    expect(await world.app.identity.sessions.prune(world.clock())).toBe(0)
    expectProblem(await refresh(old.refreshToken), 401, 'refresh_token_invalid')
    expect((await refresh(living.refreshToken)).status).toBe(200)
  })
})
