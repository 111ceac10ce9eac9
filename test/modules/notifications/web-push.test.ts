/** Push messages to browsers, by a push service that lets nobody in without a good token and decrypts what it gets. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { vapidKeys } from '../../../src/modules/notifications'
import type { Channel, PushTarget } from '../../../src/modules/notifications/channels/channel'
import { createWebPush } from '../../../src/modules/notifications/channels/web-push'
import { createKeyring } from '../../../src/platform/security/keyring'
import { outgoing } from './outgoing'
import { createPushService, type Pushed, type PushService } from './providers/web-push'

const HOUR = 60 * 60_000
const NOW = Date.UTC(2026, 10, 25, 12, 0, 0)

let now = NOW
const clock = () => now
const vapidOf = (instanceKey: number) =>
  vapidKeys(createKeyring(new Uint8Array(32).fill(instanceKey), (bytes) => new Uint8Array(bytes)))
const vapid = vapidOf(7)
const subject = 'mailto:help@kumbu.example'
let service: PushService
let browser: PushTarget
let channel: Channel

const create = (changes: Partial<Parameters<typeof createWebPush>[0]> = {}) =>
  createWebPush({ vapid, subject, clock, allowPrivate: true, deadlineMs: 300, ...changes })

beforeAll(() => {
  service = createPushService(vapid.publicKey, clock)
})
afterAll(() => service.stop())

beforeEach(async () => {
  now = NOW
  service.answerWith()
  service.messages.length = 0
  browser = await service.subscribe()
  channel = create()
})

const to = (...push: PushTarget[]) => outgoing({ medium: 'push', push })

describe('a push message', () => {
  test('arrives encrypted at the browser that subscribed, with title, words, template and id', async () => {
    const message = outgoing({
      push: [browser],
      subject: 'Olá',
      short: 'Recebeu 15,00 MT 💸',
      template: 'money_received',
    })
    expect(await channel.send(message)).toEqual({ outcome: 'accepted' })
    expect(service.messages).toMatchObject([
      {
        payload: { title: 'Olá', body: 'Recebeu 15,00 MT 💸', template: 'money_received', id: message.deliveryId },
        sub: subject,
        topic: message.deliveryId,
        urgency: 'normal',
        ttl: 24 * 60 * 60,
      },
    ])
  })

  test('that is sent again takes the place of the one that waits', async () => {
    const message = to(browser)
    await channel.send(message)
    await channel.send(message)
    expect(service.waiting(browser)).toHaveLength(1)
    await channel.send(to(browser))
    expect(service.waiting(browser)).toHaveLength(2)
  })

  test('has a topic that services take, whatever its id looks like', async () => {
    await channel.send({ ...to(browser), deliveryId: `dlv/${'x'.repeat(40)}/1` })
    expect(service.messages.map(({ topic }) => topic)).toEqual([`${'x'.repeat(30)}-1`])
  })

  test('is kept for as long as it is worth something, and is urgent if that is not long', async () => {
    await channel.send({ ...to(browser), expiresAt: now + 5 * 60_000 })
    await channel.send({ ...to(browser), expiresAt: now + 5 * HOUR })
    await channel.send({ ...to(browser), expiresAt: now - 1 })
    await channel.send({ ...to(browser), expiresAt: now + 90 * 24 * HOUR })
    expect(service.messages.map(({ ttl, urgency }) => [ttl, urgency])).toEqual([
      [300, 'high'],
      [18_000, 'normal'],
      [0, 'high'],
      [28 * 24 * 60 * 60, 'normal'],
    ])
  })

  test.each(['x', 'é', '💸', '\u0001', '"'])(
    'made of too many %p is cut to what every service takes',
    async (letter) => {
      const message = outgoing({ push: [browser], short: letter.repeat(6_000), subject: letter.repeat(500) })
      expect(await channel.send(message)).toEqual({ outcome: 'accepted' })
      const { payload, bytes } = service.messages[0] as Pushed
      expect(bytes).toBeLessThanOrEqual(4_096)
      // And not to much less than that.
      expect(bytes).toBeGreaterThan(4_080)
      expect(payload.body).toEndWith(`${letter}…`)
    },
  )

  test('goes to every browser of a person, and to no device of another kind', async () => {
    const second = await service.subscribe()
    const phone: PushTarget = { id: 'tgt_phone', kind: 'fcm', address: `${service.url}/push/phone` }
    const before = service.offered
    expect(await channel.send(to(browser, second, phone))).toEqual({ outcome: 'accepted' })
    expect(service.messages).toHaveLength(2)
    expect(service.offered - before).toBe(2)
  })

  test('finds a good token on a day when the last one has ended', async () => {
    await channel.send(to(browser))
    for (const hours of [10, 12, 30, 24 * 30]) {
      now = NOW + hours * HOUR
      expect(await channel.send(to(browser))).toEqual({ outcome: 'accepted' })
    }
  })
})

describe('a subscription that is gone', () => {
  test('is named, and the message goes to the others', async () => {
    const lost = await service.subscribe()
    service.unsubscribe(lost)
    const unknown = { ...browser, id: 'tgt_unknown', address: `${service.url}/push/unknown` }
    expect(await channel.send(to(lost, browser, unknown))).toEqual({
      outcome: 'accepted',
      gone: [lost.id, 'tgt_unknown'],
    })
  })

  test('as the only one leaves nobody to send to', async () => {
    service.unsubscribe(browser)
    expect(await channel.send(to(browser))).toEqual({ outcome: 'permanent', reason: 'gone 410', gone: [browser.id] })
    expect(await channel.send(to())).toEqual({ outcome: 'permanent', reason: 'no device' })
  })

  test.each([
    ['no keys', { keys: undefined }],
    [
      'a point that is none',
      { keys: { p256dh: Buffer.alloc(65).toString('base64url'), auth: 'AAAAAAAAAAAAAAAAAAAAAA' } },
    ],
    ['half a secret', { keys: { p256dh: 'BAAA', auth: 'AA' } }],
    ['no address', { address: 'nowhere' }],
  ])('or has %s is forgotten without a request', async (_name, broken) => {
    const before = service.offered
    const target = { ...browser, ...broken } as PushTarget
    expect(await channel.send(to(target))).toEqual({
      outcome: 'permanent',
      reason: 'subscription malformed',
      gone: [browser.id],
    })
    expect(service.offered).toBe(before)
  })

  test.each([
    'https://169.254.169.254/latest/meta-data',
    'https://127.0.0.1/push',
    'https://[::1]/push',
    'http://updates.push.services.mozilla.com/push',
    'https://inside.example/push',
  ])('or leads to %s, into our own network, is forgotten without a request', async (address) => {
    const guarded = create({ allowPrivate: false, resolve: async () => ['10.0.0.8'] })
    expect(await guarded.send(to({ ...browser, address }))).toMatchObject({ outcome: 'permanent', gone: [browser.id] })
  })
})

describe('a service that does not take it', () => {
  test.each([
    [413, { outcome: 'permanent', reason: 'too large 413' }],
    [400, { outcome: 'permanent', reason: 'refused 400' }],
    [403, { outcome: 'transient', reason: 'credentials refused 403', aboutMessage: true }],
    [500, { outcome: 'transient', reason: 'put off 500', aboutMessage: true }],
  ])('answers %p', async (status, expected) => {
    service.answerWith({ status })
    expect(await channel.send(to(browser))).toEqual(expected as never)
  })

  test.each([429, 503])('for now (%p) is left alone for as long as it asks', async (status) => {
    service.answerWith({ status, headers: { 'retry-after': '120' } })
    const expected = { outcome: 'transient', reason: `put off ${status}`, retryAfterMs: 120_000, aboutMessage: true }
    expect(await channel.send(to(browser))).toEqual(expected as never)
    service.answerWith()
    const before = service.offered
    now += 119_000
    expect(await channel.send(to(browser))).toEqual({
      outcome: 'transient',
      reason: 'its server is left alone',
      retryAfterMs: 1_000,
      aboutMessage: true,
    })
    expect(service.offered).toBe(before)
    now += 1_000
    expect(await channel.send(to(browser))).toEqual({ outcome: 'accepted' })
  })

  test('and wants to be left alone says nothing of the services of other browsers', async () => {
    const other = createPushService(vapid.publicKey, clock)
    service.answerWith({ status: 429, headers: { 'retry-after': '120' } })
    await channel.send(to(browser))
    expect(await channel.send(to(await other.subscribe()))).toEqual({ outcome: 'accepted' })
    await other.stop()
  })

  test.each([
    ['86400', 3_600_000],
    ['0', undefined],
    ['soon', undefined],
  ])('and asks for a pause of %p seconds gets what is reasonable of it', async (seconds, retryAfterMs) => {
    service.answerWith({ status: 503, headers: { 'retry-after': seconds } })
    const expected = { outcome: 'transient', reason: 'put off 503', aboutMessage: true }
    expect(await channel.send(to(browser))).toEqual({
      ...expected,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    } as never)
    service.answerWith()
    now += retryAfterMs ?? 0
    expect(await channel.send(to(browser))).toEqual({ outcome: 'accepted' })
  })

  test.each([
    ['silence', 'web-push: no answer in time'],
    ['stalled', 'web-push: no answer in time'],
    ['cut', 'web-push: connection lost'],
    ['redirect', 'web-push: answered by pointing elsewhere'],
  ] as const)('but answers with %s: no subscription is forgotten', async (fault, reason) => {
    const before = service.offered
    service.answerWith(fault)
    expect(await channel.send(to(browser))).toEqual({ outcome: 'transient', reason, aboutMessage: true })
    expect(service.offered - before).toBe(1)
    expect(service.messages).toEqual([])
  })

  test('as far as we know, though it does: the repeat takes the place of the one that waits', async () => {
    const message = to(browser)
    service.answerWith('lost', 1)
    expect(await channel.send(message)).toMatchObject({ outcome: 'transient', reason: 'web-push: connection lost' })
    expect(await channel.send(message)).toEqual({ outcome: 'accepted' })
    expect(service.messages).toHaveLength(2)
    expect(service.waiting(browser)).toHaveLength(1)
  })

  test('is not there, and afterwards is', async () => {
    await service.stop()
    const expected = { outcome: 'transient', reason: 'web-push: cannot be reached', aboutMessage: true }
    expect(await channel.send(to(browser))).toEqual(expected as never)
    service.start()
    expect(await channel.send(to(browser))).toEqual({ outcome: 'accepted' })
  })

  test('knows us by another key: the message is kept, and no subscription is forgotten', async () => {
    const stranger = create({ vapid: vapidOf(8) })
    expect(await stranger.send(to(browser))).toEqual({
      outcome: 'transient',
      reason: 'credentials refused 403',
      aboutMessage: true,
    })
  })
})

test('the keys of an instance are always the same for its key, others for another, in the form that browsers take', () => {
  expect(vapidOf(7)).toEqual(vapid)
  expect(vapidOf(8).publicKey).not.toBe(vapid.publicKey)
  expect(vapidOf(8).privateKey).not.toBe(vapid.privateKey)
  expect(Buffer.from(vapid.publicKey, 'base64url')).toHaveLength(65)
  expect(Buffer.from(vapid.privateKey, 'base64url')).toHaveLength(32)
})

test('keys that are none are found out when the instance starts', () => {
  expect(() => create({ vapid: { publicKey: 'AAAA', privateKey: 'AAAA' } })).toThrow('VAPID')
})

test('whoever says nothing of private addresses has them refused', async () => {
  const before = service.offered
  expect(await createWebPush({ vapid, subject, clock }).send(to(browser))).toMatchObject({
    outcome: 'permanent',
    gone: [browser.id],
  })
  expect(service.offered).toBe(before)
})
