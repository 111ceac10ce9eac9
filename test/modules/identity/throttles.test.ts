/** Counters that are kept apart, so that a stranger uses up his own tries and never the owner’s. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'
import { loadConfig } from '../../../src/config'
import { oneTimeCodes } from '../../../src/modules/identity/schema'
import { expectProblem } from '../../acceptance/answers'
import { createWorld, PASSWORD, type World } from '../../support/world'
import { type Acts, actsIn, anotherThan, DAY, MINUTE, type SignedIn } from './acts'

let world: World
let acts: Acts
let hosts = 0
/** An address that nobody has used yet. */
const freshHost = () => `100.64.${Math.floor(++hosts / 250)}.${hosts % 250}`

beforeAll(async () => {
  world = await createWorld({ 'rate-limit': '100', 'trusted-proxies': '10.0.0.1,10.0.0.2' })
  acts = actsIn(world)
})
afterAll(() => world.end())

const wrong = (email: string, from: string, headers: Record<string, string> = {}) =>
  acts.login(email, 'not the password', {}, { from, headers })
const right = (email: string, from: string) => acts.login(email, PASSWORD, {}, { from })
const statuses = async (n: number, act: () => Promise<{ status: number }>) => {
  const all: number[] = []
  for (let i = 0; i < n; i++) all.push((await act()).status)
  return all
}
const times = (n: number, status: number) => Array.from({ length: n }, () => status)

describe('passwords', () => {
  test('are tried ten times in a minute from one address at one account', async () => {
    const { email } = await acts.account()
    const from = freshHost()
    expect(await statuses(11, () => wrong(email, from))).toEqual([...times(10, 401), 429])
    const refused = await right(email, from)
    expectProblem(refused, 429, 'rate_limited')
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    world.clock.advance(MINUTE)
    expect((await right(email, from)).status).toBe(200)
  })

  test('of another account, or from another address, are counted apart', async () => {
    const [one, other] = [await acts.account(), await acts.account()]
    const from = freshHost()
    await statuses(11, () => wrong(one.email, from))
    expect((await right(other.email, from)).status).toBe(200)
    expect((await right(one.email, freshHost())).status).toBe(200)
  })

  test('of one account are counted as one, however its address is written', async () => {
    const { email } = await acts.account()
    const from = freshHost()
    const spellings = [email, email.toUpperCase(), email.replace('p', 'ｐ'), email.replace('p', 'P')]
    const all = await Promise.all(
      Array.from({ length: 12 }, (_, i) => wrong(spellings[i % spellings.length] as string, from)),
    )
    expect(all.filter(({ status }) => status === 429)).toHaveLength(2)
  })

  test('from one address are a hundred in a minute at the most, whosever they are', async () => {
    const from = freshHost()
    const all: number[] = []
    for (let i = 0; i < 101; i++) all.push((await acts.post('/logout', { refreshToken: 'x' }, { from })).status)
    expect(all).toEqual([...times(100, 204), 429])
    expect((await acts.post('/logout', { refreshToken: 'x' }, { from: freshHost() })).status).toBe(204)
  })

  test('are bounded so when nobody sets anything', () => {
    const { rateLimit, rateLimitUser, trustedProxies } = loadConfig({}, {}, true)
    expect({ rateLimit, rateLimitUser, trustedProxies }).toEqual({
      rateLimit: 100,
      rateLimitUser: 1_000,
      trustedProxies: [],
    })
  })

  test('of one who is signed in (a step-up, a change) are counted for that person', async () => {
    const { token } = await acts.somebody()
    const tries = () => acts.post('/step-up', { password: 'not it' }, { token, from: freshHost() })
    expect(await statuses(11, tries)).toEqual([...times(10, 403), 429])
    const change = { currentPassword: 'not it', newPassword: 'a longer walk to the sea' }
    expect(await statuses(11, () => acts.put('/password', token, change))).toEqual([...times(10, 403), 429])
  })
})

describe('an address that is only claimed', () => {
  test('does not count: who invents X-Forwarded-For uses up his own tries', async () => {
    const { email } = await acts.account()
    const from = freshHost()
    const tries = () =>
      wrong(email, from, { 'x-forwarded-for': freshHost(), forwarded: `for=${freshHost()}`, 'x-real-ip': freshHost() })
    expect(await statuses(11, tries)).toEqual([...times(10, 401), 429])
  })

  test('before one that our proxy saw does not count either: the list is read from the right', async () => {
    const { email } = await acts.account()
    const client = freshHost()
    const tries = () => wrong(email, '10.0.0.1', { 'x-forwarded-for': `${freshHost()}, ${client}, 10.0.0.2` })
    expect(await statuses(11, tries)).toEqual([...times(10, 401), 429])
    expect((await wrong(email, '10.0.0.1', { 'x-forwarded-for': freshHost() })).status).toBe(401)
  })

  test('of IPv6 counts as its /64', async () => {
    const { email } = await acts.account()
    let last = 0
    const tries = () => wrong(email, `2001:db8:1:2::${(++last).toString(16)}`)
    expect(await statuses(11, tries)).toEqual([...times(10, 401), 429])
    expect((await wrong(email, '2001:db8:1:3::1')).status).toBe(401)
  })
})

describe('second factors', () => {
  async function withApp(): Promise<SignedIn & { secret: string; recoveryCodes: string[] }> {
    const person = await acts.somebody()
    return { ...person, ...(await world.setUpApp(person.email, person.token)) }
  }
  const challenge = async (email: string) =>
    (await acts.login(email, PASSWORD, {}, { from: freshHost() })).body.twoFactor
  const show = (challengeId: string, code: string, method = 'totp', from = freshHost()) =>
    acts.show(challengeId, method, code, {}, { from })

  async function fail(email: string, tries: number): Promise<void> {
    for (let i = 0; i < tries; ) {
      const { challengeId } = await challenge(email)
      for (let j = 0; j < 5 && i < tries; j++, i++) await show(challengeId, 'x')
    }
  }

  test('lock at the tenth wrong code in a row, for 15 minutes, from wherever they come; the owner hears of it', async () => {
    const { email, secret, recoveryCodes } = await withApp()
    await fail(email, 9)
    expectProblem(await show((await challenge(email)).challengeId, 'x'), 423, 'second_factor_locked')
    const { challengeId } = await challenge(email)
    const refused = await show(challengeId, recoveryCodes[0] as string, 'recovery')
    expectProblem(refused, 423, 'second_factor_locked')
    expect(refused.headers.get('retry-after')).toBe('900')
    world.clock.advance(15 * MINUTE - 31_000)
    expectProblem(await show((await challenge(email)).challengeId, world.appCode(secret)), 423, 'second_factor_locked')
    world.clock.advance(1_000)
    expect((await show((await challenge(email)).challengeId, world.appCode(secret))).status).toBe(200)
    expect((await acts.toldTo(email)).filter((text) => text.includes('ten wrong codes'))).toHaveLength(1)
  })

  test('lock longer with each further wrong code', async () => {
    const { email } = await withApp()
    await fail(email, 10)
    for (const minutes of [30, 60, 120]) {
      world.clock.advance(minutes * MINUTE)
      const refused = await show((await challenge(email)).challengeId, 'x')
      expect(refused.headers.get('retry-after')).toBe(String(minutes * 60))
    }
  })

  test('are counted apart from passwords, and the reverse', async () => {
    const { id, email, secret } = await withApp()
    for (let i = 0; i < 9; i++) await wrong(email, freshHost())
    await fail(email, 9)
    expect(await acts.rowOf(id)).toMatchObject({ passwordFailures: 9, factorFailures: 9 })
    expect((await show((await challenge(email)).challengeId, world.appCode(secret))).status).toBe(200)
    expect(await acts.rowOf(id)).toMatchObject({ passwordFailures: 0, factorFailures: 0 })
  })

  test('that are locked do not keep somebody without one out, nor the password from being changed', async () => {
    const { email, token } = await withApp()
    await fail(email, 10)
    expect((await acts.stepUp(token, { password: PASSWORD })).status).toBe(204)
  })

  test('are shown sixty times in a minute from one address, whosever they are', async () => {
    const from = freshHost()
    const tries = () => show('chl_00000000000000000000', '123456', 'totp', from)
    expect(await statuses(61, tries)).toEqual([...times(60, 401), 429])
  })
})

describe('codes', () => {
  const kept = (userId: string) =>
    world.runtime.store.read.select().from(oneTimeCodes).where(eq(oneTimeCodes.userId, userId))
  const setPhone = ({ token }: SignedIn, phone: string) => acts.put('/phone', token, { phone })

  test('to one person: 60 s apart, three in ten minutes, ten in a day', async () => {
    const { id, token } = await acts.somebody()
    const send = () => acts.post('/step-up/send', { method: 'email' }, { token: fresh })
    let fresh = token
    const sent = async () => (await kept(id)).length
    await send()
    world.clock.advance(MINUTE - 1)
    await send()
    expect(await sent()).toBe(1)
    world.clock.advance(1)
    await send()
    expect(await sent()).toBe(2)
    for (let i = 0; i < 7; i++) {
      world.clock.advance(MINUTE)
      await send()
    }
    expect(await sent()).toBe(3)
    const { email } = await acts.rowOf(id)
    for (let i = 0; i < 20; i++) {
      world.clock.advance(10 * MINUTE)
      fresh = (await right(email, freshHost())).body.accessToken
      await send()
    }
    expect(await sent()).toBe(10)
  })

  test('to one number: the same, whoever asks and for whatever', async () => {
    const phone = '+258861234567'
    const askers = await Promise.all(Array.from({ length: 5 }, () => acts.somebody()))
    const count = async () => (await acts.codesTo(phone)).length
    await setPhone(askers[0] as SignedIn, phone)
    await setPhone(askers[1] as SignedIn, phone)
    expect(await count()).toBe(1)
    for (const asker of askers.slice(1)) {
      world.clock.advance(MINUTE)
      await setPhone(asker, phone)
    }
    expect(await count()).toBe(3)
    for (let i = 0; i < 15; i++) {
      world.clock.advance(10 * MINUTE)
      await setPhone(await acts.somebody(), `${phone.slice(0, 4)} ${phone.slice(4)}`)
      await count()
    }
    expect(await count()).toBe(10)
    world.clock.advance(DAY)
    await setPhone(await acts.somebody(), phone)
    expect(await count()).toBe(11)
  })

  test('are tried five times: the sixth is refused, although it is right', async () => {
    const email = 'sixth@example.com'
    await acts.post('/register', { name: 'Six', email, password: PASSWORD }, { from: freshHost() })
    const [code] = (await acts.codesTo(email)) as [string]
    const verify = (given: string) => acts.post('/verify-email', { email, code: given }, { from: freshHost() })
    for (let i = 0; i < 5; i++) expectProblem(await verify(anotherThan(code)), 422, 'code_invalid')
    expectProblem(await verify(code), 422, 'code_invalid')
  })
})
