/** Machines with credentials of their own, and what every client is told: of its tokens, of this server, of its keys. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { decodeJwt } from 'jose'
import { expectProblem } from '../../acceptance/answers'
import { createWorld, type Person, PIN, type World } from '../../support/world'
import { type Application, expectRefused, formOf, ISSUER, MINUTE, type OAuthHands, oauthHands } from './application'

const ATM_SCOPES = ['agents:read', 'withdrawals:pay', 'withdrawals:read']

let world: World
let oauth: OAuthHands
let operator: Person
let amina: Person
let atm: Person
let shop: Application

beforeAll(async () => {
  world = await createWorld()
  oauth = oauthHands(world)
  operator = await world.person('operator')
  amina = await world.customer(100_000)
  atm = await world.person('atm')
  await world.issueFloat(atm.id, 1_000_000)
  shop = await oauth.register(operator)
})
afterAll(() => world.end())
beforeEach(() => oauth.renew(operator, amina))

const machineOf = (person = atm, scopes = ATM_SCOPES) =>
  oauth.register(operator, { redirectUris: [], grants: ['client_credentials'], scopes, userId: person.id })

const setFrozen = async ({ id }: Person, frozen: boolean) => {
  const path = `/api/v1/users/${id}/${frozen ? 'freeze' : 'unfreeze'}`
  expect((await world.call('POST', path, { token: operator.token, body: {} })).status).toBeLessThan(300)
}

describe('a machine', () => {
  test('gets a token for a quarter of an hour, and neither a refresh token nor an ID token', async () => {
    const { status, body, headers } = await oauth.machine(await machineOf())
    expect(status).toBe(200)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(Object.keys(body).sort()).toEqual(['access_token', 'expires_in', 'scope', 'token_type'])
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 900 })
    expect(body.scope.split(' ').sort()).toEqual(ATM_SCOPES)
    world.clock.advance(15 * MINUTE)
    expect((await world.call('GET', '/api/v1/agents/me', { token: body.access_token })).status).toBe(401)
  })

  test('pays a withdrawal out of the float of its account', async () => {
    const wish = { amount: 5_000, pin: PIN }
    const asked = await world.call('POST', '/api/v1/atm/withdrawal-request', { token: amina.token, body: wish })
    const { access_token: token } = (await oauth.machine(await machineOf())).body
    const before = (await world.call('GET', '/api/v1/agents/me', { token })).body.float
    const paid = await world.call('POST', '/api/v1/atm/validate-token', { token, body: { token: asked.body.token } })
    expect(paid.status).toBe(200)
    expect(paid.body).toMatchObject({ status: 'paid', amount: 5_000 })
    expect((await world.call('GET', '/api/v1/agents/me', { token })).body.float).toBe(before + 5_000)
  })

  test('may ask for less than it could have', async () => {
    const { status, body } = await oauth.machine(await machineOf(), { scope: 'agents:read' })
    expect({ status, scope: body.scope }).toEqual({ status: 200, scope: 'agents:read' })
    expect((await world.call('GET', '/api/v1/agents/me', { token: body.access_token })).status).toBe(200)
    const pay = { token: body.access_token, body: { token: '0000000000' } }
    expectProblem(await world.call('POST', '/api/v1/atm/validate-token', pay), 403, 'insufficient_scope')
  })

  test('gets only what both its client and the role of its account have', async () => {
    const broad = await machineOf(atm, ['openid', 'withdrawals:pay', 'users:manage', 'wallet:transfer'])
    expect((await oauth.machine(broad)).body.scope).toBe('withdrawals:pay')
    for (const scope of [
      'withdrawals:pay users:manage',
      'wallet:transfer',
      'wallet:read',
      'openid',
      'profile:security',
      'unknown',
      ' ',
    ])
      expectRefused(await oauth.machine(broad, { scope }), 'invalid_scope')
    const none = await machineOf(atm, ['users:manage'])
    expectRefused(await oauth.machine(none), 'invalid_scope')
  })

  test('proves to be itself, and is no client for people', async () => {
    const machine = await machineOf()
    expectRefused(await oauth.machine({ ...machine, secret: 'a guess' }), 'invalid_client', 401)
    expectRefused(await oauth.exchange(machine, 'x'.repeat(43)), 'unauthorized_client')
    expect((await oauth.open(oauth.queryOf(machine))).status).toBe(400)
  })

  test('of a frozen account has nothing, at once', async () => {
    const till = await world.person('atm')
    const machine = await machineOf(till)
    const { access_token: token } = (await oauth.machine(machine)).body
    expect((await world.call('GET', '/api/v1/agents/me', { token })).status).toBe(200)
    await setFrozen(till, true)
    expect((await world.call('GET', '/api/v1/agents/me', { token })).status).toBe(401)
    expectRefused(await oauth.machine(machine), 'unauthorized_client')
    await setFrozen(till, false)
    expect((await world.call('GET', '/api/v1/agents/me', { token })).status).toBe(401)
    expect((await oauth.machine(machine)).status).toBe(200)
  })
})

describe('revoking a token (RFC 7009)', () => {
  test.each(['access_token', 'refresh_token'] as const)('that is the %s ends both', async (which) => {
    const granted = await oauth.letIn(shop, amina.token)
    const wrongHint = which === 'access_token' ? 'refresh_token' : 'access_token'
    const { status, body } = await oauth.revoke(shop, granted[which], { token_type_hint: wrongHint })
    expect({ status, body }).toEqual({ status: 200, body: '' })
    expect((await oauth.balance(granted.access_token)).status).toBe(401)
    expectRefused(await oauth.refresh(shop, granted.refresh_token), 'invalid_grant')
  })

  test('ends one access of several', async () => {
    const [one, two] = [await oauth.letIn(shop, amina.token), await oauth.letIn(shop, amina.token)]
    expect((await oauth.revoke(shop, one.refresh_token)).status).toBe(200)
    expect((await oauth.balance(two.access_token)).status).toBe(200)
  })

  test('of a machine ends its access', async () => {
    const machine = await machineOf()
    const { access_token: token } = (await oauth.machine(machine)).body
    expect((await oauth.revoke(machine, token)).status).toBe(200)
    expect((await world.call('GET', '/api/v1/agents/me', { token })).status).toBe(401)
  })

  test('that is none, was used, or is another’s is no error and ends nothing', async () => {
    const other = await oauth.register(operator)
    const granted = await oauth.letIn(shop, amina.token)
    for (const token of ['nothing', granted.access_token, granted.refresh_token, amina.token])
      expect((await oauth.revoke(other, token)).status).toBe(200)
    expect((await oauth.balance(granted.access_token)).status).toBe(200)
    expect((await oauth.balance(amina.token)).status).toBe(200)
    expect((await oauth.refresh(shop, granted.refresh_token)).status).toBe(200)
  })

  test('is not for whoever does not prove to be a client, nor without a token', async () => {
    const { access_token } = await oauth.letIn(shop, amina.token)
    expectRefused(await oauth.revoke({ ...shop, secret: 'a guess' }, access_token), 'invalid_client', 401)
    expectRefused(await oauth.send('/oauth/revoke', formOf({ token: access_token })), 'invalid_client', 401)
    expectRefused(await oauth.form('/oauth/revoke', shop, {}), 'invalid_request')
    expect((await oauth.balance(access_token)).status).toBe(200)
  })
})

describe('introspection (RFC 7662)', () => {
  test('tells a client what its tokens are worth', async () => {
    const granted = await oauth.letIn(shop, amina.token)
    const now = Math.floor(world.clock() / 1000)
    const common = { active: true, client_id: shop.id, sub: amina.id, scope: 'openid wallet:read', iss: ISSUER }
    expect((await oauth.introspect(shop, granted.access_token)).body).toMatchObject({
      ...common,
      token_type: 'Bearer',
      iat: now,
      exp: now + 900,
    })
    expect((await oauth.introspect(shop, granted.refresh_token)).body).toMatchObject({ ...common, exp: now + 604_800 })
  })

  test('says of an access token when that token was issued, not the first of its family', async () => {
    const { refresh_token } = await oauth.letIn(shop, amina.token)
    world.clock.advance(10 * MINUTE)
    const { access_token } = (await oauth.refresh(shop, refresh_token)).body
    const { iat, exp } = (await oauth.introspect(shop, access_token)).body
    expect({ iat, exp }).toEqual({
      iat: decodeJwt(access_token).iat as number,
      exp: decodeJwt(access_token).exp as number,
    })
  })

  test('of anything else says that it is not active, and nothing more', async () => {
    const other = await oauth.register(operator)
    const revoked = await oauth.letIn(shop, amina.token)
    await oauth.revoke(shop, revoked.access_token)
    const used = await oauth.letIn(shop, amina.token)
    await oauth.refresh(shop, used.refresh_token)
    const theirs = await oauth.letIn(other, amina.token)
    const old = await oauth.letIn(shop, amina.token)
    world.clock.advance(15 * MINUTE)
    await oauth.renew(amina)
    const { access_token, id_token } = await oauth.letIn(shop, amina.token)
    for (const token of [
      'nothing',
      revoked.access_token,
      revoked.refresh_token,
      used.refresh_token,
      theirs.access_token,
      theirs.refresh_token,
      old.access_token,
      amina.token,
      id_token,
      `${access_token}x`,
    ]) {
      const { status, body } = await oauth.introspect(shop, token)
      expect({ token, status, body }).toEqual({ token, status: 200, body: { active: false } })
    }
  })

  test('is not for whoever proves nothing: a public client, a stranger, a wrong secret', async () => {
    const app = await oauth.register(operator, { isPublic: true })
    const { access_token } = await oauth.letIn(app, amina.token)
    expectRefused(await oauth.introspect(app, access_token), 'invalid_client', 401)
    expectRefused(await oauth.introspect({ ...shop, secret: 'a guess' }, access_token), 'invalid_client', 401)
    expectRefused(await oauth.send('/oauth/introspect', formOf({ token: access_token })), 'invalid_client', 401)
    expectRefused(await oauth.form('/oauth/introspect', shop, {}), 'invalid_request')
  })
})
