/** What an application asks of a person, where the answer goes, and what the person has allowed. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { expectProblem } from '../../acceptance/answers'
import { type Answer, createWorld, type Person, type World } from '../../support/world'
import {
  type Application,
  CALLBACK,
  CHALLENGE,
  expectRefused,
  type Fields,
  formOf,
  ISSUER,
  type OAuthHands,
  oauthHands,
  sentBack,
  VERIFIER,
} from './application'

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
  shop = await oauth.register(operator)
})
afterAll(() => world.end())
beforeEach(() => oauth.renew(operator, amina))

const open = (fields: Fields, session?: string) => oauth.open(oauth.queryOf(shop, fields), session)

/** What the application is told, by way of the browser, without anybody being asked. */
async function told(answer: Answer): Promise<Record<string, string>> {
  expect(answer.status).toBe(302)
  return sentBack(answer.headers.get('location') ?? '')
}

describe('an application that asks', () => {
  test('is shown to the person with what it wants, before anything is allowed', async () => {
    expect((await open({})).headers.get('content-type')).toStartWith('text/html')
    const fresh = await oauth.register(operator, { name: 'Bakery' })
    const asked = await world.call('GET', `/api/v1/oauth/authorization?${oauth.queryOf(fresh)}`, { token: amina.token })
    expect(asked.status).toBe(200)
    expect(asked.body).toMatchObject({
      client: { id: fresh.id, name: 'Bakery' },
      allowedBefore: false,
      user: { email: amina.email },
    })
    expect(asked.body.scopes.map(({ scope }: { scope: string }) => scope)).toEqual(['openid', 'wallet:read'])
  })

  test('is answered with a code, its state, and who answers (RFC 9207)', async () => {
    const { status, body } = await oauth.decide(amina.token, oauth.queryOf(shop, { state: 'a b&c=ü' }))
    expect(status).toBe(200)
    const answer = sentBack(body.redirectTo)
    expect(Object.keys(answer).sort()).toEqual(['code', 'iss', 'state'])
    expect(answer).toMatchObject({ state: 'a b&c=ü', iss: ISSUER })
    expect(answer.code).toMatch(/^[\w-]{43}$/)
  })

  test('that sent no state gets none', async () => {
    const { body } = await oauth.decide(amina.token, oauth.queryOf(shop, { state: undefined }))
    expect(Object.keys(sentBack(body.redirectTo)).sort()).toEqual(['code', 'iss'])
  })

  test('whose redirect URI has a query of its own keeps it', async () => {
    const redirect_uri = 'https://shop.example/callback?tenant=7&name=a%20b'
    const tenant = await oauth.register(operator, { redirectUris: [redirect_uri] })
    const { body } = await oauth.decide(amina.token, oauth.queryOf(tenant, { redirect_uri }))
    expect(sentBack(body.redirectTo)).toMatchObject({ tenant: '7', name: 'a b', state: 'st-1', iss: ISSUER })
  })

  test('is told when the person says no, and gets no code', async () => {
    const { status, body } = await oauth.decide(amina.token, oauth.queryOf(shop), false)
    expect(status).toBe(200)
    expect(sentBack(body.redirectTo)).toEqual({ error: 'access_denied', state: 'st-1', iss: ISSUER })
  })

  test('is let in only by the person’s own hands, not by another application’s token', async () => {
    expectProblem(await world.call('POST', '/api/v1/oauth/authorization', { body: {} }), 401, 'unauthenticated')
    const { access_token } = await oauth.letIn(shop, amina.token)
    expectProblem(await oauth.decide(access_token, oauth.queryOf(shop)), 403, 'insufficient_scope')
    const path = `/oauth/authorize?${oauth.queryOf(shop, { prompt: 'none' })}`
    const cookie = `kumbu_session=${access_token}`
    expect(await told(await world.call('GET', path, { headers: { cookie } }))).toMatchObject({
      error: 'login_required',
    })
  })

  test('gets what the person’s role has, and no more', async () => {
    const broad = await oauth.register(operator, { scopes: ['openid', 'wallet:read', 'ledger:read', 'users:manage'] })
    const scope = 'openid wallet:read ledger:read users:manage'
    const granted = await oauth.letIn(broad, amina.token, { scope })
    expect(granted.scope).toBe('openid wallet:read')
    const { status } = await world.call('GET', '/api/v1/users', { token: granted.access_token })
    expect(status).toBe(403)
  })

  test('for nothing that the person has is not let in without a word', async () => {
    const auditor = await oauth.register(operator, { scopes: ['ledger:read'] })
    const fields = { scope: 'ledger:read' }
    const silent = await told(await oauth.open(oauth.queryOf(auditor, { ...fields, prompt: 'none' }), amina.token))
    expect(silent).not.toHaveProperty('code')
    expect(silent).toHaveProperty('error')
  })
})

describe('the answer goes nowhere else than to a registered redirect URI', () => {
  test.each([
    ['another host', 'https://evil.example/callback'],
    ['a port', 'https://shop.example:8443/callback'],
    ['the port that is implied', 'https://shop.example:443/callback'],
    ['a query', `${CALLBACK}?a=b`],
    ['an empty query', `${CALLBACK}?`],
    ['another path', `${CALLBACK}/more`],
    ['a path that leads back', 'https://shop.example/x/../callback'],
    ['a trailing slash', `${CALLBACK}/`],
    ['capitals in the path', 'https://shop.example/Callback'],
    ['capitals in the host', 'https://SHOP.example/callback'],
    ['a fragment', `${CALLBACK}#x`],
    ['http', 'http://shop.example/callback'],
    ['a user name', 'https://a@shop.example/callback'],
    ['another encoding', 'https://shop.example/%63allback'],
    ['a blank behind', `${CALLBACK} `],
    ['nothing', undefined],
  ])('that differs by %s', async (_, redirect_uri) => {
    const query = oauth.queryOf(shop, { redirect_uri })
    const page = await oauth.open(query)
    expect({ status: page.status, location: page.headers.get('location') }).toEqual({ status: 400, location: null })
    expectProblem(await oauth.decide(amina.token, query), 422, 'authorization_invalid')
  })

  test('of a client that is not there', async () => {
    for (const id of ['cli_00000000000000000000', '', '<script>alert(1)</script>']) {
      const page = await oauth.open(oauth.queryOf({ id, secret: null }))
      expect({ status: page.status, location: page.headers.get('location') }).toEqual({ status: 400, location: null })
      expect(page.body).not.toContain('<script>alert')
    }
  })

  describe('except for the port of the loopback address (RFC 8252)', () => {
    let app: Application
    beforeAll(async () => {
      const redirectUris = ['http://127.0.0.1/callback', 'http://[::1]:4000/callback?x=1']
      app = await oauth.register(operator, { isPublic: true, redirectUris })
    })

    test.each([
      'http://127.0.0.1:51004/callback',
      'http://127.0.0.1/callback',
      'http://[::1]:51004/callback?x=1',
      'http://[::1]/callback?x=1',
    ])('%s', async (redirect_uri) => {
      const code = await oauth.codeFor(app, amina.token, { redirect_uri })
      expectRefused(await oauth.exchange(app, code, { redirect_uri: 'http://127.0.0.1:1/callback' }), 'invalid_grant')
      const another = await oauth.codeFor(app, amina.token, { redirect_uri })
      expect((await oauth.exchange(app, another, { redirect_uri })).status).toBe(200)
    })

    test.each([
      'http://127.0.0.1:51004/other',
      'http://127.0.0.1:51004/callback?x=1',
      'http://localhost:51004/callback',
      'http://127.0.0.2:51004/callback',
      'https://127.0.0.1:51004/callback',
      'http://127.0.0.1:51004@evil.example/callback',
      'http://[::1]:51004/callback',
      'http://127.0.0.1:99999/callback',
    ])('but not %s', async (redirect_uri) => {
      const page = await oauth.open(oauth.queryOf(app, { redirect_uri, response_type: 'token' }))
      expect({ status: page.status, location: page.headers.get('location') }).toEqual({ status: 400, location: null })
      expectProblem(await oauth.decide(amina.token, oauth.queryOf(app, { redirect_uri })), 422, 'authorization_invalid')
    })
  })
})

describe('a request that is wrong goes back to the application as an error', () => {
  test.each<[string, Fields, string]>([
    ['the implicit grant', { response_type: 'token' }, 'unsupported_response_type'],
    ['an ID token without a code', { response_type: 'id_token' }, 'unsupported_response_type'],
    ['the hybrid flow', { response_type: 'code id_token' }, 'unsupported_response_type'],
    ['no PKCE', { code_challenge: undefined, code_challenge_method: undefined }, 'invalid_request'],
    ['no challenge', { code_challenge: undefined }, 'invalid_request'],
    ['PKCE without its method, which means plain', { code_challenge_method: undefined }, 'invalid_request'],
    ['plain PKCE', { code_challenge: VERIFIER, code_challenge_method: 'plain' }, 'invalid_request'],
    ['a method in small letters', { code_challenge_method: 's256' }, 'invalid_request'],
    ['a challenge that is too short', { code_challenge: CHALLENGE.slice(1) }, 'invalid_request'],
    ['a challenge that is no base64url', { code_challenge: `${CHALLENGE.slice(1)}+` }, 'invalid_request'],
    ['a scope that the application does not have', { scope: 'openid wallet:transfer' }, 'invalid_scope'],
    ['a scope that nobody knows', { scope: 'openid everything' }, 'invalid_scope'],
    ['how the person signs in', { scope: 'openid profile:security' }, 'invalid_scope'],
    ['no scope', { scope: undefined }, 'invalid_scope'],
    ['a request object', { request: 'eyJhbGciOiJub25lIn0.e30.' }, 'request_not_supported'],
    ['a request object elsewhere', { request_uri: 'https://shop.example/r' }, 'request_uri_not_supported'],
    ['the answer in a fragment', { response_mode: 'fragment' }, 'invalid_request'],
    ['the answer in a form', { response_mode: 'form_post' }, 'invalid_request'],
    ['an age that is no number', { max_age: 'old' }, 'invalid_request'],
    ['an age below nothing', { max_age: '-1' }, 'invalid_request'],
  ])('%s', async (_, fields, error) => {
    expect(await told(await open(fields))).toMatchObject({ error, state: 'st-1', iss: ISSUER })
    expectProblem(await oauth.decide(amina.token, oauth.queryOf(shop, fields)), 422, 'authorization_invalid')
  })

  test('a parameter without a value is as if it were left out (RFC 6749, section 3.1)', async () => {
    world.clock.advance(1_000)
    const names = ['request', 'request_uri', 'response_mode', 'max_age', 'prompt', 'nonce']
    const answers = names.map(async (name) => {
      const page = await open({ [name]: '' })
      const decided = await oauth.decide(amina.token, oauth.queryOf(shop, { [name]: '' }))
      return { name, page: page.status, decided: decided.status }
    })
    expect(await Promise.all(answers)).toEqual(names.map((name) => ({ name, page: 200, decided: 200 })))
  })

  test('a parameter that comes twice is refused everywhere alike (RFC 6749, section 3.1)', async () => {
    const once = oauth.queryOf(shop, { nonce: 'n', max_age: '900' })
    const names = [...new URLSearchParams(once).keys(), 'request'].filter((name) => name !== 'state')
    const answers = names.map(async (name) => {
      const again = formOf({ [name]: new URLSearchParams(once).get(name) ?? 'x' })
      const twice = `${once}&${again}&${again}`
      const page = await oauth.open(twice)
      const shown = await world.call('GET', `/api/v1/oauth/authorization?${twice}`, { token: amina.token })
      const decided = await oauth.decide(amina.token, twice)
      return { name, asked: page.status === 200, shown: shown.status, decided: decided.status }
    })
    expect(await Promise.all(answers)).toEqual(names.map((name) => ({ name, asked: false, shown: 422, decided: 422 })))
  })

  test('what the person is shown is what the person allows, whatever the query', async () => {
    const twice = `${oauth.queryOf(shop, { scope: 'openid' })}&scope=wallet:read`
    const shown = await world.call('GET', `/api/v1/oauth/authorization?${twice}`, { token: amina.token })
    const decided = await oauth.decide(amina.token, twice)
    expect(decided.status).toBe(shown.status)
    if (shown.status !== 200) return
    const { body } = await oauth.exchange(shop, sentBack(decided.body.redirectTo).code as string)
    expect(body.scope).toBe(shown.body.scopes.map(({ scope }: { scope: string }) => scope).join(' '))
  })
})
