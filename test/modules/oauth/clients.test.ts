/** OAuth clients: who registers them, what they may ask for, their secrets, and their end. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { expectProblem } from '../../acceptance/answers'
import { type Answer, createWorld, PASSWORD, type Person, type World } from '../../support/world'
import { type Application, CALLBACK, expectRefused, MINUTE, type OAuthHands, oauthHands } from './application'

const CLIENTS = '/api/v1/oauth/clients'

let world: World
let oauth: OAuthHands
let operator: Person
let amina: Person
let atm: Person

beforeAll(async () => {
  world = await createWorld()
  oauth = oauthHands(world)
  operator = await world.person('operator')
  amina = await world.customer(10_000)
  atm = await world.person('atm')
})
afterAll(() => world.end())
beforeEach(() => oauth.renew(operator, amina))

const SHOP = {
  name: 'Shop till',
  redirectUris: [CALLBACK],
  grants: ['authorization_code', 'refresh_token'],
  scopes: ['openid', 'wallet:read'],
}

const make = (fields: object, token = operator.token) =>
  world.call('POST', CLIENTS, { token, body: { ...SHOP, ...fields } })

/** A client whose only grant is its own credentials. */
const machineOf = (userId: string) => ({
  redirectUris: [],
  grants: ['client_credentials'],
  scopes: ['wallet:read', 'withdrawals:pay'],
  userId,
})
const makeMachine = (fields: object = {}) => make({ ...machineOf(atm.id), ...fields })

/** The operator’s session, seventeen minutes after the password was last asked for. */
async function staleOperator(): Promise<string> {
  const email = `stale${Math.trunc(world.clock())}@example.com`
  await world.app.identity.people.create({ name: 'Otto', email, password: PASSWORD, role: 'operator' }, 'system')
  const { body } = await world.call('POST', '/api/v1/auth/login', { body: { email, password: PASSWORD } })
  await world.setUpApp(email, body.accessToken)
  world.clock.advance(17 * MINUTE)
  const { refreshToken } = body
  const renewed = await world.call('POST', '/api/v1/auth/refresh', { body: { refreshToken } })
  expect(renewed.status).toBe(200)
  return renewed.body.accessToken
}

describe('registering a client', () => {
  test('answers it with a secret of 256 bits, and never shows the secret again', async () => {
    const made = await make({})
    expect(made.status).toBe(201)
    const { clientSecret, ...client } = made.body
    expect(clientSecret).toMatch(/^[\w-]{43}$/)
    expect(client).toMatchObject({ ...SHOP, isPublic: false, userId: null })
    const shown = await world.call('GET', `${CLIENTS}/${client.id}`, { token: operator.token })
    expect(shown.body).toEqual(client)
    const list = await world.call('GET', CLIENTS, { token: operator.token })
    expect(list.body.items).toContainEqual(client)
    expect(JSON.stringify(list.body)).not.toContain(clientSecret)
  })

  test('gives a public client no secret', async () => {
    const { status, body } = await make({ isPublic: true })
    expect({ status, isPublic: body.isPublic, secret: body.clientSecret }).toEqual({
      status: 201,
      isPublic: true,
      secret: null,
    })
  })

  const everybody = ['customer', 'agent', 'support', 'auditor'] as const
  test.each(everybody)('is not for a person of the role %s', async (role) => {
    const { token } = await world.person(role)
    expectProblem(await make({}, token), 403, 'insufficient_scope')
    expectProblem(await world.call('GET', CLIENTS, { token }), 403, 'insufficient_scope')
    const rotated = await world.call('POST', '/api/v1/oauth/keys/rotate', { token, body: {} })
    expectProblem(rotated, 403, 'insufficient_scope')
  })

  test('is not for strangers', async () => {
    expectProblem(await world.call('POST', CLIENTS, { body: SHOP }), 401, 'unauthenticated')
  })

  test('needs a name, a grant and a scope, and knows no other members', async () => {
    for (const fields of [
      { name: '' },
      { grants: [] },
      { scopes: [] },
      { grants: ['password'] },
      { grants: ['implicit'] },
      { secret: 'one of my own' },
      { id: 'cli_00000000000000000000' },
    ])
      expectProblem(await make(fields), 422, 'validation_failed')
  })
})

describe('a redirect URI', () => {
  test.each([
    'https://shop.example/callback',
    'https://shop.example:8443/a/b?tenant=7',
    'https://shop.example',
    'http://127.0.0.1/callback',
    'http://127.0.0.1:3999/callback',
    'http://[::1]:3999/callback',
    'com.example.app:/callback',
    'com.example.app://callback',
  ])('may be %s', async (uri) => {
    const { status, body } = await make({ redirectUris: [uri] })
    expect({ status, uris: body.redirectUris }).toEqual({ status: 201, uris: [uri] })
  })

  test.each([
    ['a script', 'javascript:alert(1)'],
    ['a script in capitals', 'JavaScript:alert(1)'],
    ['a script after a blank', ' javascript:alert(1)'],
    ['a script with a tab in its scheme', 'java\tscript:alert(1)'],
    ['a script after a control character', '\u0001javascript:alert(1)'],
    ['data', 'data:text/html,hello'],
    ['VBScript', 'vbscript:msgbox(1)'],
    ['a file', 'file:///etc/passwd'],
    ['a blob', 'blob:https://shop.example/1'],
    ['FTP', 'ftp://shop.example/callback'],
    ['a web socket', 'wss://shop.example/callback'],
    ['a fragment', 'https://shop.example/callback#top'],
    ['an empty fragment', 'https://shop.example/callback#'],
    ['http to another machine', 'http://shop.example/callback'],
    ['http to a name that only begins like the loopback address', 'http://127.0.0.1.evil.example/callback'],
    ['http to the loopback address as a user name', 'http://127.0.0.1@evil.example/callback'],
    ['http to another machine of the network', 'http://192.168.1.10/callback'],
    ['http to every address', 'http://0.0.0.0/callback'],
    ['a wildcard host', 'https://*.shop.example/callback'],
    ['a wildcard path', 'https://shop.example/*'],
    ['a user name', 'https://amina@shop.example/callback'],
    ['a user name and a password', 'https://amina:secret@shop.example/callback'],
    ['a backslash', 'https://shop.example\\@evil.example/callback'],
    ['a line break', 'https://shop.example/\r\nset-cookie: a=b'],
    ['a relative address', '/callback'],
    ['an address without a scheme', 'shop.example/callback'],
    ['nothing', ''],
    ['a scheme of its own without a dot', 'myapp:/callback'],
    ['a mail address', 'mailto:amina@example.com'],
  ])('cannot be %s', async (_, uri) => {
    expectProblem(await make({ redirectUris: [CALLBACK, uri] }), 422, 'redirect_uri_invalid')
  })
})

describe('grants', () => {
  test('that do not go together are refused', async () => {
    const none = { redirectUris: [] }
    const machine = { grants: ['client_credentials'], userId: atm.id }
    for (const fields of [
      none,
      { ...none, grants: ['refresh_token'] },
      { grants: ['refresh_token'] },
      { ...none, ...machine, isPublic: true },
      { ...none, ...machine, grants: ['client_credentials', 'refresh_token'] },
      machine,
    ])
      expectProblem(await make(fields), 422, 'grants_invalid')
  })

  test('client_credentials needs an account that is there and active, and nothing else has one', async () => {
    const frozen = await world.person('atm')
    await world.call('POST', `/api/v1/users/${frozen.id}/freeze`, { token: operator.token, body: {} })
    for (const userId of [undefined, 'usr_00000000000000000000', frozen.id])
      expectProblem(await makeMachine({ userId }), 422, 'client_user_invalid')
    expectProblem(await make({ userId: atm.id }), 422, 'client_user_invalid')
    expect((await makeMachine()).status).toBe(201)
  })
})

describe('scopes', () => {
  test.each(['profile:security', 'clients:manage', 'nothing:known', 'wallet:read openid', 'toString', '__proto__'])(
    'of an application are never %s',
    async (scope) => {
      expectProblem(await make({ scopes: ['openid', scope] }), 422, 'scope_not_grantable')
    },
  )
})

describe('the secret', () => {
  const rotate = (id: string, token = operator.token): Promise<Answer> =>
    world.call('POST', `${CLIENTS}/${id}/secret`, { token, body: {} })

  test('is replaced at once, and what was issued stays', async () => {
    const shop = await oauth.register(operator)
    const { access_token, refresh_token } = await oauth.letIn(shop, amina.token)
    const { status, body } = await rotate(shop.id)
    expect(status).toBe(200)
    expect(body.clientSecret).not.toBe(shop.secret)
    expectRefused(await oauth.refresh(shop, refresh_token), 'invalid_client', 401)
    expect((await oauth.balance(access_token)).status).toBe(200)
    expect((await oauth.refresh({ ...shop, secret: body.clientSecret }, refresh_token)).status).toBe(200)
  })

  test('is not kept in the clear', async () => {
    const { id, secret } = await oauth.register(operator)
    const { store } = world.runtime
    const { oauthClients } = await import('../../../src/modules/oauth/schema')
    const row = (await store.read.select().from(oauthClients)).find((client) => client.id === id)
    expect(row?.secretHash).toMatch(/^[\w-]{43}$/)
    expect(JSON.stringify(row)).not.toContain(secret as string)
  })

  test('of a public client, or of one that is not there, cannot be replaced', async () => {
    const { id } = (await make({ isPublic: true })).body
    expectProblem(await rotate(id), 422, 'grants_invalid')
    expectProblem(await rotate('cli_00000000000000000000'), 404, 'client_not_found')
  })
})

describe('revoking a client', () => {
  const end = (id: string, token = operator.token) => world.call('DELETE', `${CLIENTS}/${id}`, { token })

  async function expectEnded(shop: Application, held: { access: string; refresh: string; code: string }) {
    expect((await oauth.balance(held.access)).status).toBe(401)
    expectRefused(await oauth.refresh(shop, held.refresh), 'invalid_client', 401)
    expectRefused(await oauth.exchange(shop, held.code), 'invalid_client', 401)
    expectRefused(await oauth.introspect(shop, held.access), 'invalid_client', 401)
  }

  test('ends its access, its refresh tokens and its codes at once', async () => {
    const shop = await oauth.register(operator)
    const { access_token, refresh_token } = await oauth.letIn(shop, amina.token)
    const code = await oauth.codeFor(shop, amina.token)
    expect((await oauth.balance(access_token)).status).toBe(200)
    expect((await end(shop.id)).status).toBe(204)
    await expectEnded(shop, { access: access_token, refresh: refresh_token, code })
    expect((await oauth.open(oauth.queryOf(shop))).status).toBe(400)
    const mine = await world.call('GET', '/api/v1/oauth/applications', { token: amina.token })
    expect(JSON.stringify(mine.body)).not.toContain(shop.id)
  })

  test.each([0, 5, 20, 50])('ends also what is issued to it at the same moment (%d turns later)', async (turns) => {
    const shop = await oauth.register(operator)
    const machine = await oauth.register(operator, machineOf(atm.id))
    const code = await oauth.codeFor(shop, amina.token)
    const soon = async (ask: () => Promise<Answer>) => {
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      return ask()
    }
    const [, , ...answers] = await Promise.all([
      end(shop.id),
      end(machine.id),
      soon(() => oauth.exchange(shop, code)),
      soon(() => oauth.machine(machine)),
    ])
    for (const { body } of answers.filter(({ status }) => status === 200))
      expect((await oauth.balance(body.access_token)).status).toBe(401)
  })

  test('takes it out of the list, once', async () => {
    const { id } = await oauth.register(operator)
    expect((await end(id)).status).toBe(204)
    expectProblem(await end(id), 404, 'client_not_found')
    expectProblem(await world.call('GET', `${CLIENTS}/${id}`, { token: operator.token }), 404, 'client_not_found')
    expect(JSON.stringify((await world.call('GET', CLIENTS, { token: operator.token })).body)).not.toContain(id)
  })

  test('leaves other clients alone', async () => {
    const [shop, other] = [await oauth.register(operator), await oauth.register(operator)]
    const { access_token } = await oauth.letIn(other, amina.token)
    expect((await end(shop.id)).status).toBe(204)
    expect((await oauth.balance(access_token)).status).toBe(200)
  })
})

describe('what changes clients or keys', () => {
  test('asks again who it is when the last proof is older than a quarter of an hour', async () => {
    const { id } = (await make({})).body
    const token = await staleOperator()
    expectProblem(await make({}, token), 403, 'step_up_required')
    for (const [method, path] of [
      ['POST', `${CLIENTS}/${id}/secret`],
      ['DELETE', `${CLIENTS}/${id}`],
      ['POST', '/api/v1/oauth/keys/rotate'],
    ] as const)
      expectProblem(
        await world.call(method, path, { token, ...(method === 'POST' ? { body: {} } : {}) }),
        403,
        'step_up_required',
      )
    const proved = await world.call('POST', '/api/v1/auth/step-up', { token, body: { password: PASSWORD } })
    expect(proved.status).toBeLessThan(300)
    expect((await make({}, token)).status).toBe(201)
  })

  test('stands in the audit log, with who did it', async () => {
    const { id } = (await make({})).body
    await world.call('POST', `${CLIENTS}/${id}/secret`, { token: operator.token, body: {} })
    await world.call('DELETE', `${CLIENTS}/${id}`, { token: operator.token })
    const { body } = await world.call('GET', `/api/v1/audit?subject=${id}`, { token: operator.token })
    const entries = body.items.map(({ actor, action }: { actor: string; action: string }) => `${actor} ${action}`)
    expect(entries.sort()).toEqual([
      `${operator.id} oauth_client.make`,
      `${operator.id} oauth_client.new_secret`,
      `${operator.id} oauth_client.revoke`,
    ])
  })
})
