/** An instance that sends its SMS by a gateway: the codes of numbers, while the gateway is well, down, and back again. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { createWorld, type Person, type World } from '../../support/world'
import { createGatewayServer } from './providers/gateway'

const MINUTE = 60_000

const gateway = createGatewayServer({ user: 'kumbu', password: 's@cret', receiptsSecret: '', clock: () => 0 })

let world: World
let operator: Person
let numbers = 0

beforeAll(async () => {
  world = await createWorld({
    mode: 'production',
    'sms-url': `${gateway.url.replace('://', '://kumbu:s%40cret@')}/send`,
    'sms-calling-codes': '258',
  })
  operator = await world.person('operator')
})
afterAll(async () => {
  await world.end()
  await gateway.stop()
})

beforeEach(async () => {
  gateway.answerWith()
  // Long enough for what waits to be over, and for the gateway to be trusted again.
  world.clock.advance(10 * MINUTE)
  await world.app.settle()
  operator.token = await world.signIn(operator.email)
  gateway.messages.length = 0
})

const put = (token: string, phone: string) => world.call('PUT', '/api/v1/auth/phone', { token, body: { phone } })

/** Somebody new who says which number is theirs, so that a code is on its way to it. */
async function askForCode(): Promise<{ token: string; phone: string }> {
  numbers += 1
  const phone = `+25884999${String(numbers).padStart(4, '0')}`
  const { token } = await world.person('customer')
  expect((await put(token, phone)).status).toBe(202)
  await world.app.settle()
  return { token, phone }
}

const numbersReached = () => gateway.messages.map(({ to }) => to)
const codeTo = (phone: string) => /\b\d{6}\b/.exec(gateway.messages.find(({ to }) => to === phone)?.text ?? '')?.[0]
const prove = (token: string, code: string | undefined) =>
  world.call('POST', '/api/v1/auth/phone/verify', { token, body: { code } })

async function advance(ms: number): Promise<void> {
  world.clock.advance(ms)
  await world.app.settle()
}

async function breaker(): Promise<string> {
  const { body } = await world.call('GET', '/api/v1/notifications/channels', { token: operator.token })
  const sms = body.items.find(({ channel }: { channel: string }) => channel === 'sms')
  return sms.providers[0].breaker
}

describe('an instance with a gateway', () => {
  test('sends the code of a number to it, and to no other country', async () => {
    const { token, phone } = await askForCode()
    expect((await put(token, '+1 900 555 0100')).body.code).toBe('phone_not_served')
    await world.app.settle()

    expect(numbersReached()).toEqual([phone])
    expect((await prove(token, codeTo(phone))).body).toMatchObject({ phone, phoneVerified: true })
  })

  test('takes no message for a number of another country', async () => {
    const post = (path: string, body: object) => world.call('POST', `/api/v1/${path}`, { token: operator.token, body })
    const announcement = { template: 'announcement', data: { title: 'Closed', message: 'Closed on Monday.' } }
    const answers = [
      await post('notifications/send', { to: '+19005550100', ...announcement }),
      await post('notifications/send', { to: '+19005550100', channels: ['sms'], ...announcement }),
      await post('internal/notifications/otp', { to: '+19005550100', code: '482913' }),
    ]
    expect(answers.map(({ status, body }) => [status, body.code])).toEqual(Array(3).fill([422, 'address_unfit']))
    expect((await post('notifications/send', { to: '+258849990000', ...announcement })).status).toBe(202)
    await world.app.settle()
    expect(numbersReached()).toEqual(['+258849990000'])
  })

  test('that is down for a moment tries again after a pause, and the code arrives once', async () => {
    const before = gateway.offered
    gateway.answerWith('broken')
    const { token, phone } = await askForCode()
    expect(gateway.offered - before).toBe(1)

    gateway.answerWith()
    await advance(999)
    expect(gateway.offered - before).toBe(1)
    await advance(1_001)
    expect(numbersReached()).toEqual([phone])
    await advance(MINUTE)

    expect(numbersReached()).toEqual([phone])
    expect((await prove(token, codeTo(phone))).body).toMatchObject({ phone, phoneVerified: true })
  })

  test('waits longer after each failure, and never sends a code late', async () => {
    gateway.answerWith('broken')
    const before = gateway.offered
    await askForCode()
    const tries = [gateway.offered - before]
    for (const pause of [2_000, 4_000, 8_000]) {
      await advance(pause / 2 - 1)
      tries.push(gateway.offered - before)
      await advance(pause / 2 + 1)
      tries.push(gateway.offered - before)
    }
    expect(tries).toEqual([1, 1, 2, 2, 3, 3, 4])

    await advance(5 * MINUTE)
    gateway.answerWith()
    await advance(30 * MINUTE)
    expect(gateway.messages).toEqual([])
  })

  test('that has failed five times leaves it alone for half a minute, then longer, and lets one message through', async () => {
    // A success, so that no failure before counts.
    const waiting = [await askForCode()]
    gateway.answerWith('broken')
    const before = gateway.offered
    const offered = () => gateway.offered - before
    for (let i = 0; i < 5; i++) waiting.push(await askForCode())
    expect([offered(), await breaker()]).toEqual([5, 'open'])
    waiting.push(await askForCode())
    await advance(29_999)
    expect([offered(), await breaker()]).toEqual([5, 'open'])

    // The one that is let through fails.
    await advance(1)
    expect([offered(), await breaker()]).toEqual([6, 'open'])
    await advance(59_999)
    expect(offered()).toBe(6)
    gateway.answerWith()
    await advance(1)

    expect(await breaker()).toBe('closed')
    expect(numbersReached().toSorted()).toEqual(waiting.map(({ phone }) => phone))
    for (const { token, phone } of waiting) expect((await prove(token, codeTo(phone))).status).toBe(200)
  })
})
