/** What is shown beside the password: recovery codes, codes by e-mail and SMS, and the challenge that asks for them. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'
import { oneTimeCodes, recoveryCodes, totpFactors } from '../../../src/modules/identity/schema'
import { expectProblem } from '../../acceptance/answers'
import { createWorld, type World } from '../../support/world'
import { type Acts, actsIn, anotherThan, MINUTE, type SignedIn } from './acts'

let world: World
let acts: Acts

beforeAll(async () => {
  world = await createWorld()
  acts = actsIn(world)
})
afterAll(() => world.end())

async function withApp(): Promise<SignedIn & { secret: string; recoveryCodes: string[] }> {
  const person = await acts.somebody()
  return { ...person, ...(await world.setUpApp(person.email, person.token)) }
}

async function withMail(): Promise<SignedIn> {
  const person = await acts.somebody()
  await acts.withCodes(person, 'email')
  return person
}

const send = (challengeId: string, method: string) => acts.post('/login/2fa/send', { challengeId, method })

/** A challenge, and the code that was sent for it. */
async function asked(person: SignedIn, method: 'email' | 'sms' = 'email'): Promise<[string, string]> {
  const { challengeId } = await acts.challengeOf(person.email)
  expect((await send(challengeId, method)).status).toBe(202)
  const [code] = await acts.codesTo(method === 'email' ? person.email : person.phone)
  return [challengeId, code as string]
}

describe('recovery codes', () => {
  test('are ten, and each lets in once', async () => {
    const person = await withApp()
    expect(new Set(person.recoveryCodes).size).toBe(10)
    for (const code of person.recoveryCodes.slice(0, 2)) {
      const { challengeId } = await acts.challengeOf(person.email)
      expect((await acts.show(challengeId, 'recovery', code)).status).toBe(200)
      const again = await acts.challengeOf(person.email)
      expectProblem(await acts.show(again.challengeId, 'recovery', code), 422, 'code_invalid')
    }
    expect((await acts.get('/2fa', person.token)).body.recoveryCodesLeft).toBe(8)
    expect(await acts.toldTo(person.email)).toContain('A recovery code was used to sign in to your account.')
  })

  test('are read as people write them: capitals, spaces, and letters for digits', async () => {
    const person = await withApp()
    const [first] = person.recoveryCodes as [string]
    const { challengeId } = await acts.challengeOf(person.email)
    const typed = ` ${first.toUpperCase().replace('-', ' ').replaceAll('1', 'l').replaceAll('0', 'O')} `
    expect((await acts.show(challengeId, 'recovery', typed)).status).toBe(200)
  })

  test('of somebody else, or made up, are none', async () => {
    const [one, other] = [await withApp(), await withApp()]
    const { challengeId } = await acts.challengeOf(one.email)
    for (const code of [other.recoveryCodes[0] as string, 'aaaaa-aaaaa', '-', '🙂'])
      expectProblem(await acts.show(challengeId, 'recovery', code), 422, 'code_invalid')
  })

  test('that are made anew end those before', async () => {
    const person = await withApp()
    const made = await acts.post('/2fa/recovery-codes', undefined, { token: person.token })
    expect(made.body.recoveryCodes).toHaveLength(10)
    const { challengeId } = await acts.challengeOf(person.email)
    expectProblem(await acts.show(challengeId, 'recovery', person.recoveryCodes[0] as string), 422, 'code_invalid')
    expect((await acts.show(challengeId, 'recovery', made.body.recoveryCodes[0])).status).toBe(200)
    expect(await acts.toldTo(person.email)).toContain(
      'New recovery codes were made for your account; those before are worth nothing.',
    )
  })

  test('go with the last factor, and are not made without one', async () => {
    const person = await withApp()
    expect((await acts.del('/2fa/totp', person.token)).status).toBe(204)
    expect((await acts.get('/2fa', person.token)).body).toEqual({ methods: [], recoveryCodesLeft: 0, required: false })
    const made = await acts.post('/2fa/recovery-codes', undefined, { token: person.token })
    expectProblem(made, 422, 'method_not_available')
  })
})

describe('what is kept of a factor', () => {
  test('tells nothing to who reads the database', async () => {
    const person = await withApp()
    const { read } = world.runtime.store
    const kept = JSON.stringify([
      await read.select().from(totpFactors).where(eq(totpFactors.userId, person.id)),
      await read.select().from(recoveryCodes).where(eq(recoveryCodes.userId, person.id)),
    ])
    expect(kept).not.toContain(person.secret)
    for (const code of person.recoveryCodes) {
      expect(kept).not.toContain(code)
      expect(kept).not.toContain(code.replace('-', ''))
    }
  })

  test('nor does what is kept of a code', async () => {
    const person = await withMail()
    const [, code] = await asked(person)
    const kept = await world.runtime.store.read.select().from(oneTimeCodes).where(eq(oneTimeCodes.userId, person.id))
    expect(kept.length).toBeGreaterThan(0)
    for (const { codeHash } of kept) {
      expect(codeHash).not.toContain(code)
      expect(codeHash).not.toBe(new Bun.CryptoHasher('sha256').update(code).digest('base64url'))
    }
  })
})

describe('codes by e-mail and SMS', () => {
  test('are no factor until a code has shown that they arrive', async () => {
    const { email, token } = await acts.somebody()
    await acts.post('/step-up/send', { method: 'email' }, { token })
    const [code] = (await acts.codesTo(email)) as [string]
    expectProblem(await acts.put('/2fa/email', token, { code: anotherThan(code) }), 422, 'code_invalid')
    expect((await acts.login(email)).body.accessToken).toBeString()
    expect((await acts.put('/2fa/email', token, { code })).status).toBe(204)
    expect((await acts.challengeOf(email)).methods).toEqual(['email'])
  })

  test('by SMS need a number that was proved', async () => {
    const { token } = await acts.somebody('customer', { phoneVerifiedAt: null })
    expectProblem(await acts.post('/step-up/send', { method: 'sms' }, { token }), 422, 'method_not_available')
    expectProblem(await acts.put('/2fa/sms', token, { code: '123456' }), 422, 'method_not_available')
  })

  test('by SMS go to the number and let in once, for five minutes', async () => {
    const person = await acts.somebody()
    await acts.withCodes(person, 'sms')
    const [challengeId, code] = await asked(person, 'sms')
    world.clock.advance(5 * MINUTE - 1)
    expect((await acts.show(challengeId, 'sms', code)).status).toBe(200)
    world.clock.advance(MINUTE)
    const [again, next] = await asked(person, 'sms')
    expect((await acts.show(again, 'sms', next)).status).toBe(200)
    const another = await acts.challengeOf(person.email)
    expectProblem(await acts.show(another.challengeId, 'sms', next), 422, 'code_invalid')
    world.clock.advance(MINUTE)
    const [later, late] = await asked(person, 'sms')
    world.clock.advance(5 * MINUTE)
    expectProblem(await acts.show(later, 'sms', late), 422, 'code_invalid')
  })

  test('that came by e-mail do not stand for one by SMS', async () => {
    const person = await acts.somebody()
    await acts.withCodes(person, 'sms')
    await acts.post('/step-up/send', { method: 'email' }, { token: person.token })
    const [mailed] = (await acts.codesTo(person.email)) as [string]
    expectProblem(await acts.stepUp(person.token, { method: 'sms', code: mailed }), 422, 'code_invalid')
    const { challengeId } = await acts.challengeOf(person.email)
    expectProblem(await acts.show(challengeId, 'sms', mailed), 422, 'code_invalid')
  })

  test('are worth nothing at the sixth try, although it is the right one', async () => {
    const person = await withMail()
    const [challengeId, code] = await asked(person)
    for (let i = 0; i < 4; i++)
      expectProblem(await acts.show(challengeId, 'email', anotherThan(code)), 422, 'code_invalid')
    const other = await acts.challengeOf(person.email)
    expectProblem(await acts.show(other.challengeId, 'email', anotherThan(code)), 422, 'code_invalid')
    expectProblem(await acts.show(other.challengeId, 'email', code), 422, 'code_invalid')
  })

  test('that were delayed work after another was sent', async () => {
    const person = await withMail()
    const [challengeId, first] = await asked(person)
    world.clock.advance(MINUTE)
    await send(challengeId, 'email')
    expect((await acts.show(challengeId, 'email', first)).status).toBe(200)
  })

  test('of a registration or of a change of address are no second factor', async () => {
    const person = await withMail()
    const there = `moved-${person.email}`
    expect((await acts.put('/email', person.token, { email: there })).status).toBe(202)
    const [change] = (await acts.codesTo(there)) as [string]
    const { challengeId } = await acts.challengeOf(person.email)
    expectProblem(await acts.show(challengeId, 'email', change), 422, 'code_invalid')
  })

  test.each(['12345', '1234567', 'abcdef', '１２３４５６', '12e456', '-12345', '\u0000'])(
    '%p is none, and no error of ours',
    async (code) => {
      const person = await withMail()
      const [challengeId] = await asked(person)
      const { status, body } = await acts.show(challengeId, 'email', code)
      expect(status).toBe(422)
      expect(['code_invalid', 'validation_failed']).toContain(body.code)
    },
  )
})

describe('the challenge of a sign-in', () => {
  test('is answered once: another right code does not open it again', async () => {
    const { email, recoveryCodes: codes } = await withApp()
    const { challengeId } = await acts.challengeOf(email)
    expect((await acts.show(challengeId, 'recovery', codes[0] as string)).status).toBe(200)
    expectProblem(await acts.show(challengeId, 'recovery', codes[1] as string), 401, 'challenge_invalid')
  })

  test('is answered once, also by two right codes at the same moment', async () => {
    const { email, recoveryCodes: codes } = await withApp()
    const { challengeId } = await acts.challengeOf(email)
    const answers = await Promise.all(codes.slice(0, 4).map((code) => acts.show(challengeId, 'recovery', code)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401, 401])
  })

  test('lives ten minutes', async () => {
    const { email, recoveryCodes: codes } = await withApp()
    const [inTime, late] = [await acts.challengeOf(email), await acts.challengeOf(email)]
    world.clock.advance(10 * MINUTE - 1)
    expect((await acts.show(inTime.challengeId, 'recovery', codes[0] as string)).status).toBe(200)
    world.clock.advance(1)
    expectProblem(await acts.show(late.challengeId, 'recovery', codes[1] as string), 401, 'challenge_invalid')
  })

  test('is gone after five wrong answers; four leave it', async () => {
    const { email, recoveryCodes: codes } = await withApp()
    const four = await acts.challengeOf(email)
    for (let i = 0; i < 4; i++) await acts.show(four.challengeId, 'totp', 'x')
    expect((await acts.show(four.challengeId, 'recovery', codes[0] as string)).status).toBe(200)
    const five = await acts.challengeOf(email)
    for (let i = 0; i < 5; i++) expectProblem(await acts.show(five.challengeId, 'totp', 'x'), 422, 'code_invalid')
    expectProblem(await acts.show(five.challengeId, 'recovery', codes[1] as string), 401, 'challenge_invalid')
  })

  test('cannot be guessed, nor shown to a factor that it does not name', async () => {
    const person = await withApp()
    expectProblem(await acts.show('chl_00000000000000000000', 'totp', '123456'), 401, 'challenge_invalid')
    expectProblem(await acts.show('1', 'totp', '123456'), 422, 'validation_failed')
    const { challengeId } = await acts.challengeOf(person.email)
    for (const method of ['email', 'sms']) {
      expectProblem(await send(challengeId, method), 422, 'method_not_available')
      expectProblem(await acts.show(challengeId, method, '123456'), 422, 'method_not_available')
    }
  })

  test('is worth nothing as a token, and is not given for a wrong password', async () => {
    const { email } = await withApp()
    const { challengeId } = await acts.challengeOf(email)
    expectProblem(await acts.profile(challengeId), 401, 'unauthenticated')
    expectProblem(await acts.refresh(challengeId), 401, 'refresh_token_invalid')
    expectProblem(await acts.login(email, 'not the password'), 401, 'credentials_invalid')
  })
})
