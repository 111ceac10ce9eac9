/** E-mail addresses and phone numbers: proved before they count, told of on both sides, and found by money only then. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { expectProblem } from '../../acceptance/answers'
import { createWorld, PIN, type World } from '../../support/world'
import { type Acts, actsIn, anotherThan, MINUTE, NEW_PASSWORD, type SignedIn } from './acts'

let world: World
let acts: Acts
let numbers = 0
const freshNumber = () => `+25883${String(5_000_000 + numbers++)}`

beforeAll(async () => {
  world = await createWorld()
  acts = actsIn(world)
})
afterAll(() => world.end())

const setPhone = ({ token }: { token: string }, phone: string) => acts.put('/phone', token, { phone })
const provePhone = ({ token }: { token: string }, code: string) => acts.post('/phone/verify', { code }, { token })
const setEmail = ({ token }: { token: string }, email: string) => acts.put('/email', token, { email })
const proveEmail = ({ token }: { token: string }, code: string) => acts.post('/email/verify', { code }, { token })
const newest = async (address: string) => (await acts.codesTo(address))[0] as string

describe('a phone number', () => {
  test('is proved with a code that was sent to it by SMS, once, within five minutes', async () => {
    const person = await acts.somebody('customer', { phone: null, phoneVerifiedAt: null })
    const phone = freshNumber()
    expect((await setPhone(person, phone)).status).toBe(202)
    const code = await newest(phone)
    expectProblem(await provePhone(person, anotherThan(code)), 422, 'code_invalid')
    const proved = await provePhone(person, code)
    expect(proved.body).toMatchObject({ phone, phoneVerified: true })
    expectProblem(await provePhone(person, code), 422, 'code_invalid')

    const late = freshNumber()
    await setPhone(person, late)
    world.clock.advance(MINUTE)
    await setPhone(person, late)
    const code2 = await newest(late)
    world.clock.advance(5 * MINUTE)
    expectProblem(await provePhone(person, code2), 422, 'code_invalid')
    expect((await acts.profile(person.token)).body.phone).toBe(phone)
  })

  test('is not changed before the new one is proved', async () => {
    const person = await acts.somebody()
    await setPhone(person, freshNumber())
    expect((await acts.profile(person.token)).body).toMatchObject({ phone: person.phone, phoneVerified: true })
  })

  test('is proved by its own code: not by that of somebody else, nor by one for another number', async () => {
    const [one, other] = [await acts.somebody(), await acts.somebody()]
    const [first, second] = [freshNumber(), freshNumber()]
    await setPhone(one, first)
    await setPhone(other, second)
    const [mine, theirs] = [await newest(first), await newest(second)]
    if (mine !== theirs) expectProblem(await provePhone(one, theirs), 422, 'code_invalid')
    expect((await provePhone(one, mine)).body.phone).toBe(first)
  })

  test('is told of on both sides when it changes', async () => {
    const person = await acts.somebody()
    const phone = freshNumber()
    await setPhone(person, phone)
    await provePhone(person, await newest(phone))
    for (const address of [person.email, person.phone, phone]) {
      const told = (await acts.toldTo(address)).filter((text) =>
        text.includes('phone number of your account was changed'),
      )
      expect(told).toHaveLength(1)
    }
  })

  test('that changes hands goes to whoever reads its messages now, and the one before is told', async () => {
    const before = await acts.somebody()
    await acts.withCodes(before, 'sms')
    const next = await acts.somebody()
    expect((await setPhone(next, before.phone)).status).toBe(202)
    expect((await provePhone(next, await newest(before.phone))).body.phone).toBe(before.phone)
    expect((await acts.profile(before.token)).body).toMatchObject({ phone: null, phoneVerified: false })
    expect((await acts.get('/2fa', before.token)).body.methods).toEqual([])
    expect(await acts.toldTo(before.email)).toContain(
      'Your phone number was confirmed by another account, so it is no longer yours here.',
    )
    const rows = (await acts.auditOf(before.id)).filter(({ action }) => action === 'phone.take_over')
    expect(rows).toMatchObject([{ actor: next.id, outcome: 'allowed' }])
  })

  test('that is removed is told of, and no factor any more', async () => {
    const person = await acts.somebody()
    await acts.withCodes(person, 'sms')
    expect((await acts.del('/phone', person.token)).body).toMatchObject({ phone: null, phoneVerified: false })
    expect((await acts.get('/2fa', person.token)).body.methods).toEqual([])
    for (const address of [person.email, person.phone])
      expect(
        (await acts.toldTo(address)).some((text) => text.includes('phone number of your account was removed')),
      ).toBe(true)
  })

  test('that is removed makes what was sent to it worth nothing', async () => {
    const person = await acts.somebody()
    await acts.withCodes(person, 'email')
    await acts.post('/step-up/send', { method: 'sms' }, { token: person.token })
    const code = await newest(person.phone)
    await acts.del('/phone', person.token)
    expectProblem(await acts.stepUp(person.token, { method: 'email', code }), 422, 'code_invalid')
  })

  test('is asked for a code in countries on the list alone', async () => {
    const listed = await createWorld({ 'sms-calling-codes': '258,27' })
    try {
      const { token } = await actsIn(listed).somebody()
      const set = (phone: string) => actsIn(listed).put('/phone', token, { phone })
      for (const phone of ['+447700900123', '+12025550123', '+2557700900123', '+882123456789'])
        expectProblem(await set(phone), 422, 'phone_not_served')
      for (const phone of ['+258840000001', '+27821234567']) expect((await set(phone)).status).toBe(202)
      const body = { name: 'Far', email: 'far@example.com', phone: '+447700900123', password: NEW_PASSWORD }
      expect((await actsIn(listed).post('/register', body)).status).toBe(201)
      const [code] = await actsIn(listed).codesTo('far@example.com')
      expect((await actsIn(listed).post('/verify-email', { email: 'far@example.com', code })).status).toBe(200)
      expect(await actsIn(listed).codesTo('+447700900123')).toEqual([])
    } finally {
      await listed.end()
    }
  })
})

describe('money', () => {
  const pay = (token: string, to: string) =>
    world.call('POST', '/api/v1/wallet/me/transfer', { token, body: { to, amount: 100, pin: PIN } })

  test('finds nobody by a number that is not proved, and does by one that is', async () => {
    const sender = await world.customer(10_000)
    const person = await acts.somebody('customer', { phone: null, phoneVerifiedAt: null })
    const phone = freshNumber()
    await setPhone(person, phone)
    expectProblem(await pay(sender.token, phone), 404, 'recipient_not_found')
    await provePhone(person, await newest(phone))
    const paid = await pay(sender.token, ` ${phone.slice(0, 4)} ${phone.slice(4)}`.trim())
    expect({ status: paid.status, to: paid.body.to }).toEqual({ status: 201, to: person.id })
    await acts.del('/phone', person.token)
    expectProblem(await pay(sender.token, phone), 404, 'recipient_not_found')
  })

  test('finds the one who proved it, whoever else claims the number', async () => {
    const sender = await world.customer(10_000)
    const phone = freshNumber()
    await acts.account({ phone, phoneVerifiedAt: null })
    const owner = await acts.account({ phone })
    await acts.account({ phone, phoneVerifiedAt: null })
    expect((await pay(sender.token, phone)).body.to).toBe(owner.id)
    expect((await world.app.identity.findPresent(phone))?.id).toBe(owner.id)
  })

  test('handed over at the till finds the one person who claims a number that nobody has proved', async () => {
    const phone = freshNumber()
    const only = await acts.account({ phone, phoneVerifiedAt: null })
    expect((await world.app.identity.findPresent(phone))?.id).toBe(only.id)
    await acts.account({ phone, phoneVerifiedAt: null })
    expect(await world.app.identity.findPresent(phone)).toBeUndefined()
  })
})

describe('an e-mail address', () => {
  const moved = (person: SignedIn) => `moved-${person.email}`

  async function move(person: SignedIn) {
    expect((await setEmail(person, moved(person))).status).toBe(202)
    return proveEmail(person, await newest(moved(person)))
  }

  test('changes once the new one is proved; both hear of it', async () => {
    const person = await acts.somebody()
    await setEmail(person, moved(person))
    expect((await acts.profile(person.token)).body.email).toBe(person.email)
    expect((await acts.login(moved(person))).status).toBe(401)
    expect((await proveEmail(person, await newest(moved(person)))).body.email).toBe(moved(person))
    expect((await acts.login(moved(person))).status).toBe(200)
    expectProblem(await acts.login(person.email), 401, 'credentials_invalid')
    for (const address of [person.email, moved(person)])
      expect(
        (await acts.toldTo(address)).filter((text) => text.includes('e-mail address of your account was changed')),
      ).toHaveLength(1)
    expect(
      (await acts.toldTo(person.phone)).some((text) => text.includes('e-mail address of your account was changed')),
    ).toBe(true)
  })

  test('takes outstanding links and codes with it', async () => {
    const person = await acts.somebody()
    await acts.withCodes(person, 'email')
    await acts.post('/forgot-password', { email: person.email })
    const link = await acts.linkTo(person.email)
    const { challengeId } = await acts.challengeOf(person.email)
    await acts.post('/login/2fa/send', { challengeId, method: 'email' })
    const code = await newest(person.email)
    expect((await move(person)).status).toBe(200)
    expectProblem(
      await acts.post('/reset-password', { token: link, password: NEW_PASSWORD }),
      422,
      'reset_token_invalid',
    )
    expectProblem(await acts.show(challengeId, 'email', code), 422, 'code_invalid')
  })

  test('of somebody else is not told apart: its owner hears of it, and no code moves it', async () => {
    const [person, owner] = [await acts.somebody(), await acts.somebody()]
    const free = await setEmail(person, moved(person))
    const taken = await setEmail(person, owner.email)
    expect({ status: taken.status, body: taken.body }).toEqual({ status: free.status, body: free.body })
    expect(await acts.codesTo(owner.email)).toEqual([])
    expect(await acts.toldTo(owner.email)).toContain('You have an account already')
  })

  test('that somebody else took meanwhile stays theirs', async () => {
    const [person, other] = [await acts.somebody(), await acts.somebody()]
    const wanted = `wanted-${person.email}`
    await setEmail(person, wanted)
    const code = await newest(wanted)
    await acts.account({ email: wanted })
    expectProblem(await proveEmail(person, code), 409, 'email_taken')
    expect((await acts.profile(other.token)).body.email).toBe(other.email)
  })

  test('does not flood somebody’s mailbox, however often a stranger wants it', async () => {
    const [person, owner] = [await acts.somebody(), await acts.somebody()]
    for (let i = 0; i < 10; i++) await setEmail(person, owner.email)
    expect((await world.mailTo(owner.email)).length).toBeLessThanOrEqual(3)
  })

  test.each([
    'a@b\r\nBcc: x@y.example',
    'a@b.example\nSubject: x',
    '"a b"@c.example',
    'a@b.example, c@d.example',
    '<a@b.example>',
    'a\u202e@b.example',
    'a@b.example\u0000',
    'a@@b.example',
    'a b@c.example',
    'a@b',
  ])('%p is none', async (email) => {
    const person = await acts.somebody()
    expectProblem(await setEmail(person, email), 422, 'validation_failed')
    const body = { name: 'X', email, password: NEW_PASSWORD }
    expectProblem(await acts.post('/register', body), 422, 'validation_failed')
  })
})
