/** SMS by a gateway over HTTP: what it is sent, and what its answers mean. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { createSmsChannel } from '../../../src/modules/notifications'
import { HopelessError } from '../../../src/platform/queue'
import { createWorld, type World } from '../../support/world'

interface Taken {
  path: string
  authorization: string | null
  body: { to: string; text: string }
}

let taken: Taken[] = []
let status = 200

const gateway = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  async fetch(request) {
    const body = (await request.json()) as Taken['body']
    taken.push({ path: new URL(request.url).pathname, authorization: request.headers.get('authorization'), body })
    return new Response('', { status, ...(status === 302 ? { headers: { location: '/elsewhere' } } : {}) })
  },
})
const url = `http://kumbu:s%40cret@127.0.0.1:${gateway.port}/send`
const message = {
  to: '+258841234567',
  medium: 'sms',
  subject: 's',
  text: 't',
  html: 'h',
  short: 'A short text.',
} as const

afterAll(() => gateway.stop(true))
beforeEach(() => {
  taken = []
  status = 200
})

describe('the gateway', () => {
  const channel = createSmsChannel({ url })

  test('gets number and text as JSON, and our credentials in the header only', async () => {
    await channel.send(message)
    expect(taken).toEqual([
      {
        path: '/send',
        authorization: `Basic ${btoa('kumbu:s@cret')}`,
        body: { to: '+258841234567', text: 'A short text.' },
      },
    ])
  })

  test.each([400, 413, 422])('that answers %p has refused the message for good', async (answer) => {
    status = answer
    await expect(channel.send(message)).rejects.toBeInstanceOf(HopelessError)
  })

  test.each([401, 403, 408, 425, 429, 500, 502, 503])('that answers %p is asked again later', async (answer) => {
    status = answer
    const error = await channel.send(message).catch((thrown: Error) => thrown)
    expect(error).toBeInstanceOf(Error)
    expect(error).not.toBeInstanceOf(HopelessError)
  })

  test('that points elsewhere is not followed there with our credentials', async () => {
    status = 302
    expect(await channel.send(message).catch((thrown: Error) => thrown)).toBeInstanceOf(Error)
    expect(taken.map(({ path }) => path)).toEqual(['/send'])
  })
})

describe('an instance with a gateway', () => {
  let world: World
  beforeAll(async () => {
    world = await createWorld({ mode: 'production', 'sms-url': url, 'sms-calling-codes': '258' })
  })
  afterAll(() => world.end())

  test('sends the code of a number to it, and to no other country', async () => {
    const person = await world.person('customer')
    await world.app.settle()
    taken = []
    const put = (phone: string) => world.call('PUT', '/api/v1/auth/phone', { token: person.token, body: { phone } })

    expect((await put('+258 84 999 0001')).status).toBe(202)
    expect((await put('+1 900 555 0100')).body.code).toBe('phone_not_served')
    await world.app.settle()

    expect(taken.map(({ body }) => body.to)).toEqual(['+258849990001'])
    const code = /\b\d{6}\b/.exec(taken[0]?.body.text ?? '')?.[0]
    const { body } = await world.call('POST', '/api/v1/auth/phone/verify', { token: person.token, body: { code } })
    expect(body).toMatchObject({ phone: '+258849990001', phoneVerified: true })
  })

  test('tries again when the gateway was down, and the code is not sent late', async () => {
    const person = await world.person('customer')
    await world.app.settle()
    taken = []
    status = 503
    await world.call('PUT', '/api/v1/auth/phone', { token: person.token, body: { phone: '+258849990002' } })
    await world.app.settle()
    expect(taken).toHaveLength(1)

    status = 200
    world.clock.advance(6 * 60_000)
    await world.app.settle()
    expect(taken).toHaveLength(1)
  })
})
