/** What an application gets for a code or a refresh token, and all the ways in which it gets nothing. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose'
import { expectProblem } from '../../acceptance/answers'
import { createWorld, PASSWORD, type Person, type World } from '../../support/world'
import {
  type Application,
  CALLBACK,
  expectRefused,
  type Fields,
  ISSUER,
  MINUTE,
  type OAuthHands,
  oauthHands,
  VERIFIER,
} from './application'

let world: World
let oauth: OAuthHands
let operator: Person
let amina: Person
let shop: Application
let other: Application
let app: Application

beforeAll(async () => {
  world = await createWorld()
  oauth = oauthHands(world)
  operator = await world.person('operator')
  amina = await world.customer(10_000)
  shop = await oauth.register(operator)
  other = await oauth.register(operator)
  app = await oauth.register(operator, { isPublic: true })
})
afterAll(() => world.end())
beforeEach(() => oauth.renew(operator, amina))

const sha256 = (text: string) => new Bun.CryptoHasher('sha256').update(text).digest()

describe('a code', () => {
  test('is exchanged for tokens that are not to be kept by anybody on the way', async () => {
    const code = await oauth.codeFor(shop, amina.token)
    const { status, body, headers } = await oauth.exchange(shop, code)
    expect(status).toBe(200)
    expect({ cache: headers.get('cache-control'), pragma: headers.get('pragma') }).toEqual({
      cache: 'no-store',
      pragma: 'no-cache',
    })
    expect(body).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 900,
      scope: 'openid wallet:read',
      refresh_token: expect.stringMatching(/^[\w-]{22,}$/),
      id_token: expect.any(String),
    })
    expect((await oauth.balance(body.access_token)).body).toMatchObject({ balance: 10_000 })
  })

  test('is exchanged by a public client without a secret, by its verifier alone', async () => {
    const code = await oauth.codeFor(app, amina.token)
    expect((await oauth.exchange(app, code)).status).toBe(200)
  })

  test('gives no refresh token and no ID token to a client that has not asked for them', async () => {
    const once = await oauth.register(operator, { grants: ['authorization_code'] })
    const granted = await oauth.letIn(once, amina.token, { scope: 'wallet:read' })
    expect(Object.keys(granted).sort()).toEqual(['access_token', 'expires_in', 'scope', 'token_type'])
  })

  test('lets an application do what it was granted, and nothing else', async () => {
    const { access_token: token } = await oauth.letIn(shop, amina.token, { scope: 'wallet:read' })
    expect((await oauth.balance(token)).status).toBe(200)
    const transfer = { to: operator.id, amount: 1, pin: '2580' }
    for (const [method, path, body] of [
      ['POST', '/api/v1/wallet/me/transfer', transfer],
      ['GET', '/api/v1/auth/profile', undefined],
      ['GET', '/api/v1/auth/sessions', undefined],
      ['GET', '/oauth/userinfo', undefined],
    ] as const)
      expectProblem(await world.call(method, path, { token, body }), 403, 'insufficient_scope')
  })

  test('is good for five minutes', async () => {
    const late = await oauth.codeFor(shop, amina.token)
    world.clock.advance(5 * MINUTE)
    expectRefused(await oauth.exchange(shop, late), 'invalid_grant')
    await oauth.renew(amina)
    const early = await oauth.codeFor(shop, amina.token)
    world.clock.advance(5 * MINUTE - 1)
    expect((await oauth.exchange(shop, early)).status).toBe(200)
  })

  test.each<[string, Fields]>([
    ['another verifier', { code_verifier: `${VERIFIER.slice(1)}x` }],
    ['the challenge as verifier', { code_verifier: sha256(VERIFIER).toString('base64url') }],
    ['a verifier that is too short', { code_verifier: 'short' }],
    ['another redirect URI', { redirect_uri: `${CALLBACK}/` }],
  ])('that comes with %s is refused and spent', async (_, wrong) => {
    const code = await oauth.codeFor(shop, amina.token)
    expectRefused(await oauth.exchange(shop, code, wrong), 'invalid_grant')
    expectRefused(await oauth.exchange(shop, code), 'invalid_grant')
  })

  test('needs its verifier and its redirect URI', async () => {
    const code = await oauth.codeFor(shop, amina.token)
    for (const missing of ['code', 'code_verifier', 'redirect_uri'])
      expectRefused(await oauth.exchange(shop, code, { [missing]: undefined }), 'invalid_request')
  })

  test('is worth nothing to another client, nor is one that nobody issued', async () => {
    const code = await oauth.codeFor(shop, amina.token)
    expectRefused(await oauth.exchange(other, code), 'invalid_grant')
    expectRefused(await oauth.exchange(shop, code), 'invalid_grant')
    expectRefused(await oauth.exchange(shop, 'x'.repeat(43)), 'invalid_grant')
  })

  test('that comes again ends what it was exchanged for, refreshed or not', async () => {
    const code = await oauth.codeFor(shop, amina.token)
    const first = (await oauth.exchange(shop, code)).body
    const second = (await oauth.refresh(shop, first.refresh_token)).body
    expectRefused(await oauth.exchange(shop, code), 'invalid_grant')
    for (const { access_token, refresh_token } of [first, second]) {
      expect((await oauth.balance(access_token)).status).toBe(401)
      expectRefused(await oauth.refresh(shop, refresh_token), 'invalid_grant')
    }
  })

  test('that comes twice at the same time gives no lasting access', async () => {
    const code = await oauth.codeFor(shop, amina.token)
    const answers = await Promise.all([1, 2, 3].map(() => oauth.exchange(shop, code)))
    const granted = answers.filter(({ status }) => status === 200)
    expect(granted.length).toBe(1)
    expect((await oauth.balance(granted[0]?.body.access_token)).status).toBe(401)
  })
})

describe('the ID token', () => {
  async function verified(fields: Fields = {}) {
    const granted = await oauth.letIn(shop, amina.token, { nonce: 'n-0S6_WzA2Mj', ...fields })
    const { body } = await world.call('GET', '/oauth/jwks')
    const options = {
      algorithms: ['RS256'],
      issuer: ISSUER,
      audience: shop.id,
      requiredClaims: ['sub', 'iat', 'exp', 'auth_time', 'at_hash'],
      currentDate: new Date(world.clock()),
    }
    return { granted, ...(await jwtVerify(granted.id_token, createLocalJWKSet(body), options)) }
  }

  test('is signed with a published key and says who, for whom, and since when', async () => {
    await world.call('POST', '/api/v1/auth/step-up', { token: amina.token, body: { password: PASSWORD } })
    const provedAt = Math.floor(world.clock() / 1000)
    world.clock.advance(MINUTE)
    const { payload, protectedHeader, granted } = await verified()
    const now = Math.floor(world.clock() / 1000)
    expect(protectedHeader).toMatchObject({ alg: 'RS256', kid: expect.stringMatching(/^sgk_/) })
    expect(payload).toMatchObject({ sub: amina.id, nonce: 'n-0S6_WzA2Mj', iat: now, auth_time: provedAt })
    expect(payload.amr).toContain('pwd')
    expect(payload.at_hash).toBe(sha256(granted.access_token).subarray(0, 16).toString('base64url'))
    for (const claim of ['name', 'email', 'phone_number']) expect(payload).not.toHaveProperty(claim)
  })

  test('has the nonce of the request and none without one', async () => {
    expect((await verified({ nonce: undefined })).payload).not.toHaveProperty('nonce')
  })

  test('is no access token', async () => {
    const { id_token } = await oauth.letIn(shop, amina.token)
    expectProblem(await oauth.balance(id_token), 401, 'unauthenticated')
    expectProblem(await oauth.userInfo(id_token), 401, 'unauthenticated')
  })
})

describe('userinfo', () => {
  const told = async (scope: string) =>
    (await oauth.userInfo((await oauth.letIn(shop, amina.token, { scope })).access_token)).body

  test('tells what the scopes say, and not more', async () => {
    const email = { email: amina.email, email_verified: true }
    expect(await told('openid')).toEqual({ sub: amina.id })
    expect(await told('openid email')).toEqual({ sub: amina.id, ...email })
    expect(await told('openid phone')).toEqual({
      sub: amina.id,
      phone_number: expect.stringMatching(/^\+258/),
      phone_number_verified: true,
    })
    expect(await told('openid profile')).toEqual({
      sub: amina.id,
      name: expect.any(String),
      updated_at: expect.any(Number),
    })
  })

  test('is asked by GET and by POST (OpenID Connect Core, section 5.3.1)', async () => {
    const { access_token: token } = await oauth.letIn(shop, amina.token)
    expect((await world.call('POST', '/oauth/userinfo', { token })).status).toBe(200)
  })

  test('refuses in the words of RFC 6750', async () => {
    const invalid = await oauth.userInfo('not.a.token')
    expect({ status: invalid.status, challenge: invalid.headers.get('www-authenticate') }).toEqual({
      status: 401,
      challenge: expect.stringContaining('error="invalid_token"'),
    })
    const { access_token } = await oauth.letIn(shop, amina.token, { scope: 'wallet:read' })
    expectProblem(await oauth.userInfo(access_token), 403, 'insufficient_scope')
  })
})

describe('a refresh token', () => {
  test('is exchanged for new tokens of the same access, again and again', async () => {
    let { refresh_token } = await oauth.letIn(shop, amina.token)
    for (let i = 0; i < 3; i++) {
      world.clock.advance(MINUTE)
      const { status, body } = await oauth.refresh(shop, refresh_token)
      expect({ status, scope: body.scope }).toEqual({ status: 200, scope: 'openid wallet:read' })
      expect(body.refresh_token).not.toBe(refresh_token)
      expect((await oauth.balance(body.access_token)).status).toBe(200)
      refresh_token = body.refresh_token
    }
  })

  test('that comes again after the grace ends the whole family', async () => {
    const first = await oauth.letIn(shop, amina.token)
    const second = (await oauth.refresh(shop, first.refresh_token)).body
    world.clock.advance(20_001)
    expectRefused(await oauth.refresh(shop, first.refresh_token), 'invalid_grant')
    expectRefused(await oauth.refresh(shop, second.refresh_token), 'invalid_grant')
    for (const token of [first.access_token, second.access_token]) expect((await oauth.balance(token)).status).toBe(401)
  })

  test('that is used by several at once has one successor, which goes on', async () => {
    const { refresh_token } = await oauth.letIn(shop, amina.token)
    const answers = await Promise.all([1, 2, 3, 4].map(() => oauth.refresh(shop, refresh_token)))
    const successors = new Set(answers.map(({ body }) => body.refresh_token))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    expect(successors.size).toBe(1)
    world.clock.advance(MINUTE)
    expect((await oauth.refresh(shop, [...successors][0])).status).toBe(200)
  })

  test('is worth nothing to another client, and stays good for its own', async () => {
    const { refresh_token } = await oauth.letIn(shop, amina.token)
    expectRefused(await oauth.refresh(other, refresh_token), 'invalid_grant')
    expectRefused(await oauth.refresh(other, refresh_token, { scope: 'everything' }), 'invalid_grant')
    expectRefused(await oauth.refresh(app, refresh_token), 'invalid_grant')
    expect((await oauth.refresh(shop, refresh_token)).status).toBe(200)
  })

  test('of an application is none of a person, and the other way round', async () => {
    const { refresh_token } = await oauth.letIn(shop, amina.token)
    const asPerson = await world.call('POST', '/api/v1/auth/refresh', { body: { refreshToken: refresh_token } })
    expectProblem(asPerson, 401, 'refresh_token_invalid')
    const login = { email: amina.email, password: PASSWORD }
    const { body } = await world.call('POST', '/api/v1/auth/login', { body: login })
    expectRefused(await oauth.refresh(shop, body.refreshToken), 'invalid_grant')
  })

  test('never gives more than was granted; what it gives is what it says', async () => {
    const { refresh_token } = await oauth.letIn(shop, amina.token)
    expectRefused(await oauth.refresh(shop, refresh_token, { scope: 'openid wallet:read email' }), 'invalid_scope')
    const { status, body } = await oauth.refresh(shop, refresh_token, { scope: 'openid' })
    expect(status).toBe(200)
    expect(decodeJwt(body.access_token).scope).toBe(body.scope)
    const mayRead = body.scope.split(' ').includes('wallet:read')
    expect((await oauth.balance(body.access_token)).status).toBe(mayRead ? 200 : 403)
  })

  test('ends after seven days, however often it is exchanged', async () => {
    let { refresh_token } = await oauth.letIn(shop, amina.token)
    const day = 24 * 60 * MINUTE
    for (let i = 0; i < 6; i++) {
      world.clock.advance(day)
      refresh_token = (await oauth.refresh(shop, refresh_token)).body.refresh_token
    }
    world.clock.advance(day)
    expectRefused(await oauth.refresh(shop, refresh_token), 'invalid_grant')
  })
})
