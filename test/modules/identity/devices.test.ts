/** Devices: how one is known again, how long it is asked for less, and how its owner hears of a new one. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'
import { devices } from '../../../src/modules/identity/schema'
import { expectProblem } from '../../acceptance/answers'
import { createWorld, PASSWORD, type World } from '../../support/world'
import { type Acts, actsIn, DAY, NEW_PASSWORD, type SignedIn } from './acts'

let world: World
let acts: Acts

beforeAll(async () => {
  world = await createWorld()
  acts = actsIn(world)
})
afterAll(() => world.end())

type WithApp = SignedIn & { secret: string }

async function withApp(): Promise<WithApp> {
  const person = await acts.somebody()
  const { secret } = await world.setUpApp(person.email, person.token)
  return { ...person, secret }
}

const ELSEWHERE = { from: '198.51.100.7', headers: { 'user-agent': 'Another browser' } }

/** A sign-in with the app that asks to remember the device; answers its token. */
async function remembered(person: WithApp, options = ELSEWHERE): Promise<{ token: string; deviceToken: string }> {
  const { body } = await acts.login(person.email, PASSWORD, {}, options)
  const code = world.appCode(person.secret)
  const members = { rememberDevice: true }
  const answer = await acts.show(body.twoFactor.challengeId, 'totp', code, members, options)
  expect(answer.status).toBe(200)
  return { token: answer.body.accessToken, deviceToken: answer.body.deviceToken }
}

const asksForFactor = async (email: string, deviceToken?: string, options = ELSEWHERE) => {
  const members = deviceToken === undefined ? {} : { deviceToken }
  const { status, body } = await acts.login(email, PASSWORD, members, options)
  expect(status).toBe(200)
  return 'twoFactor' in body
}

describe('a device that is remembered', () => {
  test('is asked for no second factor for 30 days, and then again', async () => {
    const person = await withApp()
    const { deviceToken } = await remembered(person)
    expect(deviceToken).toMatch(/^[\w-]{43}$/)
    world.clock.advance(30 * DAY - 1)
    expect(await asksForFactor(person.email, deviceToken)).toBe(false)
    world.clock.advance(1)
    expect(await asksForFactor(person.email, deviceToken)).toBe(true)
  })

  test('is not remembered longer by being used', async () => {
    const person = await withApp()
    const { deviceToken } = await remembered(person)
    for (let i = 0; i < 3; i++) {
      world.clock.advance(10 * DAY - 1)
      expect(await asksForFactor(person.email, deviceToken)).toBe(false)
    }
    world.clock.advance(3)
    expect(await asksForFactor(person.email, deviceToken)).toBe(true)
  })

  test('is known by its token alone: not by its address and browser', async () => {
    const person = await withApp()
    const { deviceToken } = await remembered(person)
    expect(await asksForFactor(person.email)).toBe(true)
    expect(await asksForFactor(person.email, `${deviceToken.slice(0, -1)}~`)).toBe(true)
    expect(await asksForFactor(person.email, deviceToken, { ...ELSEWHERE, from: '203.0.113.77' })).toBe(false)
  })

  test('of one person is nothing to another', async () => {
    const [one, other] = [await withApp(), await withApp()]
    const { deviceToken } = await remembered(one)
    expect(await asksForFactor(other.email, deviceToken)).toBe(true)
  })

  test('still needs the right password', async () => {
    const person = await withApp()
    const { deviceToken } = await remembered(person)
    const answer = await acts.login(person.email, 'not the password', { deviceToken }, ELSEWHERE)
    expectProblem(answer, 401, 'credentials_invalid')
  })

  test('is not one because nobody said so', async () => {
    const person = await withApp()
    const { body } = await acts.login(person.email, PASSWORD, {}, ELSEWHERE)
    const answer = await acts.show(body.twoFactor.challengeId, 'totp', world.appCode(person.secret), {}, ELSEWHERE)
    expect(await asksForFactor(person.email, answer.body.deviceToken)).toBe(true)
  })

  test('beside another of the same kind at the same address leaves that one remembered', async () => {
    const person = await withApp()
    const first = await remembered(person)
    const second = await remembered(person)
    expect(await asksForFactor(person.email, second.deviceToken)).toBe(false)
    expect(await asksForFactor(person.email, first.deviceToken)).toBe(false)
  })

  test('is not kept as it is', async () => {
    const person = await withApp()
    const { deviceToken } = await remembered(person)
    const rows = await world.runtime.store.read.select().from(devices).where(eq(devices.userId, person.id))
    expect(JSON.stringify(rows)).not.toContain(deviceToken)
    expect(JSON.stringify(rows)).not.toContain(ELSEWHERE.from)
  })
})

describe('devices are not trusted any more', () => {
  const REASONS: Array<[string, (person: WithApp, token: string) => Promise<unknown>]> = [
    [
      'after the password was changed',
      ({ token }) => acts.put('/password', token, { currentPassword: PASSWORD, newPassword: NEW_PASSWORD }),
    ],
    ['after signing out everywhere', ({ token }) => acts.del('/sessions', token)],
    [
      'after the password was reset',
      async ({ email }) => {
        await acts.post('/forgot-password', { email })
        return acts.post('/reset-password', { token: await acts.linkTo(email), password: NEW_PASSWORD })
      },
    ],
  ]

  test.each(REASONS)('%s', async (_, act) => {
    const person = await withApp()
    const { token, deviceToken } = await remembered(person)
    expect(((await act(person, token)) as { status: number }).status).toBe(204)
    let { status, body } = await acts.login(person.email, NEW_PASSWORD, { deviceToken }, ELSEWHERE)
    if (status !== 200) ({ status, body } = await acts.login(person.email, PASSWORD, { deviceToken }, ELSEWHERE))
    expect({ status, challenged: 'twoFactor' in body }).toEqual({ status: 200, challenged: true })
  })

  test('once it is forgotten, and its sessions end at once', async () => {
    const person = await withApp()
    const { token, deviceToken } = await remembered(person)
    expect((await acts.profile(token)).status).toBe(200)
    const { items } = (await acts.get('/devices', person.token)).body
    const { id } = items.find(({ remembered: is }: { remembered: boolean }) => is)
    expect((await acts.del(`/devices/${id}`, person.token)).status).toBe(204)
    expectProblem(await acts.profile(token), 401, 'unauthenticated')
    expect((await acts.profile(person.token)).status).toBe(200)
    expect(await asksForFactor(person.email, deviceToken)).toBe(true)
    expectProblem(await acts.del(`/devices/${id}`, person.token), 404, 'device_not_found')
  })

  test('by somebody who does not own it: that does nothing', async () => {
    const [owner, other] = [await acts.somebody(), await acts.somebody()]
    const [{ id }] = (await acts.get('/devices', owner.token)).body.items
    expectProblem(await acts.del(`/devices/${id}`, other.token), 404, 'device_not_found')
    expect((await acts.profile(owner.token)).status).toBe(200)
  })
})

describe('a sign-in from a device that was not used before', () => {
  const notices = async (email: string) =>
    (await world.mailTo(email)).filter(({ subject }) => subject === 'A new device signed in')

  test('is told by mail, once, with what it was and where from; the first one ever is not', async () => {
    const { email } = await acts.somebody()
    expect(await notices(email)).toHaveLength(0)
    await acts.login(email, PASSWORD, {}, ELSEWHERE)
    await acts.login(email, PASSWORD, {}, ELSEWHERE)
    const told = await notices(email)
    expect(told).toHaveLength(1)
    expect(told[0]?.text).toContain('Another browser, from 198.51.100.7')
  })

  test('is not told of one that shows its token from a new place', async () => {
    const { email, deviceToken } = await acts.somebody()
    await acts.login(email, PASSWORD, { deviceToken }, { from: '198.51.100.99' })
    expect(await notices(email)).toHaveLength(0)
  })

  test('is told, whatever the browser calls itself, in one line of text', async () => {
    const { email } = await acts.somebody()
    const headers = { 'user-agent': `<script>alert(1)</script>${'x'.repeat(5_000)}` }
    expect((await acts.login(email, PASSWORD, {}, { headers })).status).toBe(200)
    const [{ text } = { text: '' }] = await notices(email)
    expect(text.length).toBeLessThan(1_000)
  })
})

test('the list of devices shows name, first and last use, the latest first', async () => {
  const { email, token } = await acts.somebody()
  world.clock.advance(DAY)
  await acts.login(email, PASSWORD, {}, ELSEWHERE)
  const now = (await acts.login(email, PASSWORD, {}, ELSEWHERE)).body.accessToken
  const { items } = (await acts.get('/devices', now)).body
  expect(items).toHaveLength(2)
  expect(items[0]).toMatchObject({
    name: 'Another browser',
    remembered: false,
    createdAt: new Date(world.clock()).toISOString(),
    lastSeenAt: new Date(world.clock()).toISOString(),
  })
  expect(items[1].lastSeenAt).toBe(new Date(world.clock() - DAY).toISOString())
  expect(JSON.stringify(items)).not.toContain('hash')
  expectProblem(await acts.get('/devices', token), 401, 'unauthenticated')
})
