/** What this server says of itself, and the keys that sign for it: published before they sign, and after. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose'
import { createWorld, type Person, type World } from '../../support/world'
import { type Application, HOUR, ISSUER, type OAuthHands, oauthHands } from './application'

const OPENID = '/.well-known/openid-configuration'
const OAUTH = '/.well-known/oauth-authorization-server'
const DAY = 24 * HOUR

let world: World
let oauth: OAuthHands
let operator: Person
let amina: Person
let shop: Application

/** Keys are those of a whole server: each test has one of its own. */
beforeEach(async () => {
  world = await createWorld()
  oauth = oauthHands(world)
  operator = await world.person('operator')
  amina = await world.person('customer')
  shop = await oauth.register(operator)
})
afterEach(() => world.end())

const jwks = async (): Promise<JSONWebKeySet> => (await world.call('GET', '/oauth/jwks')).body
const published = async () => (await jwks()).keys.map(({ kid }) => kid)

async function idToken(): Promise<string> {
  await oauth.renew(amina)
  return (await oauth.letIn(shop, amina.token, { scope: 'openid' })).id_token
}

const signer = async () => decodeProtectedHeader(await idToken()).kid as string

async function rotate(body: object = {}): Promise<string> {
  await oauth.renew(operator)
  const answer = await world.call('POST', '/api/v1/oauth/keys/rotate', { token: operator.token, body })
  expect(answer.status).toBe(201)
  return answer.body.keyId
}

describe('the discovery documents', () => {
  test('say the same, each where its specification looks for it', async () => {
    const [openid, plain] = [await world.call('GET', OPENID), await world.call('GET', OAUTH)]
    expect(openid.status).toBe(200)
    expect(openid.headers.get('content-type')).toStartWith('application/json')
    expect(plain.body).toEqual(openid.body)
    expect(openid.body).toMatchObject({
      issuer: ISSUER,
      response_types_supported: ['code'],
      grant_types_supported: ['authorization_code', 'refresh_token', 'client_credentials'],
      code_challenge_methods_supported: ['S256'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      authorization_response_iss_parameter_supported: true,
      request_parameter_supported: false,
      request_uri_parameter_supported: false,
    })
  })

  test('name no scope that no application can have', async () => {
    const { scopes_supported } = (await world.call('GET', OPENID)).body
    for (const scope of ['openid', 'profile', 'email', 'phone', 'wallet:read'])
      expect(scopes_supported).toContain(scope)
    for (const scope of ['profile:security', 'clients:manage']) expect(scopes_supported).not.toContain(scope)
  })

  test('name only addresses that answer', async () => {
    const { body } = await world.call('GET', OPENID)
    const addresses = Object.entries<unknown>(body).filter(([, value]) => String(value).startsWith('http'))
    expect(addresses.length).toBeGreaterThanOrEqual(8)
    for (const [name, address] of addresses) {
      const { pathname } = new URL(address as string)
      expect(address).toStartWith(`${ISSUER}`)
      if (name === 'issuer') continue
      const isForm = /^(token|revocation|introspection)_/.test(name)
      const answer = isForm ? await oauth.send(pathname, '') : await world.call('GET', pathname)
      const expected = isForm || name === 'userinfo_endpoint' ? 401 : name === 'authorization_endpoint' ? 400 : 200
      expect({ name, status: answer.status }).toEqual({ name, status: expected })
    }
  })

  test('carry the public address when there is one', async () => {
    const publicUrl = 'https://pay.example'
    const behind = await createWorld({ 'public-url': publicUrl })
    const { body } = await behind.call('GET', OPENID)
    const hands = oauthHands(behind)
    const client = await hands.register(await behind.person('operator'))
    const { token } = await behind.person('customer')
    const { redirectTo } = (await hands.decide(token, hands.queryOf(client))).body
    await behind.end()
    expect(body).toMatchObject({ issuer: publicUrl, token_endpoint: `${publicUrl}/oauth/token` })
    expect(new URL(redirectTo).searchParams.get('iss')).toBe(publicUrl)
  })
})

describe('the keys', () => {
  test('are published without their private halves', async () => {
    const { keys } = await jwks()
    expect(keys.length).toBe(1)
    for (const key of keys) {
      expect(Object.keys(key).sort()).toEqual(['alg', 'e', 'kid', 'kty', 'n', 'use'])
      expect(key).toMatchObject({ alg: 'RS256', kty: 'RSA', use: 'sig' })
    }
  })

  test('are made once, however many ask for the first', async () => {
    await Promise.all(Array.from({ length: 8 }, jwks))
    expect((await published()).length).toBe(1)
  })

  test('rotate with overlap: a day before it signs, and a day after it has signed', async () => {
    const old = await signer()
    const next = await rotate()
    expect((await published()).sort()).toEqual([old, next].sort())
    expect(await signer()).toBe(old)
    world.clock.advance(DAY - HOUR)
    expect(await signer()).toBe(old)
    const lastOfOld = await idToken()
    world.clock.advance(HOUR)
    expect(await signer()).toBe(next)
    expect((await published()).sort()).toEqual([old, next].sort())
    const currentDate = new Date(world.clock() - HOUR)
    await jwtVerify(lastOfOld, createLocalJWKSet(await jwks()), { issuer: ISSUER, currentDate })
    world.clock.advance(DAY)
    expect(await published()).toEqual([next])
    expect(await signer()).toBe(next)
  })

  test('rotate by themselves after ninety days, and not before', async () => {
    const old = await signer()
    world.clock.advance(90 * DAY)
    await world.app.oauth.keys.rotateIfDue()
    expect(await published()).toEqual([old])
    world.clock.advance(1)
    await world.app.oauth.keys.rotateIfDue()
    await world.app.oauth.keys.rotateIfDue()
    expect((await published()).length).toBe(2)
    expect(await signer()).toBe(old)
  })

  test('that have leaked are withdrawn at once', async () => {
    const leaked = await signer()
    const next = await rotate({ now: true })
    expect(next).not.toBe(leaked)
    expect(await published()).toEqual([next])
    expect(await signer()).toBe(next)
  })

  test('that have leaked are withdrawn at once in the midst of a rotation too', async () => {
    const leaked = await signer()
    await rotate()
    const next = await rotate({ now: true })
    expect(await published()).toEqual([next])
    expect(await published()).not.toContain(leaked)
    expect(await signer()).toBe(next)
  })

  test('lie sealed in the database', async () => {
    await signer()
    const { signingKeys } = await import('../../../src/modules/oauth/schema')
    const [row] = await world.runtime.store.read.select().from(signingKeys)
    expect(row?.sealedPrivateKey).toMatch(/^[\w-]+$/)
    expect(Buffer.from(row?.sealedPrivateKey ?? '', 'base64url').toString()).not.toContain('"kty"')
  })
})
