/** A forgotten password, and one that is changed: what the link can do, what ends with it, and which passwords are taken. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { passwordResets } from '../../../src/modules/identity/schema'
import { expectProblem } from '../../acceptance/answers'
import { type Answer, createWorld, PASSWORD, type World } from '../../support/world'
import { type Acts, actsIn, DAY, MINUTE, NEW_PASSWORD, type SignedIn } from './acts'

let world: World
let acts: Acts

beforeAll(async () => {
  world = await createWorld()
  acts = actsIn(world)
})
afterAll(() => world.end())

const forgot = (email: string) => acts.post('/forgot-password', { email })
const reset = (token: string, password = NEW_PASSWORD) => acts.post('/reset-password', { token, password })

async function linkOf(email: string): Promise<string> {
  await forgot(email)
  return acts.linkTo(email)
}

const links = async (email: string) =>
  (await world.mailTo(email)).filter(({ subject }) => subject === 'Choose a new password').length

describe('asking for a link', () => {
  test('is answered alike for whoever it is, and only an open account gets one', async () => {
    const known = await acts.account()
    const frozen = await acts.account({ status: 'frozen' })
    const waiting = await acts.account({ status: 'pending_verification' })
    const answers: Answer[] = []
    for (const email of [known.email, frozen.email, waiting.email, 'nobody@example.com'])
      answers.push(await forgot(email))
    for (const { status, body } of answers) expect({ status, body }).toEqual({ status: 202, body: {} })
    expect(await links(known.email)).toBe(1)
    for (const { email } of [frozen, waiting, { email: 'nobody@example.com' }]) expect(await links(email)).toBe(0)
  })

  test('sends one in 60 s and ten in a day, to the address of the account, however it was typed', async () => {
    const { email } = await acts.account()
    await forgot(email.toUpperCase())
    expect(await links(email)).toBe(1)
    world.clock.advance(MINUTE - 1)
    await forgot(email)
    expect(await links(email)).toBe(1)
    world.clock.advance(1)
    for (let i = 0; i < 15; i++) {
      await forgot(email)
      await world.mailTo(email)
      world.clock.advance(MINUTE)
    }
    expect(await links(email)).toBe(10)
    world.clock.advance(DAY)
    await forgot(email)
    expect(await links(email)).toBe(11)
  })

  test('for an address that only looks like somebody’s sends nothing anywhere', async () => {
    const { email } = await acts.account({ email: 'mike.person@example.com' })
    const sent = world.app.inbox?.list().length
    // Dotless i, dotted capital I, Cyrillic e and o, a letter with an accent: none is what it looks like.
    for (const lookalike of ['mıke', 'mİke', 'mikе', 'mikе', 'míke', 'mike\u0301'])
      await forgot(email.replace('mike', lookalike))
    await forgot(email.replace('person', 'persоn'))
    expect(await links(email)).toBe(0)
    expect(world.app.inbox?.list().length).toBe(sent)
  })

  test('with full-width letters goes to the address that the account has, not to the one that was typed', async () => {
    const { email } = await acts.account({ email: 'fullwidth@example.com' })
    const typed = email.replace('example', 'ｅxample')
    await forgot(typed)
    expect(await links(email)).toBe(1)
    expect(await links(typed)).toBe(0)
  })

  test('changes nothing by itself', async () => {
    const person = await acts.somebody()
    await linkOf(person.email)
    expect((await acts.login(person.email)).status).toBe(200)
    expect((await acts.profile(person.token)).status).toBe(200)
  })
})

describe('the link', () => {
  test('works once', async () => {
    const { email } = await acts.account()
    const link = await linkOf(email)
    expect((await reset(link)).status).toBe(204)
    expectProblem(await reset(link, 'yet another walk there'), 422, 'reset_token_invalid')
    expect((await acts.login(email, NEW_PASSWORD)).status).toBe(200)
    expectProblem(await acts.login(email, PASSWORD), 401, 'credentials_invalid')
  })

  test('works once, also when it is used twice at the same moment', async () => {
    const link = await linkOf((await acts.account()).email)
    const answers = await Promise.all([reset(link), reset(link, 'yet another walk there')])
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 422])
  })

  test('works for 30 minutes, and not at that moment', async () => {
    const [one, two] = [await acts.account(), await acts.account()]
    const [inTime, late] = [await linkOf(one.email), await linkOf(two.email)]
    world.clock.advance(30 * MINUTE - 1)
    expect((await reset(inTime)).status).toBe(204)
    world.clock.advance(1)
    expectProblem(await reset(late), 422, 'reset_token_invalid')
  })

  test('ends the others that were sent', async () => {
    const { email } = await acts.account()
    const first = await linkOf(email)
    world.clock.advance(MINUTE)
    const second = await linkOf(email)
    expect(second).not.toBe(first)
    expect((await reset(first)).status).toBe(204)
    expectProblem(await reset(second), 422, 'reset_token_invalid')
  })

  test('of an account that was frozen meanwhile is none', async () => {
    const person = await acts.account()
    const operator = await acts.somebody('operator')
    const link = await linkOf(person.email)
    await world.call('POST', `/api/v1/users/${person.id}/freeze`, { token: operator.token, body: {} })
    expectProblem(await reset(link), 422, 'reset_token_invalid')
  })

  test('that is made up is none, and is no token of another sort', async () => {
    const link = await linkOf((await acts.account()).email)
    for (const token of ['x', `${link}x`, link.slice(1)]) expectProblem(await reset(token), 422, 'reset_token_invalid')
    expectProblem(await acts.profile(link), 401, 'unauthenticated')
    expectProblem(await acts.refresh(link), 401, 'refresh_token_invalid')
  })

  test('is not kept as it is', async () => {
    const link = await linkOf((await acts.account()).email)
    const rows = await world.runtime.store.read.select().from(passwordResets)
    expect(rows.length).toBeGreaterThan(0)
    expect(JSON.stringify(rows)).not.toContain(link)
  })
})

describe('a password that was reset', () => {
  test('ends every session and every API key, signs nobody in, and is told by e-mail and SMS', async () => {
    const person = await acts.somebody()
    const key = (await acts.makeKey(person.token)).body.key
    expect((await acts.profile(key)).status).toBe(200)
    const answer = await reset(await linkOf(person.email))
    expect({ status: answer.status, body: answer.body }).toEqual({ status: 204, body: '' })
    expect(answer.headers.getSetCookie()).toEqual([])
    for (const token of [person.token, key]) expectProblem(await acts.profile(token), 401, 'unauthenticated')
    expectProblem(await acts.refresh(person.refreshToken), 401, 'refresh_token_invalid')
    for (const address of [person.email, person.phone])
      expect((await acts.toldTo(address)).filter((text) => text.includes('Your password was changed'))).toHaveLength(1)
  })

  test('does not get anybody past the second factor', async () => {
    const person = await acts.somebody()
    await world.setUpApp(person.email, person.token)
    expect((await reset(await linkOf(person.email))).status).toBe(204)
    expect((await acts.challengeOf(person.email, NEW_PASSWORD)).methods).toEqual(['totp', 'recovery'])
  })

  test('ends a sign-in that was half done with the old one', async () => {
    const person = await acts.somebody()
    const { secret } = await world.setUpApp(person.email, person.token)
    const { challengeId } = await acts.challengeOf(person.email)
    expect((await reset(await linkOf(person.email))).status).toBe(204)
    expectProblem(await acts.show(challengeId, 'totp', world.appCode(secret)), 401, 'challenge_invalid')
  })
})

describe('changing the password', () => {
  const change = ({ token }: SignedIn, currentPassword: string, newPassword = NEW_PASSWORD) =>
    acts.put('/password', token, { currentPassword, newPassword })

  test('needs the one before, and leaves API keys', async () => {
    const person = await acts.somebody()
    const key = (await acts.makeKey(person.token)).body.key
    expectProblem(await change(person, 'not the password'), 403, 'password_wrong')
    expect((await change(person, PASSWORD)).status).toBe(204)
    expect((await acts.profile(key)).status).toBe(200)
    expect((await acts.login(person.email, NEW_PASSWORD)).status).toBe(200)
    const rows = (await acts.auditOf(person.id)).filter(({ action }) => action === 'password.change')
    expect(rows.map(({ outcome, address }) => [outcome, address])).toEqual([
      ['refused', '192.0.2.1'],
      ['allowed', '192.0.2.1'],
    ])
  })

  test('takes 128 characters of any kind, all of which count', async () => {
    const person = await acts.somebody()
    const long = ` ${'ção 🌊 '.repeat(20)}`.slice(0, 126).concat('.~')
    expect(long).toHaveLength(128)
    expect((await change(person, PASSWORD, long)).status).toBe(204)
    expect((await acts.login(person.email, long)).status).toBe(200)
    expectProblem(await acts.login(person.email, long.slice(0, -1)), 401, 'credentials_invalid')
  })

  test('makes the links that were sent before worth nothing', async () => {
    const person = await acts.somebody()
    const link = await linkOf(person.email)
    expect((await change(person, PASSWORD)).status).toBe(204)
    expectProblem(await reset(link, 'the password of a thief'), 422, 'reset_token_invalid')
  })
})

describe('a password that is easy to guess is refused', () => {
  const EASY = ['password123', 'qwertyuiop', 'aaaaaaaa', '12345678', 'Kumbu2026']

  const doors: Array<[string, (password: string) => Promise<Answer>]> = [
    ['at registration', (password) => acts.post('/register', { name: 'N', email: 'n@example.com', password })],
    ['at a reset', async (password) => reset(await linkOf((await acts.account()).email), password)],
    [
      'at a change',
      async (newPassword) =>
        acts.put('/password', (await acts.somebody()).token, { currentPassword: PASSWORD, newPassword }),
    ],
    [
      'by an operator',
      async (password) => {
        const { token } = await acts.somebody('operator')
        const body = { name: 'N', email: 'n@example.com', password, role: 'agent' }
        return world.call('POST', '/api/v1/users', { token, body })
      },
    ],
    [
      'at the set-up',
      (password) => {
        const token = world.app.identity.setup.issueToken()
        return world.call('POST', '/api/v1/setup', { body: { token, name: 'N', email: 'n@example.com', password } })
      },
    ],
  ]

  test.each(doors)('%s', async (_, choose) => {
    for (const password of EASY) expectProblem(await choose(password), 422, 'password_common')
    expectProblem(await choose('1234567'), 422, 'validation_failed')
    expectProblem(await choose('x'.repeat(129)), 422, 'validation_failed')
  })

  test('at a reset too when it is the person’s own address or name', async () => {
    const person = await acts.account({ name: 'Celestina Nhantumbo' })
    for (const own of [person.email, 'celestinanhantumbo'])
      expectProblem(await reset(await linkOf(person.email), own), 422, 'password_common')
  })

  test('at a reset without using the link up', async () => {
    const link = await linkOf((await acts.account()).email)
    expectProblem(await reset(link, 'password123'), 422, 'password_common')
    expect((await reset(link)).status).toBe(204)
  })
})

test('a password of a megabyte is refused before it is looked at', async () => {
  const password = 'x'.repeat(1_000_000)
  const { email, token } = await acts.somebody()
  expectProblem(await acts.login(email, password), 413, 'body_too_large')
  expectProblem(await acts.post('/register', { name: 'N', email: 'n@example.com', password }), 413, 'body_too_large')
  expectProblem(await acts.stepUp(token, { password }), 413, 'body_too_large')
  expectProblem(await acts.login(email, 'x'.repeat(60_000)), 422, 'validation_failed')
})
