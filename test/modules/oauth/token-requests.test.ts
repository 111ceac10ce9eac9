/** How a client proves to be itself at the token endpoint, and requests that do not have the form that is asked for. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { type Answer, createWorld, PASSWORD, type Person, type World } from '../../support/world'
import {
  type Application,
  basicOf,
  CALLBACK,
  expectRefused,
  formOf,
  type OAuthHands,
  oauthHands,
  VERIFIER,
} from './application'

const TOKEN = '/oauth/token'

let world: World
let oauth: OAuthHands
let operator: Person
let amina: Person
let shop: Application
let app: Application

beforeAll(async () => {
  world = await createWorld()
  oauth = oauthHands(world)
  operator = await world.person('operator')
  amina = await world.customer(10_000)
  shop = await oauth.register(operator)
  app = await oauth.register(operator, { isPublic: true })
})
afterAll(() => world.end())
beforeEach(() => oauth.renew(operator, amina))

/** The form for a code that is good. */
const goodForm = async (by = shop, more: Record<string, string> = {}) =>
  formOf({
    grant_type: 'authorization_code',
    code: await oauth.codeFor(by, amina.token),
    redirect_uri: CALLBACK,
    code_verifier: VERIFIER,
    ...more,
  })

function expectChallenged(answer: Answer): void {
  expectRefused(answer, 'invalid_client', 401)
  expect(answer.headers.get('www-authenticate')).toStartWith('Basic realm=')
}

describe('a client proves to be itself', () => {
  test('in the header or in the body', async () => {
    expect((await oauth.send(TOKEN, await goodForm(), shop)).status).toBe(200)
    const inBody = { client_id: shop.id, client_secret: shop.secret as string }
    expect((await oauth.send(TOKEN, await goodForm(shop, inBody))).status).toBe(200)
    expect((await oauth.send(TOKEN, await goodForm(shop, { client_id: shop.id }), shop)).status).toBe(200)
  })

  test('in one place only', async () => {
    const both = { client_id: shop.id, client_secret: shop.secret as string }
    expectRefused(await oauth.send(TOKEN, await goodForm(shop, both), shop), 'invalid_request')
    expectRefused(await oauth.send(TOKEN, await goodForm(shop, { client_id: app.id }), shop), 'invalid_request')
  })

  test('or is refused, and told how to', async () => {
    const wrong = { ...shop, secret: 'a guess' }
    const form = await goodForm()
    expectChallenged(await oauth.send(TOKEN, form, wrong))
    expectChallenged(await oauth.send(TOKEN, form, { ...shop, id: 'cli_00000000000000000000' }))
    expectChallenged(await oauth.send(TOKEN, `${form}&client_id=${shop.id}&client_secret=guess`))
    expectChallenged(await oauth.send(TOKEN, `${form}&client_id=${shop.id}`))
    expectChallenged(await oauth.send(TOKEN, `${form}&client_id=${shop.id}&client_secret=`))
    expectChallenged(await oauth.send(TOKEN, form))
    expect((await oauth.send(TOKEN, form, shop)).status).toBe(200)
  })

  test('but a public client has nothing to prove it with', async () => {
    const form = await goodForm(app)
    expectChallenged(await oauth.send(TOKEN, `${form}&client_id=${app.id}&client_secret=made-up`))
    expectChallenged(await oauth.send(TOKEN, form, { ...app, secret: 'made-up' }))
    expect((await oauth.send(TOKEN, `${form}&client_id=${app.id}`)).status).toBe(200)
  })

  test.each([
    ['no base64', 'Basic ???'],
    ['no colon', `Basic ${Buffer.from('cli_x').toString('base64')}`],
    ['a broken percent sign', `Basic ${Buffer.from('cli_x:%zz').toString('base64')}`],
    ['nothing', 'Basic '],
  ])('and a header with %s is refused, not a fault', async (_, authorization) => {
    const { status, body } = await oauth.send(TOKEN, await goodForm(), undefined, { authorization })
    expect([400, 401]).toContain(status)
    expect(['invalid_request', 'invalid_client']).toContain(body.error)
  })

  test('and not by the query (RFC 6749, section 2.3.1)', async () => {
    const query = formOf({ client_id: shop.id, client_secret: shop.secret as string })
    expectChallenged(await oauth.send(`${TOKEN}?${query}`, await goodForm()))
  })
})

describe('a grant that is not spoken', () => {
  test('is refused: password, implicit, device, exchange, and what objects have by birth', async () => {
    const person = { username: amina.email, password: PASSWORD }
    for (const grant_type of [
      'password',
      'implicit',
      'token',
      'urn:ietf:params:oauth:grant-type:device_code',
      'urn:ietf:params:oauth:grant-type:token-exchange',
      'constructor',
      '__proto__',
      'toString',
    ])
      expectRefused(await oauth.form(TOKEN, shop, { grant_type, ...person }), 'unsupported_grant_type')
  })

  test('for this client is refused too', async () => {
    expectRefused(await oauth.machine(shop), 'unauthorized_client')
    const once = await oauth.register(operator, { grants: ['authorization_code'] })
    expectRefused(await oauth.refresh(once, 'x'.repeat(43)), 'unauthorized_client')
  })

  test('is demanded', async () => {
    expectRefused(await oauth.form(TOKEN, shop, {}), 'invalid_request')
    expectRefused(await oauth.form(TOKEN, shop, { grant_type: '' }), 'invalid_request')
    expectRefused(await oauth.form(TOKEN, shop, { grant_type: 'refresh_token' }), 'invalid_request')
  })
})

describe('a request of another form', () => {
  test('by GET is not known, and its query is not looked at', async () => {
    const query = `${await goodForm()}&${formOf({ client_id: shop.id, client_secret: shop.secret as string })}`
    for (const path of [TOKEN, '/oauth/revoke', '/oauth/introspect']) {
      const { status, headers } = await world.call('GET', `${path}?${query}`)
      expect({ path, status, allow: headers.get('allow') }).toEqual({ path, status: 405, allow: 'POST' })
    }
  })

  test('in JSON is refused (RFC 6749, section 4.1.3)', async () => {
    const body = Object.fromEntries(new URLSearchParams(await goodForm()))
    const { status } = await world.call('POST', TOKEN, { body, headers: basicOf(shop) })
    expect([400, 415]).toContain(status)
  })

  test('with a member twice is an invalid_request (RFC 6749, sections 3.2 and 5.2)', async () => {
    const form = await goodForm(shop, { client_id: shop.id })
    for (const [name, value] of new URLSearchParams(form)) {
      const answer = await oauth.send(TOKEN, `${form}&${formOf({ [name]: value })}`, shop)
      expect({ name, status: answer.status }).toEqual({ name, status: 400 })
      expectRefused(answer, 'invalid_request')
    }
  })

  test('with a value that is far too long is an invalid_request', async () => {
    expectRefused(await oauth.exchange(shop, 'x'.repeat(5_000)), 'invalid_request')
  })

  test('with nothing in it is an OAuth error', async () => {
    expectRefused(await oauth.send(TOKEN, '', shop), 'invalid_request')
  })

  test('with members that nobody knows is served (RFC 6749, section 3.2)', async () => {
    const more = { resource: 'https://api.example', __proto__x: '1', audience: 'a' }
    expect((await oauth.send(TOKEN, await goodForm(shop, more), shop)).status).toBe(200)
  })
})
