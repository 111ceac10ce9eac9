/** What was allowed before, being asked again or not at all, how recent a proof must be, and taking it all away. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { decodeJwt } from 'jose'
import { expectProblem } from '../../acceptance/answers'
import { createWorld, PASSWORD, type Person, type World } from '../../support/world'
import {
  type Application,
  expectRefused,
  type Fields,
  ISSUER,
  MINUTE,
  type OAuthHands,
  oauthHands,
  sentBack,
} from './application'

const MINE = '/api/v1/oauth/applications'

let world: World
let oauth: OAuthHands
let operator: Person
let amina: Person
let shop: Application

beforeAll(async () => {
  world = await createWorld()
  oauth = oauthHands(world)
  operator = await world.person('operator')
  amina = await world.customer(10_000)
})
afterAll(() => world.end())
/** Each test has an application of its own, which nobody has allowed yet. */
beforeEach(async () => {
  shop = await oauth.register(operator)
  await oauth.renew(amina)
})

const stepUp = () => world.call('POST', '/api/v1/auth/step-up', { token: amina.token, body: { password: PASSWORD } })

const asked = async (fields: Fields = {}) =>
  (await world.call('GET', `/api/v1/oauth/authorization?${oauth.queryOf(shop, fields)}`, { token: amina.token })).body

/** What the application is told when nobody is to be asked. */
async function silently(fields: Fields = {}, session: string | undefined = amina.token) {
  const answer = await oauth.open(oauth.queryOf(shop, { prompt: 'none', ...fields }), session)
  expect(answer.status).toBe(302)
  return sentBack(answer.headers.get('location') ?? '')
}

describe('what was allowed', () => {
  test('is not asked again, but more than it is', async () => {
    expect((await asked()).allowedBefore).toBe(false)
    await oauth.letIn(shop, amina.token)
    expect((await asked()).allowedBefore).toBe(true)
    expect((await asked({ scope: 'openid' })).allowedBefore).toBe(true)
    expect((await asked({ scope: 'openid wallet:read email' })).allowedBefore).toBe(false)
  })

  test('is asked again when the application wants it so (prompt=consent)', async () => {
    await oauth.letIn(shop, amina.token)
    expect((await asked({ prompt: 'consent' })).allowedBefore).toBe(false)
  })

  test('is not allowed by having said no', async () => {
    await oauth.decide(amina.token, oauth.queryOf(shop), false)
    expect((await asked()).allowedBefore).toBe(false)
    expect((await world.call('GET', MINE, { token: amina.token })).body.items).not.toContainEqual(
      expect.objectContaining({ clientId: shop.id }),
    )
  })

  test('is allowed by one person, for oneself', async () => {
    await oauth.letIn(shop, amina.token)
    const { token } = await world.person('customer')
    expect(await silently({}, token)).toMatchObject({ error: 'consent_required' })
  })
})

describe('prompt=none', () => {
  test('is answered with a code at once when all was allowed before', async () => {
    await oauth.letIn(shop, amina.token)
    const { code, state, iss } = await silently()
    expect({ state, iss }).toEqual({ state: 'st-1', iss: ISSUER })
    expect((await oauth.exchange(shop, code as string)).status).toBe(200)
  })

  test('says why not: nobody is signed in, or nobody has agreed', async () => {
    expect(await silently()).toEqual({ error: 'consent_required', state: 'st-1', iss: ISSUER })
    await oauth.letIn(shop, amina.token)
    expect(await silently({ scope: 'openid email' })).toMatchObject({ error: 'consent_required' })
    for (const session of ['', 'not.a.token'])
      expect(await silently({}, session)).toEqual({ error: 'login_required', state: 'st-1', iss: ISSUER })
  })

  test('cannot be combined', async () => {
    for (const prompt of ['none login', 'none consent', 'consent none'])
      expect(await silently({ prompt })).toMatchObject({ error: 'invalid_request' })
  })

  test('does not pass over a proof that is too old', async () => {
    await oauth.letIn(shop, amina.token)
    world.clock.advance(2 * MINUTE)
    expect(await silently({ max_age: '60' })).toMatchObject({ error: 'login_required' })
    expect(await silently({ max_age: '600' })).toHaveProperty('code')
  })
})

describe('a proof that is recent', () => {
  const decide = (fields: Fields) => oauth.decide(amina.token, oauth.queryOf(shop, fields))

  test('is demanded by max_age, and told as auth_time', async () => {
    world.clock.advance(3 * MINUTE)
    expectProblem(await decide({ max_age: '120' }), 403, 'step_up_required')
    await stepUp()
    const provedAt = Math.floor(world.clock() / 1000)
    world.clock.advance(MINUTE)
    const { id_token } = await oauth.letIn(shop, amina.token, { max_age: '120' })
    expect(decodeJwt(id_token).auth_time).toBe(provedAt)
  })

  test('is demanded by prompt=login', async () => {
    world.clock.advance(3 * MINUTE)
    expectProblem(await decide({ prompt: 'login' }), 403, 'step_up_required')
    await stepUp()
    expect((await decide({ prompt: 'login' })).status).toBe(200)
  })

  test('is enough for max_age=0 once it was given for that request (OpenID Connect Core, section 3.1.2.1)', async () => {
    world.clock.advance(MINUTE)
    expectProblem(await decide({ max_age: '0' }), 403, 'step_up_required')
    await stepUp()
    world.clock.advance(300)
    expect((await decide({ max_age: '0' })).status).toBe(200)
  })
})

describe('taking access away', () => {
  const forget = (token = amina.token) => world.call('DELETE', `${MINE}/${shop.id}`, { token })

  test('shows what was allowed to whom, and ends it at once', async () => {
    const { access_token, refresh_token } = await oauth.letIn(shop, amina.token)
    const { body } = await world.call('GET', MINE, { token: amina.token })
    expect(body.items).toContainEqual({
      clientId: shop.id,
      name: 'Shop till',
      scopes: ['openid', 'wallet:read'],
      allowedAt: expect.any(String),
    })
    expect((await oauth.balance(access_token)).status).toBe(200)
    expect((await forget()).status).toBe(204)
    expect((await oauth.balance(access_token)).status).toBe(401)
    expectRefused(await oauth.refresh(shop, refresh_token), 'invalid_grant')
    expect((await asked()).allowedBefore).toBe(false)
    expectProblem(await forget(), 404, 'application_not_found')
  })

  test('ends a code that is still on its way', async () => {
    const code = await oauth.codeFor(shop, amina.token)
    expect((await forget()).status).toBe(204)
    expectRefused(await oauth.exchange(shop, code), 'invalid_grant')
  })

  test('from one person leaves what others allowed', async () => {
    const { token } = await world.customer(100)
    const theirs = await oauth.letIn(shop, token)
    await oauth.letIn(shop, amina.token)
    expect((await forget()).status).toBe(204)
    expect((await oauth.balance(theirs.access_token)).status).toBe(200)
  })

  test('is not for applications', async () => {
    const { access_token } = await oauth.letIn(shop, amina.token)
    expectProblem(await forget(access_token), 403, 'insufficient_scope')
    expectProblem(await world.call('GET', MINE, { token: access_token }), 403, 'insufficient_scope')
  })

  test('is also done among the sessions, one at a time', async () => {
    const { access_token, refresh_token } = await oauth.letIn(shop, amina.token)
    const { sid } = decodeJwt(access_token)
    expect((await world.call('DELETE', `/api/v1/auth/sessions/${sid}`, { token: amina.token })).status).toBe(204)
    expect((await oauth.balance(access_token)).status).toBe(401)
    expectRefused(await oauth.refresh(shop, refresh_token), 'invalid_grant')
  })
})

describe('whoever is frozen or has a new password', () => {
  const setFrozen = async (id: string, frozen: boolean) => {
    await oauth.renew(operator)
    const path = `/api/v1/users/${id}/${frozen ? 'freeze' : 'unfreeze'}`
    expect((await world.call('POST', path, { token: operator.token, body: {} })).status).toBeLessThan(300)
  }

  test('has no application that acts for them any more, not even when the account is open again', async () => {
    const person = await world.customer(100)
    const { access_token, refresh_token } = await oauth.letIn(shop, person.token)
    const code = await oauth.codeFor(shop, person.token)
    await setFrozen(person.id, true)
    expect((await oauth.balance(access_token)).status).toBe(401)
    expect((await oauth.userInfo(access_token)).status).toBe(401)
    expect((await oauth.introspect(shop, access_token)).body).toEqual({ active: false })
    expectRefused(await oauth.refresh(shop, refresh_token), 'invalid_grant')
    await setFrozen(person.id, false)
    expect((await oauth.balance(access_token)).status).toBe(401)
    expectRefused(await oauth.refresh(shop, refresh_token), 'invalid_grant')
    expectRefused(await oauth.exchange(shop, code), 'invalid_grant')
  })

  test('is not entered by a code from before the password was reset', async () => {
    const person = await world.customer(100)
    const code = await oauth.codeFor(shop, person.token)
    const reset = await world.app.identity.people.resetPassword(person.email, 'another walk, along the river', 'system')
    expect(reset.ok).toBe(true)
    expectRefused(await oauth.exchange(shop, code), 'invalid_grant')
  })
})

describe('whoever must have a second factor and has none yet', () => {
  const USERS = '/api/v1/users'
  const EMAIL = 'unproved@example.com'
  let strict: World
  let hands: OAuthHands
  let office: Application
  let token: string

  beforeAll(async () => {
    strict = await createWorld({ mode: 'development' })
    hands = oauthHands(strict)
    office = await hands.register(await strict.person('operator'), { scopes: ['users:read'] })
    await strict.app.identity.people.create(
      { name: 'Otto', email: EMAIL, password: PASSWORD, role: 'operator' },
      'system',
    )
    const { body } = await strict.call('POST', '/api/v1/auth/login', { body: { email: EMAIL, password: PASSWORD } })
    expect(body.secondFactorRequired).toBe(true)
    token = body.accessToken
    expectProblem(await strict.call('GET', USERS, { token }), 403, 'second_factor_required')
  })
  afterAll(() => strict.end())

  /** How the list of people answers to the token, if there is one. */
  async function read(granted: string | undefined): Promise<number | undefined> {
    if (granted === undefined) return undefined
    return (await strict.call('GET', USERS, { token: granted })).status
  }

  async function letIn(): Promise<string | undefined> {
    const { body } = await hands.decide(token, hands.queryOf(office, { scope: 'users:read' }))
    const code = body.redirectTo === undefined ? undefined : sentBack(body.redirectTo).code
    return code === undefined ? undefined : (await hands.exchange(office, code)).body.access_token
  }

  test('does not get past it by way of an application', async () => {
    expect(await read(await letIn())).not.toBe(200)
  })

  test('does not get past it either when the owner, elsewhere, sets a second factor up', async () => {
    const granted = await letIn()
    const { body } = await strict.call('POST', '/api/v1/auth/login', { body: { email: EMAIL, password: PASSWORD } })
    await strict.setUpApp(EMAIL, body.accessToken)
    expect(await read(body.accessToken)).toBe(200)
    expect(await read(granted)).not.toBe(200)
  })
})
