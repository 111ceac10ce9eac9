/** Passkeys: registered, shown instead of a password or beside it, and refused whenever anything about them does not fit. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { expectProblem } from '../../acceptance/answers'
import {
  type Authenticator,
  type CredentialJson,
  createAuthenticator,
  type Lies,
  type RequestOptions,
  tampered,
} from '../../support/authenticator'
import { type Answer, createWorld, PASSWORD, type Person, type World } from '../../support/world'

const MINUTE = 60_000
const ANOTHER_SITE = 'https://kumbu.example'

let world: World
let origin: string

beforeAll(async () => {
  world = await createWorld({ mode: 'development' })
  origin = `http://localhost:${world.config.port}`
})
afterAll(() => world.end())

interface Asked<Options> {
  challengeId: string
  options: Options
}

/** All mails to the address: which of two that are sent together comes first is open. */
const textsTo = async (email: string) => (await world.mailTo(email)).map(({ text }) => text).join('\n')
const post = (path: string, body: unknown, token?: string) => world.call('POST', `/api/v1/auth${path}`, { token, body })

const authenticator = (counts = true) => createAuthenticator({ origin, counts })

async function askToRegister(token: string): Promise<Asked<Parameters<Authenticator['create']>[0]>> {
  const { status, body } = await world.call('POST', '/api/v1/auth/passkeys/options', { token })
  expect(status).toBe(200)
  return body
}

async function register(
  token: string,
  device: Authenticator,
  { name = 'My phone', lies = {} }: { name?: string; lies?: Lies } = {},
): Promise<Answer> {
  const { challengeId, options } = await askToRegister(token)
  return post('/passkeys', { challengeId, name, credential: device.create(options, lies) }, token)
}

/** Somebody with a passkey. */
async function withPasskey(
  role: 'customer' | 'operator' = 'customer',
  device = authenticator(),
): Promise<Person & { device: Authenticator; passkeyId: string }> {
  const person = await world.person(role)
  const { status, body } = await register(person.token, device)
  expect(status).toBe(201)
  return { ...person, device, passkeyId: body.id }
}

async function ask(challengeId?: string): Promise<Asked<RequestOptions>> {
  const { status, body } = await post('/login/passkey/options', challengeId === undefined ? {} : { challengeId })
  expect(status).toBe(200)
  return body
}

const show = (challengeId: string, credential: CredentialJson) => post('/login/passkey', { challengeId, credential })

/** A sign-in with the passkey alone. */
async function signInWith(device: Authenticator, lies: Lies = {}): Promise<Answer> {
  const { challengeId, options } = await ask()
  return show(challengeId, device.get(options, lies))
}

const login = async (email: string): Promise<Answer> => post('/login', { email, password: PASSWORD })

const factorsOf = async (token: string) => (await world.call('GET', '/api/v1/auth/2fa', { token })).body
const listOf = async (token: string) => (await world.call('GET', '/api/v1/auth/passkeys', { token })).body.items
const remove = (token: string, id: string) => world.call('DELETE', `/api/v1/auth/passkeys/${id}`, { token })
const profile = (token: string) => world.call('GET', '/api/v1/auth/profile', { token })
const changeEmail = (token: string) =>
  world.call('PUT', '/api/v1/auth/email', { token, body: { email: 'new@example.com' } })

const hostOf = () => new URL(origin).hostname

describe('registering a passkey', () => {
  test('asks for a key that verifies its user, for this site and this account', async () => {
    const { token, email } = await world.person('customer', 'Amina')
    const { challengeId, options } = await askToRegister(token)
    expect(challengeId).toMatch(/^chl_[0-9a-z]{20}$/)
    expect(options).toMatchObject({
      rp: { id: hostOf(), name: 'Kumbu' },
      user: { name: email, displayName: 'Amina' },
      attestation: 'none',
      excludeCredentials: [],
      authenticatorSelection: { userVerification: 'required' },
    })
    // Section 13.4.3: at least 16 random bytes.
    expect(Buffer.from(options.challenge, 'base64url').length).toBeGreaterThanOrEqual(16)
  })

  test('tells the authenticator no id that others see, and the same handle each time', async () => {
    const { token, id } = await world.person('customer')
    const [first, second] = [await askToRegister(token), await askToRegister(token)]
    expect(first.options.user.id).toBe(second.options.user.id)
    expect(Buffer.from(first.options.user.id, 'base64url').toString('latin1')).not.toContain(id)
    expect(first.options.challenge).not.toBe(second.options.challenge)
  })

  test('makes it a second factor, and is told by mail', async () => {
    const { token, email } = await world.person('customer')
    const { status, body } = await register(token, authenticator(), { name: 'My phone' })
    expect(status).toBe(201)
    expect(body).toEqual({
      id: expect.stringMatching(/^psk_[0-9a-z]{20}$/),
      name: 'My phone',
      createdAt: expect.any(String),
      lastUsedAt: null,
    })
    expect(await factorsOf(token)).toMatchObject({ methods: ['passkey'], required: false })
    expect(await textsTo(email)).toContain('A passkey was added to your account.')
  })

  test('lifts what restricted an operator who had no second factor yet', async () => {
    const made = await world.app.identity.people.create(
      { name: 'Olga', email: 'olga@example.com', password: PASSWORD, role: 'operator' },
      'system',
    )
    expect(made.ok).toBe(true)
    const { body } = await login('olga@example.com')
    expect(body.secondFactorRequired).toBe(true)
    const people = () => world.call('GET', '/api/v1/users', { token: body.accessToken })
    expectProblem(await people(), 403, 'second_factor_required')

    expect((await register(body.accessToken, authenticator())).status).toBe(201)

    expect((await people()).status).toBe(200)
  })

  test('needs a proof within the last quarter of an hour, before the key is made and after', async () => {
    const { email } = await world.person('customer')
    const { accessToken, refreshToken } = (await login(email)).body
    const { challengeId, options } = await askToRegister(accessToken)
    world.clock.advance(15 * MINUTE + 1)
    const { accessToken: later } = (await post('/refresh', { refreshToken })).body
    expectProblem(await world.call('POST', '/api/v1/auth/passkeys/options', { token: later }), 403, 'step_up_required')
    const credential = authenticator().create(options)
    expectProblem(await post('/passkeys', { challengeId, name: 'Late', credential }, later), 403, 'step_up_required')
  })

  describe('is refused', () => {
    let token: string

    beforeAll(async () => {
      token = (await world.person('customer')).token
    })

    test.each<[string, Lies]>([
      ['of another origin', { origin: ANOTHER_SITE }],
      ['of the same host on another port', { origin: 'http://localhost:1' }],
      ['for another site', { rpId: 'kumbu.example' }],
      ['for another challenge', { challenge: Buffer.alloc(32, 1).toString('base64url') }],
      ['without user verification', { userVerified: false }],
      ['without user presence', { userPresent: false }],
      ['that is the answer to a sign-in', { type: 'webauthn.get' }],
    ])('%s', async (_, lies) => {
      expectProblem(await register(token, authenticator(), { lies }), 422, 'passkey_invalid')
      expect(await listOf(token)).toEqual([])
    })

    test('a second time: a challenge is answered once, and a wrong answer is an answer', async () => {
      const { challengeId, options } = await askToRegister(token)
      const credential = authenticator().create(options, { userVerified: false })
      expectProblem(await post('/passkeys', { challengeId, name: 'One', credential }, token), 422, 'passkey_invalid')
      const right = authenticator().create(options)
      expectProblem(
        await post('/passkeys', { challengeId, name: 'Two', credential: right }, token),
        401,
        'challenge_invalid',
      )
    })

    test('when it comes after ten minutes', async () => {
      const person = await world.person('customer')
      const { challengeId, options } = await askToRegister(person.token)
      const credential = authenticator().create(options)
      world.clock.advance(10 * MINUTE)
      const late = await post('/passkeys', { challengeId, name: 'Late', credential }, person.token)
      expectProblem(late, 401, 'challenge_invalid')
    })

    test('with the challenge of another person', async () => {
      const [victim, stranger] = [await world.person('customer'), await world.person('customer')]
      const { challengeId, options } = await askToRegister(victim.token)
      const credential = authenticator().create(options)
      const stolen = await post('/passkeys', { challengeId, name: 'Mine', credential }, stranger.token)
      expectProblem(stolen, 401, 'challenge_invalid')
      // Nor did that use it up.
      expect((await post('/passkeys', { challengeId, name: 'Mine', credential }, victim.token)).status).toBe(201)
    })

    test('with the challenge of a sign-in', async () => {
      const { token: mine } = await world.person('customer')
      const { challengeId, options } = await ask()
      const creation = { ...(await askToRegister(mine)).options, challenge: options.challenge }
      const credential = authenticator().create(creation)
      expectProblem(await post('/passkeys', { challengeId, name: 'Mine', credential }, mine), 401, 'challenge_invalid')
    })

    test('when it is nothing of the kind, without a word on how the server reads it', async () => {
      const { token: mine } = await world.person('customer')
      for (const response of [
        {},
        { clientDataJSON: 7, attestationObject: [] },
        { clientDataJSON: 'e30', attestationObject: 'oA' },
      ]) {
        const { challengeId } = await askToRegister(mine)
        const credential = { id: 'AAAA', rawId: 'AAAA', type: 'public-key', response }
        const answer = await post('/passkeys', { challengeId, name: 'Mine', credential }, mine)
        expectProblem(answer, 422, 'passkey_invalid')
        expect(answer.body.detail).not.toMatch(/undefined|null|is not|object|function/)
      }
    })

    test('when it is registered already, by the same person or by another', async () => {
      const credentialId = Buffer.alloc(16, 5).toString('base64url')
      const clone = () => createAuthenticator({ origin, credentialId })
      const [first, second] = [await world.person('customer'), await world.person('customer')]
      const device = clone()
      expect((await register(first.token, device)).status).toBe(201)
      const { options } = await askToRegister(first.token)
      expect(options.excludeCredentials).toMatchObject([{ id: credentialId }])
      expect(() => device.create(options)).toThrow('InvalidStateError')
      expectProblem(await register(first.token, device, { lies: { ignoreExcluded: true } }), 409, 'passkey_present')
      expectProblem(await register(second.token, clone()), 409, 'passkey_present')
      expect(await listOf(second.token)).toEqual([])
      expect(await listOf(first.token)).toHaveLength(1)
    })

    test('when there are twenty', async () => {
      const { token: mine } = await world.person('customer')
      for (let i = 0; i < 20; i++) expect((await register(mine, authenticator())).status).toBe(201)
      expectProblem(await world.call('POST', '/api/v1/auth/passkeys/options', { token: mine }), 409, 'too_many')
    })
  })
})

describe('signing in with a passkey alone', () => {
  test('is both factors at once', async () => {
    const { device, id } = await withPasskey()
    const { status, body } = await signInWith(device)
    expect(status).toBe(200)
    expect(body).toMatchObject({ user: { id }, secondFactorRequired: false })
    const sessions = await world.call('GET', '/api/v1/auth/sessions', { token: body.accessToken })
    const current = sessions.body.items.find((session: { current: boolean }) => session.current)
    expect(current.methods).toEqual(['hwk', 'user', 'mfa'])
  })

  test('asks for no account: whose passkey it is says the passkey', async () => {
    const { options } = await ask()
    expect(options).toMatchObject({ rpId: hostOf(), userVerification: 'required' })
    expect(options.allowCredentials ?? []).toEqual([])
  })

  test('lets an operator work, for whom it is the second factor too', async () => {
    const { device } = await withPasskey('operator')
    const { body } = await signInWith(device)
    expect(body.secondFactorRequired).toBe(false)
    expect((await world.call('GET', '/api/v1/users', { token: body.accessToken })).status).toBe(200)
  })

  test('is noted: when the passkey was used, and in the audit log', async () => {
    const { device, token, passkeyId, id } = await withPasskey()
    expect((await listOf(token))[0]).toMatchObject({ id: passkeyId, lastUsedAt: null })
    await signInWith(device)
    expect((await listOf(token))[0].lastUsedAt).toBe(new Date(world.clock()).toISOString())
    const rows = await world.app.identity.auditLog.search({ actor: id, action: 'session.login', limit: 1 })
    expect(rows[0]).toMatchObject({ outcome: 'allowed', detail: { methods: ['hwk', 'user', 'mfa'] } })
  })

  test('works again and again, also with a passkey that counts nothing', async () => {
    for (const counts of [true, false]) {
      const { device } = await withPasskey('customer', authenticator(counts))
      for (let i = 0; i < 3; i++) expect((await signInWith(device)).status).toBe(200)
    }
  })

  describe('is refused', () => {
    let amina: Awaited<ReturnType<typeof withPasskey>>

    beforeAll(async () => {
      amina = await withPasskey()
    })

    test.each<[string, Lies]>([
      ['of another origin', { origin: ANOTHER_SITE }],
      ['of a site whose name begins alike', { origin: 'http://localhost.evil.example:3000' }],
      ['for another site', { rpId: 'kumbu.example' }],
      ['for another challenge', { challenge: Buffer.alloc(32, 1).toString('base64url') }],
      ['without user verification', { userVerified: false }],
      ['without user presence', { userPresent: false }],
      ['that is the answer to a registration', { type: 'webauthn.create' }],
    ])('%s', async (_, lies) => {
      expectProblem(await signInWith(amina.device, lies), 422, 'passkey_invalid')
    })

    test.each<[string, 'signature' | 'authenticatorData' | 'clientDataJSON', (bytes: Buffer) => Buffer]>([
      ['a signature with one bit turned', 'signature', (bytes) => turned(bytes, bytes.length - 1)],
      ['no signature', 'signature', () => Buffer.alloc(0)],
      ['a signature of zeros', 'signature', (bytes) => Buffer.alloc(bytes.length)],
      ['a higher counter than was signed', 'authenticatorData', (bytes) => turned(bytes, 33)],
      ['authenticator data cut short', 'authenticatorData', (bytes) => bytes.subarray(0, 20)],
      [
        'client data that were not signed',
        'clientDataJSON',
        (bytes) => Buffer.from(bytes.toString().replace('}', ' }')),
      ],
      ['no client data', 'clientDataJSON', () => Buffer.alloc(0)],
    ])('with %s', async (_, member, change) => {
      const { challengeId, options } = await ask()
      const credential = tampered(amina.device.get(options), member, change)
      expectProblem(await show(challengeId, credential), 422, 'passkey_invalid')
    })

    test('with the signature of another person’s passkey', async () => {
      const other = await withPasskey()
      const { challengeId, options } = await ask()
      const { id, rawId } = amina.device.get(options)
      expectProblem(await show(challengeId, { ...other.device.get(options), id, rawId }), 422, 'passkey_invalid')
    })

    test('with a passkey that nobody has, and with what is nothing of the kind', async () => {
      const strange = authenticator()
      const { token } = await world.person('customer')
      strange.create((await askToRegister(token)).options)
      expectProblem(await signInWith(strange), 422, 'passkey_invalid')
      const { challengeId, options } = await ask()
      const { id, rawId } = amina.device.get(options)
      const empty = { id, rawId, type: 'public-key' as const, clientExtensionResults: {}, response: {} }
      expectProblem(await show(challengeId, empty), 422, 'passkey_invalid')
    })

    test('when the answer is replayed, to its own challenge or to another', async () => {
      for (const counts of [true, false]) {
        const { device } = await withPasskey('customer', authenticator(counts))
        const { challengeId, options } = await ask()
        const credential = device.get(options)
        expect((await show(challengeId, credential)).status).toBe(200)
        expectProblem(await show(challengeId, credential), 401, 'challenge_invalid')
        expectProblem(await show((await ask()).challengeId, credential), 422, 'passkey_invalid')
      }
    })

    test('when the same answer comes twice at the same moment', async () => {
      const { device } = await withPasskey('customer', authenticator(false))
      const { challengeId, options } = await ask()
      const credential = device.get(options)
      const answers = await Promise.all(Array.from({ length: 5 }, () => show(challengeId, credential)))
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401, 401, 401])
    })

    test('when it is replayed after a wrong answer came at the same moment as the right one', async () => {
      const { device } = await withPasskey('customer', authenticator(false))
      const { challengeId, options } = await ask()
      const credential = device.get(options)
      const wrong = tampered(credential, 'signature', (bytes) => turned(bytes, bytes.length - 1))
      const [first] = await Promise.all([show(challengeId, credential), show(challengeId, wrong)])
      expect(first.status).toBe(200)
      expectProblem(await show(challengeId, credential), 401, 'challenge_invalid')
    })

    test('after five wrong answers, although the sixth is right', async () => {
      const { device } = await withPasskey()
      const { challengeId, options } = await ask()
      for (let i = 0; i < 5; i++) {
        expectProblem(await show(challengeId, device.get(options, { userVerified: false })), 422, 'passkey_invalid')
      }
      expectProblem(await show(challengeId, device.get(options)), 401, 'challenge_invalid')
    })

    test('when it comes after ten minutes, and not a moment before', async () => {
      const { device } = await withPasskey()
      const [early, late] = [await ask(), await ask()]
      world.clock.advance(10 * MINUTE - 1)
      expect((await show(early.challengeId, device.get(early.options))).status).toBe(200)
      world.clock.advance(1)
      expectProblem(await show(late.challengeId, device.get(late.options)), 401, 'challenge_invalid')
    })

    test('when the authenticator was copied: its counter does not grow', async () => {
      const { device } = await withPasskey()
      const copied = device.copy()
      expect((await signInWith(device)).status).toBe(200)
      expect((await signInWith(device)).status).toBe(200)
      expectProblem(await signInWith(copied), 422, 'passkey_invalid')
      expectProblem(await signInWith(copied), 422, 'passkey_invalid')
      // Whoever is behind counts too, so it passes once it has caught up; until then it has shown itself.
      expect((await signInWith(device)).status).toBe(200)
    })

    test('when a passkey that counted says that it counts nothing', async () => {
      const person = await world.person('customer')
      const { challengeId, options } = await askToRegister(person.token)
      const device = authenticator(true)
      const credential = device.create(options)
      expect((await post('/passkeys', { challengeId, name: 'Counts', credential }, person.token)).status).toBe(201)
      const asked = await ask()
      const silent = tampered(device.get(asked.options), 'authenticatorData', (bytes) => {
        bytes.writeUInt32BE(0, 33)
        return bytes
      })
      expectProblem(await show(asked.challengeId, silent), 422, 'passkey_invalid')
    })

    test('for a frozen account, which is told so, and for the same account works again once it is not', async () => {
      const { device, id } = await withPasskey()
      const setFrozen = (frozen: boolean) =>
        world.write((tx) => world.app.identity.people.setFrozen(tx, id, frozen, { id: 'system', role: 'operator' }))
      await setFrozen(true)
      expectProblem(await signInWith(device), 403, 'account_frozen')
      await setFrozen(false)
      expect((await signInWith(device)).status).toBe(200)
    })

    test('for a frozen account is in the audit log, as a wrong password would be', async () => {
      const { device, id } = await withPasskey()
      await world.write((tx) => world.app.identity.people.setFrozen(tx, id, true, { id: 'system', role: 'operator' }))
      expectProblem(await signInWith(device), 403, 'account_frozen')
      const rows = await world.app.identity.auditLog.search({ actor: id, action: 'session.login', limit: 1 })
      expect(rows[0]).toMatchObject({ outcome: 'refused', detail: { reason: 'account_frozen', methods: ['hwk'] } })
    })

    test('for a copied authenticator is in the audit log', async () => {
      const { device, id } = await withPasskey()
      const copied = device.copy()
      expect((await signInWith(device)).status).toBe(200)
      expectProblem(await signInWith(copied), 422, 'passkey_invalid')
      const refused = await world.app.identity.auditLog.search({
        action: 'session.login',
        outcome: 'refused',
        limit: 1,
      })
      expect(refused[0]).toMatchObject({ detail: { reason: 'passkey_invalid' } })
      expect([id, 'unknown']).toContain(refused[0]?.actor as string)
    })

    test('with a challenge that is a registration’s or a step-up’s', async () => {
      const { device, token } = await withPasskey()
      const registration = await askToRegister(token)
      const stepUp = (await world.call('POST', '/api/v1/auth/step-up/passkey/options', { token })).body
      for (const { challengeId, options } of [registration, stepUp]) {
        const credential = device.get({ rpId: hostOf(), challenge: options.challenge })
        expectProblem(await show(challengeId, credential), 401, 'challenge_invalid')
      }
    })
  })
})

/** The bytes with the lowest bit of one of them turned. */
function turned(bytes: Buffer, at: number): Buffer {
  bytes[at] = (bytes[at] as number) ^ 1
  return bytes
}

describe('a passkey as the second factor of a sign-in', () => {
  async function challengeOf(email: string): Promise<string> {
    const { status, body } = await login(email)
    expect(status).toBe(200)
    expect(body.accessToken).toBeUndefined()
    return body.twoFactor.challengeId
  }

  test('is asked for after the password, of this person’s passkeys only', async () => {
    const { email, device, id } = await withPasskey()
    expect((await login(email)).body.twoFactor.methods).toEqual(['passkey'])
    const challengeId = await challengeOf(email)
    const asked = await ask(challengeId)
    expect(asked.challengeId).toBe(challengeId)
    expect(asked.options.allowCredentials).toHaveLength(1)

    const { status, body } = await show(challengeId, device.get(asked.options))

    expect(status).toBe(200)
    expect(body).toMatchObject({ user: { id } })
    const sessions = await world.call('GET', '/api/v1/auth/sessions', { token: body.accessToken })
    expect(sessions.body.items.find((each: { current: boolean }) => each.current).methods).toEqual([
      'pwd',
      'hwk',
      'mfa',
    ])
  })

  test('of another person does not complete it, nor does it sign that person in', async () => {
    const [victim, thief] = [await withPasskey(), await withPasskey()]
    const { challengeId, options } = await ask(await challengeOf(victim.email))
    const { allowCredentials: _, ...open } = options
    expectProblem(await show(challengeId, thief.device.get(open)), 422, 'passkey_invalid')
    expect((await show(challengeId, victim.device.get(options))).status).toBe(200)
  })

  test('is offered beside the authenticator app, and one of them is enough', async () => {
    const { email, device } = await withPasskey('operator')
    const { methods, challengeId } = (await login(email)).body.twoFactor
    expect(methods).toEqual(['totp', 'passkey', 'recovery'])
    const { options } = await ask(challengeId)
    expect((await show(challengeId, device.get(options))).status).toBe(200)
  })

  test('is asked for only where there is one', async () => {
    const operator = await world.person('operator')
    const { challengeId } = (await login(operator.email)).body.twoFactor
    expectProblem(await post('/login/passkey/options', { challengeId }), 422, 'method_not_available')
    const unknown = await post('/login/passkey/options', { challengeId: 'chl_00000000000000000000' })
    expectProblem(unknown, 401, 'challenge_invalid')
  })

  test('of an account that was frozen meanwhile is refused', async () => {
    const { email, device, id } = await withPasskey()
    const { challengeId, options } = await ask(await challengeOf(email))
    await world.write((tx) => world.app.identity.people.setFrozen(tx, id, true, { id: 'system', role: 'operator' }))
    expectProblem(await show(challengeId, device.get(options)), 403, 'account_frozen')
  })

  test('is not asked of a device that is remembered', async () => {
    const { email, device } = await withPasskey()
    const { challengeId, options } = await ask(await challengeOf(email))
    const first = await post('/login/passkey', { challengeId, credential: device.get(options), rememberDevice: true })
    expect(first.status).toBe(200)
    const { deviceToken } = first.body
    const again = await post('/login', { email, password: PASSWORD, deviceToken })
    expect(again.body.accessToken).toBeString()
  })
})

describe('proving again who one is with a passkey', () => {
  const askStepUp = async (token: string): Promise<Asked<RequestOptions>> => {
    const { status, body } = await world.call('POST', '/api/v1/auth/step-up/passkey/options', { token })
    expect(status).toBe(200)
    return body
  }

  /** Somebody whose proof is older than a quarter of an hour. */
  async function stale() {
    const person = await withPasskey()
    const { refreshToken } = (await signInWith(person.device)).body
    world.clock.advance(16 * MINUTE)
    const { accessToken } = (await post('/refresh', { refreshToken })).body
    expectProblem(await changeEmail(accessToken), 403, 'step_up_required')
    return { ...person, token: accessToken as string }
  }

  test('is offered to who has one', async () => {
    const { token } = await stale()
    expect((await changeEmail(token)).body.methods).toEqual(['password', 'passkey'])
    const plain = await world.person('customer')
    const refused = await world.call('POST', '/api/v1/auth/step-up/passkey/options', { token: plain.token })
    expectProblem(refused, 422, 'method_not_available')
  })

  test('counts for a quarter of an hour, in this session', async () => {
    const { token, device } = await stale()
    const { challengeId, options } = await askStepUp(token)
    expect((await post('/step-up', { challengeId, credential: device.get(options) }, token)).status).toBe(204)
    expect((await changeEmail(token)).status).toBe(202)
  })

  test('takes one answer: a second, or a right one after a wrong one, is refused', async () => {
    const { token, device } = await stale()
    const first = await askStepUp(token)
    const wrong = device.get(first.options, { origin: ANOTHER_SITE })
    const { challengeId } = first
    expectProblem(await post('/step-up', { challengeId, credential: wrong }, token), 422, 'passkey_invalid')
    const right = device.get(first.options)
    expectProblem(await post('/step-up', { challengeId, credential: right }, token), 401, 'challenge_invalid')
    expectProblem(await changeEmail(token), 403, 'step_up_required')
  })

  test('is refused with another person’s passkey, or another person’s challenge', async () => {
    const [victim, thief] = [await stale(), await withPasskey()]
    const mine = await askStepUp(victim.token)
    const { allowCredentials: _, ...open } = mine.options
    const foreign = { challengeId: mine.challengeId, credential: thief.device.get(open) }
    expectProblem(await post('/step-up', foreign, victim.token), 422, 'passkey_invalid')
    const theirs = await askStepUp(thief.token)
    const stolen = { challengeId: theirs.challengeId, credential: thief.device.get(theirs.options) }
    expectProblem(await post('/step-up', stolen, victim.token), 401, 'challenge_invalid')
    expectProblem(await changeEmail(victim.token), 403, 'step_up_required')
  })

  test('is refused with the challenge of a sign-in', async () => {
    const { token, device } = await stale()
    const { challengeId, options } = await ask()
    const body = { challengeId, credential: device.get(options) }
    expectProblem(await post('/step-up', body, token), 401, 'challenge_invalid')
  })

  test('is refused when the authenticator was copied, and when the answer is late', async () => {
    const { token, device } = await stale()
    const copied = device.copy()
    const first = await askStepUp(token)
    const body = { challengeId: first.challengeId, credential: device.get(first.options) }
    expect((await post('/step-up', body, token)).status).toBe(204)
    const second = await askStepUp(token)
    const behind = { challengeId: second.challengeId, credential: copied.get(second.options) }
    expectProblem(await post('/step-up', behind, token), 422, 'passkey_invalid')
    const third = await askStepUp(token)
    world.clock.advance(10 * MINUTE)
    const late = { challengeId: third.challengeId, credential: device.get(third.options) }
    expectProblem(await post('/step-up', late, token), 401, 'challenge_invalid')
  })
})

describe('the passkeys of a person', () => {
  test('are listed with their names, the newest first, and are nobody else’s business', async () => {
    const { token } = await world.person('customer')
    const other = await withPasskey()
    for (const name of ['Phone', 'Key on the ring']) await register(token, authenticator(), { name })
    expect((await listOf(token)).map(({ name }: { name: string }) => name)).toEqual(['Key on the ring', 'Phone'])
    expect(Object.keys((await listOf(token))[0]).sort()).toEqual(['createdAt', 'id', 'lastUsedAt', 'name'])
    expectProblem(await remove(token, other.passkeyId), 404, 'passkey_not_found')
    expect(await listOf(other.token)).toHaveLength(1)
  })

  test.each([[''], ['x'.repeat(101)], ['a\u0000b'], [7], [undefined]])(
    'need a name that can be shown (%p)',
    async (name) => {
      const { token } = await world.person('customer')
      const { challengeId, options } = await askToRegister(token)
      const credential = authenticator().create(options)
      expectProblem(await post('/passkeys', { challengeId, name, credential }, token), 422, 'validation_failed')
    },
  )

  test('can be removed: it signs nobody in any more, and the owner hears of it', async () => {
    const { token, email, device, passkeyId } = await withPasskey()
    expect((await remove(token, passkeyId)).status).toBe(204)
    expect(await listOf(token)).toEqual([])
    expectProblem(await signInWith(device), 422, 'passkey_invalid')
    expectProblem(await remove(token, passkeyId), 404, 'passkey_not_found')
    expect(await textsTo(email)).toContain('A passkey was removed from your account.')
    // A customer needs no second factor, so the password is enough again.
    expect((await login(email)).body.accessToken).toBeString()
  })

  test('of a customer all end with the account', async () => {
    const { token, device } = await withPasskey()
    expect((await world.call('POST', '/api/v1/auth/close', { token })).status).toBe(204)
    expectProblem(await signInWith(device), 422, 'passkey_invalid')
  })

  test('of an operator: the last factor may not go, the one before the last may', async () => {
    const { token, passkeyId } = await withPasskey('operator')
    expect((await factorsOf(token)).methods).toEqual(['totp', 'passkey'])
    expect((await world.call('DELETE', '/api/v1/auth/2fa/totp', { token })).status).toBe(204)
    expectProblem(await remove(token, passkeyId), 409, 'second_factor_needed')
    expect(await listOf(token)).toHaveLength(1)
    const second = await register(token, authenticator(), { name: 'Spare' })
    expect((await remove(token, passkeyId)).status).toBe(204)
    expectProblem(await remove(token, second.body.id), 409, 'second_factor_needed')
  })

  test('of an operator: two that are removed at the same moment leave one', async () => {
    const { token, passkeyId } = await withPasskey('operator')
    const spare = await register(token, authenticator(), { name: 'Spare' })
    expect((await world.call('DELETE', '/api/v1/auth/2fa/totp', { token })).status).toBe(204)
    const answers = await Promise.all([remove(token, passkeyId), remove(token, spare.body.id)])
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 409])
    expect(await listOf(token)).toHaveLength(1)
  })

  test('need a fresh proof to be removed', async () => {
    const { device, passkeyId } = await withPasskey()
    const { refreshToken } = (await signInWith(device)).body
    world.clock.advance(16 * MINUTE)
    const { accessToken } = (await post('/refresh', { refreshToken })).body
    expectProblem(await remove(accessToken, passkeyId), 403, 'step_up_required')
    expect((await profile(accessToken)).status).toBe(200)
  })
})
