/** Push messages to phones: Google’s token endpoint verifies our assertion, and FCM answers as its documentation says. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import type { Channel, PushTarget } from '../../../src/modules/notifications/channels/channel'
import { createFcm } from '../../../src/modules/notifications/channels/fcm'
import { parseServiceAccount } from '../../../src/modules/notifications/channels/fcm-account'
import { outgoing } from './outgoing'
import type { Fault } from './providers/faults'
import { createFcmServer, type Fcm, fcmError } from './providers/fcm'

const NOW = Date.UTC(2026, 10, 25, 12, 0, 0)
const MINUTE = 60_000

let now = NOW
const clock = () => now
let fcm: Fcm
let phone: PushTarget
let channel: Channel

beforeAll(() => {
  fcm = createFcmServer(clock)
})
afterAll(() => fcm.stop())

const create = () => createFcm({ serviceAccount: fcm.serviceAccount, apiBase: fcm.url, clock, deadlineMs: 300 })

beforeEach(() => {
  now = NOW
  fcm.answerWith()
  fcm.answerTokensWith()
  fcm.messages.length = 0
  phone = fcm.install()
  channel = create()
})

const to = (...push: PushTarget[]) => outgoing({ medium: 'push', push })

describe('a message to a phone', () => {
  test('says title and words, and bears the delivery’s id so that a repeat replaces what is shown', async () => {
    const message = outgoing({ push: [phone], subject: 'Olá', short: 'Recebeu 15,00 MT', expiresAt: now + 5 * MINUTE })
    expect(await channel.send(message)).toEqual({
      outcome: 'accepted',
      providerId: expect.stringMatching(/^projects\/kumbu-test\/messages\/\d+$/),
    })
    expect(fcm.messages).toEqual([
      {
        token: phone.address,
        notification: { title: 'Olá', body: 'Recebeu 15,00 MT' },
        data: { id: message.deliveryId, template: 'money_sent' },
        android: { priority: 'HIGH', ttl: '300s', notification: { tag: message.deliveryId } },
        apns: {
          headers: {
            'apns-collapse-id': message.deliveryId,
            'apns-priority': '10',
            'apns-expiration': String(NOW / 1_000 + 300),
          },
        },
      },
    ])
  })

  test('that is too long is cut', async () => {
    await channel.send(outgoing({ push: [phone], short: '💸'.repeat(5_000) }))
    expect(Buffer.byteLength(JSON.stringify(fcm.messages[0]))).toBeLessThanOrEqual(4_096)
    expect(fcm.messages[0]?.notification.body).toEndWith('💸…')
  })
})

describe('the access token', () => {
  test('is asked for once, however many messages go at the same time, and again shortly before it ends', async () => {
    const before = fcm.tokensGiven
    await Promise.all(Array.from({ length: 20 }, () => channel.send(to(phone))))
    expect(fcm.tokensGiven - before).toBe(1)
    now += 54 * MINUTE
    await channel.send(to(phone))
    expect(fcm.tokensGiven - before).toBe(1)
    now += 2 * MINUTE
    expect(await channel.send(to(phone))).toMatchObject({ outcome: 'accepted' })
    expect(fcm.tokensGiven - before).toBe(2)
  })

  test('that was taken back is replaced once, and the message goes', async () => {
    await channel.send(to(phone))
    fcm.revoke()
    const before = fcm.tokensGiven
    const answers = await Promise.all([1, 2, 3].map(() => channel.send(to(phone))))
    expect(answers.map(({ outcome }) => outcome)).toEqual(['accepted', 'accepted', 'accepted'])
    expect(fcm.tokensGiven - before).toBeLessThanOrEqual(2)
  })

  test('that is never good enough ends in another try later', async () => {
    fcm.answerWith({ status: 401, body: fcmError(401, 'UNAUTHENTICATED', 'THIRD_PARTY_AUTH_ERROR') })
    const before = fcm.offered
    expect(await channel.send(to(phone))).toEqual({
      outcome: 'transient',
      reason: 'refused 401 THIRD_PARTY_AUTH_ERROR',
    })
    expect(fcm.offered - before).toBe(2)
  })

  test('is not given for another’s key: our credentials are no fault of the message', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const private_key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    const stranger = createFcm({ serviceAccount: { ...fcm.serviceAccount, private_key }, apiBase: fcm.url, clock })
    const before = fcm.offered
    const expected = { outcome: 'transient', reason: 'credentials refused 400 invalid_grant' }
    expect(await stranger.send(to(phone))).toEqual(expected as never)
    expect(await stranger.check()).toEqual({ state: 'down', detail: 'credentials refused 400 invalid_grant' })
    expect(fcm.offered).toBe(before)
    expect(await channel.check()).toEqual({ state: 'up' })
  })

  test.each<[Fault, string]>([
    ['broken', 'credentials refused 500'],
    ['garbage', 'answered nonsense'],
    [{ status: 200, body: '{"access_token":7,"expires_in":"x"}' }, 'answered nonsense'],
    ['silence', 'fcm: no answer in time'],
    ['stalled', 'fcm: no answer in time'],
    ['cut', 'fcm: connection lost'],
    ['redirect', 'fcm: answered by pointing elsewhere'],
  ])('that comes as %p is none: nothing goes to FCM without one', async (fault, reason) => {
    const before = fcm.offered
    fcm.answerTokensWith(fault)
    expect(await channel.send(to(phone))).toEqual({ outcome: 'transient', reason })
    expect(await channel.check()).toEqual({ state: 'down', detail: reason })
    expect(fcm.offered).toBe(before)
    fcm.answerTokensWith()
    expect(await channel.send(to(phone))).toMatchObject({ outcome: 'accepted' })
  })
})

describe('a phone without the app', () => {
  test('is named, and the message goes to the others', async () => {
    const lost = fcm.install()
    fcm.uninstall(lost)
    const malformed: PushTarget = { id: 'tgt_x', kind: 'fcm', address: 'short' }
    expect(await channel.send(to(lost, phone, malformed))).toMatchObject({
      outcome: 'accepted',
      gone: [lost.id, 'tgt_x'],
    })
    expect(await channel.send(to(lost))).toEqual({
      outcome: 'permanent',
      reason: 'refused 404 UNREGISTERED',
      gone: [lost.id],
    })
  })

  test('or of another sender is named', async () => {
    fcm.answerWith({ status: 403, body: fcmError(403, 'PERMISSION_DENIED', 'SENDER_ID_MISMATCH') })
    expect(await channel.send(to(phone))).toEqual({
      outcome: 'permanent',
      reason: 'refused 403 SENDER_ID_MISMATCH',
      gone: [phone.id],
    })
  })
})

describe('FCM does not take it', () => {
  test.each([
    [
      'for a field of ours, which is no fault of the phone',
      { status: 400, body: fcmError(400, 'INVALID_ARGUMENT', 'INVALID_ARGUMENT', 'message.android.ttl') },
      { outcome: 'permanent', reason: 'refused 400 INVALID_ARGUMENT' },
    ],
    [
      'for a project that it does not know: nobody’s phone is forgotten for that',
      { status: 404, body: fcmError(404, 'NOT_FOUND') },
      { outcome: 'transient', reason: 'refused 404 NOT_FOUND' },
    ],
    [
      'for a permission that we lack',
      { status: 403, body: fcmError(403, 'PERMISSION_DENIED') },
      { outcome: 'transient', reason: 'refused 403 PERMISSION_DENIED' },
    ],
    [
      'for we send too much, and says for how long',
      { status: 429, headers: { 'retry-after': '30' }, body: fcmError(429, 'RESOURCE_EXHAUSTED', 'QUOTA_EXCEEDED') },
      { outcome: 'transient', reason: 'refused 429 QUOTA_EXCEEDED', retryAfterMs: 30_000 },
    ],
    [
      'for we send too much, and does not say for how long',
      { status: 429, body: fcmError(429, 'RESOURCE_EXHAUSTED', 'QUOTA_EXCEEDED') },
      { outcome: 'transient', reason: 'refused 429 QUOTA_EXCEEDED', retryAfterMs: 60_000 },
    ],
    [
      'for it is overloaded until a date',
      {
        status: 503,
        headers: { 'retry-after': new Date(NOW + 90_000).toUTCString() },
        body: fcmError(503, 'UNAVAILABLE', 'UNAVAILABLE'),
      },
      { outcome: 'transient', reason: 'refused 503 UNAVAILABLE', retryAfterMs: 90_000 },
    ],
    [
      'for a fault of its own',
      { status: 500, body: fcmError(500, 'INTERNAL', 'INTERNAL') },
      { outcome: 'transient', reason: 'refused 500 INTERNAL' },
    ],
    ['in HTML', { status: 502, body: '<html>ya29.x</html>' }, { outcome: 'transient', reason: 'refused 502' }],
    [
      'in JSON of another shape',
      { status: 500, body: '{"error":{"status":{"a":1},"details":[null,3]}}' },
      { outcome: 'transient', reason: 'refused 500' },
    ],
  ])('%s', async (_name, fault, expected) => {
    fcm.answerWith(fault)
    expect(await channel.send(to(phone))).toEqual(expected as never)
  })

  test.each([
    ['garbage', 'answered nonsense'],
    ['silence', 'fcm: no answer in time'],
    ['stalled', 'fcm: no answer in time'],
    ['cut', 'fcm: connection lost'],
    ['redirect', 'fcm: answered by pointing elsewhere'],
  ] as const)('but answers with %s', async (fault, reason) => {
    const before = fcm.offered
    fcm.answerWith(fault)
    expect(await channel.send(to(phone))).toEqual({ outcome: 'transient', reason })
    expect(fcm.offered - before).toBe(1)
    expect(fcm.messages).toEqual([])
  })

  test.each([
    ['0', 60_000],
    ['soon', 60_000],
    ['86400', 3_600_000],
  ])('for we send too much, and asks for a pause of %p seconds', async (seconds, retryAfterMs) => {
    fcm.answerWith({ status: 429, headers: { 'retry-after': seconds } })
    expect(await channel.send(to(phone))).toMatchObject({ outcome: 'transient', retryAfterMs })
  })

  test('as far as we know, though it does: the repeat takes the place of what is shown', async () => {
    const message = to(phone)
    fcm.answerWith('lost', 1)
    expect(await channel.send(message)).toEqual({ outcome: 'transient', reason: 'fcm: connection lost' })
    expect(await channel.send(message)).toMatchObject({ outcome: 'accepted' })
    expect(fcm.messages.map(({ android }) => android.notification.tag)).toEqual([
      message.deliveryId,
      message.deliveryId,
    ])
  })

  test('for it is not there, and afterwards is', async () => {
    await channel.check()
    await fcm.stop()
    expect(await channel.send(to(phone))).toEqual({ outcome: 'transient', reason: 'fcm: cannot be reached' })
    fcm.start()
    expect(await channel.send(to(phone))).toMatchObject({ outcome: 'accepted' })
  })
})

describe('the file of a service account', () => {
  const good = () => ({ ...fcm.serviceAccount, universe_domain: 'googleapis.com' })

  test('is read, whatever else it holds', () => {
    expect(parseServiceAccount(JSON.stringify(good()))).toEqual({
      ok: true,
      value: {
        project_id: fcm.serviceAccount.project_id,
        client_email: fcm.serviceAccount.client_email,
        private_key: fcm.serviceAccount.private_key,
        token_uri: fcm.serviceAccount.token_uri,
      },
    })
  })

  test.each([
    ['no JSON', () => 'secret', 'is not a JSON object'],
    ['a list', () => '["secret"]', 'is not a JSON object'],
    ['another type', () => JSON.stringify({ ...good(), type: 'authorized_user' }), '"type" must be "service_account"'],
    ['no project', () => JSON.stringify({ ...good(), project_id: undefined }), 'has no "project_id"'],
    ['a project like a path', () => JSON.stringify({ ...good(), project_id: '../x' }), '"project_id"'],
    ['no address', () => JSON.stringify({ ...good(), client_email: 7 }), 'has no "client_email"'],
    ['no key', () => JSON.stringify({ ...good(), private_key: '' }), 'has no "private_key"'],
    ['a key that is none', () => JSON.stringify({ ...good(), private_key: 'secret' }), 'is no RSA key'],
    ['an open token address', () => JSON.stringify({ ...good(), token_uri: 'http://a.example' }), '"token_uri"'],
  ])('that holds %s is refused with a sentence that repeats no secret', (_name, text, words) => {
    const parsed = parseServiceAccount(text())
    expect(parsed).toMatchObject({ ok: false, code: 'service_account_invalid', detail: expect.stringContaining(words) })
    expect(JSON.stringify(parsed)).not.toContain('secret')
  })
})
