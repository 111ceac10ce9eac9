/** An account that is flooded from everywhere: its owner still gets in, and nobody else waits for it. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { expectProblem } from '../../acceptance/answers'
import { createWorld, PASSWORD, type World } from '../../support/world'
import { type Acts, actsIn, MINUTE } from './acts'

const FLOOD = 10_000
const AT_ONCE = 500

let world: World
let acts: Acts

beforeAll(async () => {
  world = await createWorld({ 'rate-limit': '100' })
  acts = actsIn(world)
})
afterAll(() => world.end())

const host = (n: number) => `100.${64 + Math.floor(n / 62_500)}.${Math.floor(n / 250) % 250}.${n % 250}`

describe('ten thousand wrong passwords for one account from ten thousand addresses', () => {
  test('do not keep its owner out', async () => {
    const owner = await acts.somebody()
    const home = { from: '192.0.2.77' }
    const { deviceToken } = (await acts.login(owner.email, PASSWORD, {}, home)).body
    expect(deviceToken).toBeString()
    const answers = new Map<number, number>()
    for (let sent = 0; sent < FLOOD; sent += AT_ONCE) {
      const batch = Array.from({ length: AT_ONCE }, (_, i) =>
        acts.login(owner.email, `guess ${sent + i}`, {}, { from: host(sent + i) }),
      )
      const during = acts.login(owner.email, PASSWORD, { deviceToken }, home)
      for (const { status } of await Promise.all(batch)) answers.set(status, (answers.get(status) ?? 0) + 1)
      // At the worst of it, from a device that is known.
      if (sent % 2_500 === 0) expect((await during).status).toBe(200)
      else await during
      world.clock.advance(10_000)
    }
    expect([...answers.keys()].sort()).toEqual([401, 503])

    expect((await acts.login(owner.email, PASSWORD, { deviceToken }, home)).status).toBe(200)
    expect((await acts.profile(owner.token)).status).toBe(200)
    expect((await acts.toldTo(owner.email)).some((text) => text.includes('many wrong passwords'))).toBe(true)
  }, 60_000)
})

describe('a hundred wrong passwords in a row', () => {
  async function doubted(failures: number) {
    const person = await acts.somebody()
    for (let i = 0; i < failures; i++) await acts.login(person.email, 'a guess', {}, { from: host(20_000 + i) })
    return person
  }

  test('make a right one from an unknown device not enough: a code by e-mail is asked for', async () => {
    const { email, deviceToken } = await doubted(100)
    const elsewhere = { from: '198.51.100.200' }
    const asked = (await acts.login(email, PASSWORD, {}, elsewhere)).body.twoFactor
    expect(asked.methods).toEqual(['email'])
    await acts.post('/login/2fa/send', { challengeId: asked.challengeId, method: 'email' })
    const [code] = (await acts.codesTo(email)) as [string]
    expect((await acts.login(email, PASSWORD, { deviceToken }, elsewhere)).body.accessToken).toBeString()
    expect((await acts.show(asked.challengeId, 'email', code, {}, elsewhere)).status).toBe(200)
    world.clock.advance(MINUTE)
    expect((await acts.login(email, PASSWORD, {}, { from: '198.51.100.201' })).body.accessToken).toBeString()
  })

  test('are not ninety-nine', async () => {
    const { email } = await doubted(99)
    expect((await acts.login(email, PASSWORD, {}, { from: '198.51.100.202' })).body.accessToken).toBeString()
  })

  test('are told to the owner at the twentieth, once', async () => {
    const { email } = await doubted(19)
    const told = async () => (await acts.toldTo(email)).filter((text) => text.includes('many wrong passwords')).length
    expect(await told()).toBe(0)
    for (let i = 0; i < 5; i++) await acts.login(email, 'a guess', {}, { from: host(30_000 + i) })
    expect(await told()).toBe(1)
  })
})

describe('the queue of an account', () => {
  /** Slow enough for all to arrive before the first was looked at. */
  const slow = Bun.password.hashSync(PASSWORD, { algorithm: 'argon2id', memoryCost: 8_192, timeCost: 2 })

  const busyOf = async (spelling: (email: string, i: number) => string) => {
    const { email } = await acts.account({ passwordHash: slow })
    const tries = Array.from({ length: 40 }, (_, i) =>
      acts.login(spelling(email, i), 'a guess', {}, { from: host(40_000 + i) }),
    )
    const answers = await Promise.all(tries)
    for (const answer of answers) if (answer.status === 503) expectProblem(answer, 503, 'sign_in_busy')
    world.clock.advance(MINUTE)
    return answers.filter(({ status }) => status === 503).length
  }

  test('holds 32 strangers; who comes then is told to come back', async () => {
    expect(await busyOf((email) => email)).toBe(8)
  })

  test('is one, however the address is written', async () => {
    const spelling = (email: string, i: number) =>
      [...email].map((letter, at) => (at < 6 && (i >> at) % 2 === 1 ? letter.toUpperCase() : letter)).join('')
    expect(await busyOf(spelling)).toBe(8)
  })

  test('holds one from each address', async () => {
    const { email } = await acts.account({ passwordHash: slow })
    const tries = Array.from({ length: 5 }, () => acts.login(email, 'a guess', {}, { from: '198.51.100.220' }))
    expect((await Promise.all(tries)).map(({ status }) => status).sort()).toEqual([401, 503, 503, 503, 503])
  })

  test('delays nobody else', async () => {
    const { email } = await acts.account({ passwordHash: slow })
    const other = await acts.account()
    const tries = Array.from({ length: 40 }, (_, i) => acts.login(email, 'a guess', {}, { from: host(50_000 + i) }))
    expect((await acts.login(other.email)).status).toBe(200)
    await Promise.all(tries)
  })
})
