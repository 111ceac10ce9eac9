/** OAuth as applications speak it: two clients that others wrote and certified, against the executable, from end to end. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { emptyFolder, type Running, startServer } from '../support/executable'
import { balanceOf, DEMO, get, post, signIn } from './api'

const [CUSTOMER] = DEMO.customers
const CALLBACK = 'https://shop.example/callback'
const SCOPE = 'openid profile email wallet:read'

interface Registered {
  id: string
  clientSecret: string
}

const folder = emptyFolder()
let server: Running
let issuer: URL
let customer: { accessToken: string; user: { id: string } }
let shop: Registered
let app: Registered
let machine: Registered

async function register(token: string, fields: object): Promise<Registered> {
  const { status, body } = await post(server.base, '/api/v1/oauth/clients', fields, token)
  expect({ status, code: body.code }).toEqual({ status: 201, code: undefined })
  return body
}

beforeAll(async () => {
  server = await startServer({ cwd: folder.path, args: ['--demo'] })
  issuer = new URL(server.base)
  const { accessToken } = await signIn(server.base, DEMO.operator)
  customer = await signIn(server.base, CUSTOMER)
  const forPeople = {
    redirectUris: [CALLBACK],
    grants: ['authorization_code', 'refresh_token'],
    scopes: SCOPE.split(' '),
  }
  shop = await register(accessToken, { name: 'Shop till', ...forPeople })
  const loopback = { redirectUris: ['http://127.0.0.1/callback'], isPublic: true }
  app = await register(accessToken, { name: 'Desk app', ...forPeople, ...loopback })
  const atm = { name: 'ATM 7', email: 'atm7@example.com', password: 'a machine by the market', role: 'atm' }
  const made = await post(server.base, '/api/v1/users', atm, accessToken)
  expect(made.status).toBe(201)
  machine = await register(accessToken, {
    name: 'ATM 7',
    grants: ['client_credentials'],
    scopes: ['wallet:read', 'withdrawals:pay'],
    userId: made.body.id,
  })
})
afterAll(async () => {
  await server.kill()
  folder.remove()
})

/** The browser: the address answers with a page, on which the person says yes or no; answers where it goes next. */
async function browse(address: URL, allow = true): Promise<URL> {
  const page = await fetch(address, { redirect: 'manual' })
  expect({ status: page.status, type: page.headers.get('content-type') }).toEqual({
    status: 200,
    type: expect.stringContaining('text/html'),
  })
  const decision = { allow, query: address.search.slice(1) }
  const { status, body } = await post(server.base, '/api/v1/oauth/authorization', decision, customer.accessToken)
  expect(status).toBe(200)
  return new URL(body.redirectTo)
}

async function expectAccess(token: string): Promise<void> {
  expect(await balanceOf(server.base, token)).toMatchObject({ balance: 100_000 })
}

async function expectNoAccess(token: string): Promise<void> {
  expect((await get(server.base, '/api/v1/wallet/me/balance', token)).status).toBe(401)
}

describe('openid-client', () => {
  /** Plain http is for this machine only; signatures are checked even where the connection would do. */
  const insecure = { execute: [openid.allowInsecureRequests, openid.enableNonRepudiationChecks] }
  const configured = ({ id, clientSecret }: Registered, auth = openid.ClientSecretBasic(clientSecret)) =>
    openid.discovery(issuer, id, { client_secret: clientSecret }, auth, insecure)

  interface Asked {
    address: URL
    checks: { pkceCodeVerifier: string; expectedState: string; expectedNonce: string; idTokenExpected: true }
  }

  async function ask(config: openid.Configuration, redirect_uri = CALLBACK, more = {}): Promise<Asked> {
    const pkceCodeVerifier = openid.randomPKCECodeVerifier()
    const [expectedState, expectedNonce] = [openid.randomState(), openid.randomNonce()]
    const address = openid.buildAuthorizationUrl(config, {
      redirect_uri,
      scope: SCOPE,
      code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
      state: expectedState,
      nonce: expectedNonce,
      ...more,
    })
    return { address, checks: { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true } }
  }

  test('finds out about the server by both documents', async () => {
    const { id, clientSecret } = shop
    for (const algorithm of ['oidc', 'oauth2'] as const) {
      const config = await openid.discovery(issuer, id, clientSecret, undefined, { ...insecure, algorithm })
      expect(config.serverMetadata()).toMatchObject({ issuer: issuer.origin })
      expect(config.serverMetadata().supportsPKCE()).toBe(true)
    }
  })

  test.each([
    ['in the header', openid.ClientSecretBasic],
    ['in the body', openid.ClientSecretPost],
  ])('lets a person in, and stays in until it is revoked, with the secret %s', async (_, auth) => {
    const config = await configured(shop, auth(shop.clientSecret))
    const { address, checks } = await ask(config, CALLBACK, { max_age: '600' })
    const granted = await openid.authorizationCodeGrant(config, await browse(address), { ...checks, maxAge: 600 })
    const claims = granted.claims()
    expect(claims).toMatchObject({ iss: issuer.origin, sub: customer.user.id, aud: shop.id, email: CUSTOMER })
    expect(granted.expiresIn()).toBeGreaterThan(890)
    await expectAccess(granted.access_token)

    const told = await openid.fetchUserInfo(config, granted.access_token, claims?.sub as string)
    expect(told).toMatchObject({ sub: customer.user.id, name: 'Carla Customer', email: CUSTOMER, email_verified: true })

    const renewed = await openid.refreshTokenGrant(config, granted.refresh_token as string)
    expect(renewed.refresh_token).not.toBe(granted.refresh_token)
    await expectAccess(renewed.access_token)
    expect(await openid.tokenIntrospection(config, renewed.access_token)).toMatchObject({
      active: true,
      client_id: shop.id,
      sub: customer.user.id,
      scope: SCOPE,
    })

    await openid.tokenRevocation(config, renewed.refresh_token as string)
    const ended: object = await openid.tokenIntrospection(config, renewed.access_token)
    expect(ended).toEqual({ active: false })
    await expectNoAccess(renewed.access_token)
    const again = openid.refreshTokenGrant(config, renewed.refresh_token as string)
    await expect(again).rejects.toMatchObject({ error: 'invalid_grant', status: 400 })
  })

  test('lets a person in from an app on a desk, on a port of its own and without a secret', async () => {
    const config = await configured(app, openid.None())
    const { address, checks } = await ask(config, 'http://127.0.0.1:51004/callback')
    const granted = await openid.authorizationCodeGrant(config, await browse(address), checks)
    await expectAccess(granted.access_token)
    const renewed = await openid.refreshTokenGrant(config, granted.refresh_token as string)
    await openid.tokenRevocation(config, renewed.access_token)
    await expectNoAccess(renewed.access_token)
  })

  test('is told when the person says no, and what it asked wrongly', async () => {
    const config = await configured(shop)
    const { address, checks } = await ask(config)
    const denied = openid.authorizationCodeGrant(config, await browse(address, false), checks)
    await expect(denied).rejects.toMatchObject({ error: 'access_denied' })
    const wrong = await ask(config, CALLBACK, { scope: 'openid everything' })
    const sent = await fetch(wrong.address, { redirect: 'manual' })
    const answer = openid.authorizationCodeGrant(config, new URL(sent.headers.get('location') ?? ''), wrong.checks)
    await expect(answer).rejects.toMatchObject({ error: 'invalid_scope' })
  })

  test('notices an answer of another server, another state, and another nonce', async () => {
    const config = await configured(shop)
    const { address, checks } = await ask(config)
    const answer = await browse(address)
    const mixed = new URL(answer)
    mixed.searchParams.set('iss', 'https://evil.example')
    await expect(openid.authorizationCodeGrant(config, mixed, checks)).rejects.toThrow()
    const stranger = { ...checks, expectedState: openid.randomState() }
    await expect(openid.authorizationCodeGrant(config, answer, stranger)).rejects.toThrow()
    const replayed = { ...checks, expectedNonce: openid.randomNonce() }
    const refused = await openid.authorizationCodeGrant(config, answer, replayed).catch((error) => error)
    expect(refused).toBeInstanceOf(openid.ClientError)
    expect(refused.cause.cause).toMatchObject({ claim: 'nonce' })
  })

  test('acts as a machine with credentials of its own', async () => {
    const config = await configured(machine)
    const { access_token, scope } = await openid.clientCredentialsGrant(config, { scope: 'wallet:read' })
    expect(scope).toBe('wallet:read')
    expect(await balanceOf(server.base, access_token)).toMatchObject({ balance: 0 })
    const more = openid.clientCredentialsGrant(config, { scope: 'users:manage' })
    await expect(more).rejects.toMatchObject({ error: 'invalid_scope' })
    const stranger = await configured(machine, openid.ClientSecretBasic('a guess'))
    await expect(openid.clientCredentialsGrant(stranger)).rejects.toMatchObject({ status: 401 })
  })
})

describe('oauth4webapi', () => {
  const insecure = { [oauth.allowInsecureRequests]: true }
  let as: oauth.AuthorizationServer

  const clientOf = ({ id }: Registered): oauth.Client => ({ client_id: id })
  const secretOf = ({ clientSecret }: Registered) => oauth.ClientSecretPost(clientSecret)

  beforeAll(async () => {
    as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure))
  })

  test('finds out about the server by both documents', async () => {
    const plain = await oauth.discoveryRequest(issuer, { ...insecure, algorithm: 'oauth2' })
    expect(await oauth.processDiscoveryResponse(issuer, plain)).toEqual(as)
    expect(as.authorization_response_iss_parameter_supported).toBe(true)
  })

  test('lets a person in, and stays in until it is revoked', async () => {
    const [client, auth] = [clientOf(shop), secretOf(shop)]
    const verifier = oauth.generateRandomCodeVerifier()
    const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()]
    const address = new URL(as.authorization_endpoint as string)
    address.search = new URLSearchParams({
      client_id: shop.id,
      redirect_uri: CALLBACK,
      response_type: 'code',
      scope: SCOPE,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
    }).toString()

    const answer = oauth.validateAuthResponse(as, client, await browse(address), state)
    const exchanged = await oauth.authorizationCodeGrantRequest(as, client, auth, answer, CALLBACK, verifier, insecure)
    const checks = { expectedNonce: nonce, requireIdToken: true, maxAge: 600 }
    const granted = await oauth.processAuthorizationCodeResponse(as, client, exchanged, checks)
    await oauth.validateApplicationLevelSignature(as, exchanged, insecure)
    expect(oauth.getValidatedIdTokenClaims(granted)).toMatchObject({ sub: customer.user.id, aud: shop.id })
    await expectAccess(granted.access_token)

    const asked = await oauth.userInfoRequest(as, client, granted.access_token, insecure)
    const told = await oauth.processUserInfoResponse(as, client, customer.user.id, asked)
    expect(told).toMatchObject({ email: CUSTOMER, name: 'Carla Customer' })

    const refreshToken = granted.refresh_token as string
    const refreshed = await oauth.refreshTokenGrantRequest(as, client, auth, refreshToken, insecure)
    const renewed = await oauth.processRefreshTokenResponse(as, client, refreshed)
    await expectAccess(renewed.access_token)

    const introspect = async () => {
      const response = await oauth.introspectionRequest(as, client, auth, renewed.access_token, insecure)
      return oauth.processIntrospectionResponse(as, client, response)
    }
    expect(await introspect()).toMatchObject({ active: true, client_id: shop.id, scope: SCOPE })
    await oauth.processRevocationResponse(
      await oauth.revocationRequest(as, client, auth, renewed.access_token, insecure),
    )
    expect(await introspect()).toEqual({ active: false })
    await expectNoAccess(granted.access_token)
    await expectNoAccess(renewed.access_token)
  })

  test('is told in its own words that a code was used', async () => {
    const [client, auth] = [clientOf(shop), secretOf(shop)]
    const code = new URLSearchParams({ code: 'x'.repeat(43), iss: issuer.origin })
    const answer = oauth.validateAuthResponse(as, client, code)
    const verifier = oauth.generateRandomCodeVerifier()
    const response = await oauth.authorizationCodeGrantRequest(as, client, auth, answer, CALLBACK, verifier, insecure)
    const outcome = oauth.processAuthorizationCodeResponse(as, client, response)
    await expect(outcome).rejects.toMatchObject({ error: 'invalid_grant', status: 400 })
  })

  test('is challenged when its secret is wrong', async () => {
    const wrong = oauth.ClientSecretBasic('a guess')
    const response = await oauth.clientCredentialsGrantRequest(as, clientOf(machine), wrong, {}, insecure)
    const outcome = oauth.processClientCredentialsResponse(as, clientOf(machine), response)
    await expect(outcome).rejects.toMatchObject({ status: 401 })
  })

  test('acts as a machine with credentials of its own', async () => {
    const [client, auth] = [clientOf(machine), secretOf(machine)]
    const response = await oauth.clientCredentialsGrantRequest(as, client, auth, {}, insecure)
    const { access_token, scope } = await oauth.processClientCredentialsResponse(as, client, response)
    expect(scope?.split(' ').sort()).toEqual(['wallet:read', 'withdrawals:pay'])
    expect(await balanceOf(server.base, access_token)).toMatchObject({ balance: 0 })
  })
})
