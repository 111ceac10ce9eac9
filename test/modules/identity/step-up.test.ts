/** Proving again who one is: what asks for it, what counts as proof, and for how long. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { expectProblem } from '../../acceptance/answers'
import { createWorld, PASSWORD, type World } from '../../support/world'
import { type Acts, actsIn, MINUTE, NEW_PASSWORD, type SignedIn } from './acts'

let world: World
let acts: Acts

beforeAll(async () => {
  world = await createWorld()
  acts = actsIn(world)
})
afterAll(() => world.end())

/** Signed in a quarter of an hour ago, with tokens of this moment. */
async function stale(person: SignedIn): Promise<string> {
  world.clock.advance(15 * MINUTE + 1)
  return (await acts.refresh(person.refreshToken)).body.accessToken
}

const SENSITIVE: ReadonlyArray<readonly [act: string, method: string, path: string, body: object | null]> = [
  ['a change of the e-mail address', 'PUT', '/email', { email: 'moved@example.com' }],
  ['a change of the phone number', 'PUT', '/phone', { phone: '+258849990001' }],
  ['removing the phone number', 'DELETE', '/phone', null],
  ['a new authenticator app', 'POST', '/2fa/totp', null],
  ['its first code', 'POST', '/2fa/totp/confirm', { code: '123456' }],
  ['removing the app', 'DELETE', '/2fa/totp', null],
  ['new recovery codes', 'POST', '/2fa/recovery-codes', null],
  ['codes by e-mail', 'PUT', '/2fa/email', { code: '123456' }],
  ['no more codes by e-mail', 'DELETE', '/2fa/email', null],
  ['a new passkey', 'POST', '/passkeys/options', null],
  ['removing a passkey', 'DELETE', '/passkeys/psk_00000000000000000000', null],
  ['a PIN without the password', 'PUT', '/pin', { pin: '7391' }],
  ['an API key', 'POST', '/api-keys', { name: 'x', scopes: ['profile:read'] }],
  ['the export of one’s data', 'GET', '/export', null],
  ['closing the account', 'POST', '/close', null],
]

describe('after a quarter of an hour', () => {
  let person: SignedIn
  let token: string

  beforeAll(async () => {
    person = await acts.somebody()
    token = await stale(person)
  })

  test.each(SENSITIVE)('%s asks for a new proof', async (_, method, path, body) => {
    const answer = await world.call(method, `/api/v1/auth${path}`, { token, ...(body && { body }) })
    expectProblem(answer, 403, 'step_up_required')
    expect(answer.body.methods).toEqual(['password'])
  })

  test('an OAuth client asks for it too', async () => {
    const operator = await acts.somebody('operator')
    const members = { grants: ['authorization_code'], scopes: ['profile:read'] }
    const body = { name: 'Till', redirectUris: ['https://till.example/back'], ...members }
    const answer = await world.call('POST', '/api/v1/oauth/clients', { token: await stale(operator), body })
    expectProblem(answer, 403, 'step_up_required')
  })

  test('what is not sensitive does not', async () => {
    const now = (await acts.login(person.email)).body.accessToken
    world.clock.advance(14 * MINUTE)
    for (const path of ['/profile', '/2fa', '/sessions', '/devices', '/api-keys', '/passkeys'])
      expect((await acts.get(path, now)).status).toBe(200)
  })
})

describe('a proof', () => {
  test('counts for 15 minutes and not a moment longer', async () => {
    const person = await acts.somebody()
    world.clock.advance(15 * MINUTE)
    const token = (await acts.refresh(person.refreshToken)).body.accessToken
    expect((await acts.get('/export', token)).status).toBe(200)
    world.clock.advance(1)
    expectProblem(await acts.get('/export', token), 403, 'step_up_required')
    expect((await acts.stepUp(token, { password: PASSWORD })).status).toBe(204)
    expect((await acts.get('/export', token)).status).toBe(200)
  })

  test('counts in the session that gave it, and in no other', async () => {
    const person = await acts.somebody()
    const elsewhere = (await acts.login(person.email)).body
    const token = await stale(person)
    const other = (await acts.refresh(elsewhere.refreshToken)).body.accessToken
    expect((await acts.stepUp(token, { password: PASSWORD })).status).toBe(204)
    expect((await acts.get('/export', token)).status).toBe(200)
    expectProblem(await acts.get('/export', other), 403, 'step_up_required')
  })

  test('is not given by exchanging the refresh token', async () => {
    const person = await acts.somebody()
    const token = await stale(person)
    expectProblem(await acts.get('/export', token), 403, 'step_up_required')
  })

  test('is a code of the app, or a recovery code; each once', async () => {
    const person = await acts.somebody()
    const { secret, recoveryCodes } = await world.setUpApp(person.email, person.token)
    const token = await stale(person)
    expect((await acts.get('/export', token)).body.methods).toEqual(['password', 'totp', 'recovery'])
    const code = world.appCode(secret)
    expect((await acts.stepUp(token, { method: 'totp', code })).status).toBe(204)
    expectProblem(await acts.stepUp(token, { method: 'totp', code }), 422, 'code_invalid')
    expect((await acts.get('/export', token)).status).toBe(200)
    const recovery = { method: 'recovery', code: recoveryCodes[0] }
    expect((await acts.stepUp(token, recovery)).status).toBe(204)
    expectProblem(await acts.stepUp(token, recovery), 422, 'code_invalid')
  })

  test('is a code by e-mail only for whom that is a factor', async () => {
    const person = await acts.somebody()
    await acts.post('/step-up/send', { method: 'email' }, { token: person.token })
    const [code] = await acts.codesTo(person.email)
    expectProblem(await acts.stepUp(person.token, { method: 'email', code }), 422, 'method_not_available')
  })

  test('is not a wrong password, a wrong code, or nothing', async () => {
    const person = await acts.somebody()
    await world.setUpApp(person.email, person.token)
    const token = await stale(person)
    expectProblem(await acts.stepUp(token, { password: 'not the password' }), 403, 'password_wrong')
    expectProblem(await acts.stepUp(token, { method: 'totp', code: 'abcdef' }), 422, 'code_invalid')
    for (const body of [{}, { method: 'totp' }, { code: '123456' }, { challengeId: 'chl_00000000000000000000' }])
      expectProblem(await acts.stepUp(token, body), 422, 'validation_failed')
    expectProblem(await acts.get('/export', token), 403, 'step_up_required')
  })

  test('is in the audit log, wrong or right, with where it came from', async () => {
    const person = await acts.somebody()
    await acts.stepUp(person.token, { password: 'not the password' })
    await acts.stepUp(person.token, { password: PASSWORD })
    const rows = (await acts.auditOf(person.id)).filter(({ action }) => action === 'session.step_up')
    expect(rows.map(({ outcome }) => outcome)).toEqual(['refused', 'allowed'])
    for (const { actor, address } of rows)
      expect({ actor, address }).toEqual({ actor: person.id, address: '192.0.2.1' })
  })
})

describe('the PIN', () => {
  test('may be chosen with the password at any time, and its change is told by e-mail and SMS', async () => {
    const person = await acts.somebody()
    const token = await stale(person)
    expectProblem(await acts.put('/pin', token, { pin: '7391', password: 'a guess' }), 403, 'password_wrong')
    expect((await acts.put('/pin', token, { pin: '7391', password: PASSWORD })).status).toBe(204)
    expect((await acts.put('/pin', token, { pin: '8264', password: PASSWORD })).status).toBe(204)
    const said = 'Your PIN was changed.'
    expect((await acts.toldTo(person.email)).filter((each) => each.includes(said))).toHaveLength(1)
    expect((await acts.toldTo(person.phone)).filter((each) => each.includes(said))).toHaveLength(1)
  })
})

describe('each change of a factor', () => {
  test('is told by e-mail and on the phone', async () => {
    const person = await acts.somebody()
    const { email, phone, token } = person
    await world.setUpApp(email, token)
    await acts.withCodes(person, 'email')
    await acts.del('/2fa/email', token)
    await acts.del('/2fa/totp', token)
    await acts.makeKey(token)
    await acts.put('/password', token, { currentPassword: PASSWORD, newPassword: NEW_PASSWORD })
    for (const said of [
      'An authenticator app was set up for your account.',
      'Codes by e-mail are a second factor of your account now.',
      'Codes by e-mail are no second factor of your account any more.',
      'The authenticator app was removed from your account.',
      'An API key was made for your account.',
      'Your password was changed',
    ]) {
      expect((await acts.toldTo(email)).filter((each) => each.includes(said))).toHaveLength(1)
      expect((await acts.toldTo(phone)).filter((each) => each.includes(said))).toHaveLength(1)
    }
  })
})
