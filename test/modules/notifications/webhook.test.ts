/** Webhooks: signed by Standard Webhooks, sent once for each message as far as the receiver sees, and never into our network. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'
import type { Channel } from '../../../src/modules/notifications/channels/channel'
import { createWebhook } from '../../../src/modules/notifications/channels/webhook'
import { outgoing } from './outgoing'
import { createWebhookReceiver, type WebhookReceiver } from './providers/webhook'

const NOW = Date.UTC(2026, 10, 25, 12, 0, 0)

let now = NOW
const clock = () => now
let receiver: WebhookReceiver
let channel: Channel

beforeAll(() => {
  receiver = createWebhookReceiver(clock)
})
afterAll(() => receiver.stop())

beforeEach(() => {
  now = NOW
  // One that knows nothing of the failures of the test before.
  channel = createWebhook({ allowPrivate: true, clock, deadlineMs: 300 })
  receiver.answerWith()
  receiver.messages.length = 0
})

const hooked = (changes: Parameters<typeof outgoing>[0] = {}) =>
  outgoing({
    medium: 'webhook',
    webhook: { id: 'whk_1', url: `${receiver.url}/hooks?tenant=7`, secret: receiver.secret },
    ...changes,
  })

describe('a webhook', () => {
  test('says what happened in words and in figures', async () => {
    const message = hooked({ data: { amount: 1_500, currency: 'USD', transferId: 'txn_1' } })
    expect(await channel.send(message)).toEqual({ outcome: 'accepted' })
    const [got] = receiver.messages
    expect(got?.body).toEqual({
      id: message.deliveryId,
      type: 'money_sent',
      createdAt: '2026-11-25T12:00:00.000Z',
      subject: 'You sent USD 15.00',
      text: 'You sent USD 15.00 to Bruno.',
      data: { amount: 1_500, currency: 'USD', transferId: 'txn_1' },
    })
    expect(got?.headers.get('content-type')).toBe('application/json')
  })

  test('has the same id at every try and a fresh signature, so that the receiver drops a repeat', async () => {
    const [message, before] = [hooked(), receiver.repeats]
    await channel.send(message)
    now += 60 * 60_000
    expect(await channel.send(message)).toEqual({ outcome: 'accepted' })
    expect(receiver.messages).toHaveLength(1)
    expect(receiver.repeats - before).toBe(1)
  })

  test('with another secret is not believed', async () => {
    const [message, before] = [hooked(), receiver.forged]
    const webhook = { id: 'whk_1', url: receiver.url, secret: `whsec_${btoa('another secret of our own')}` }
    expect(await channel.send({ ...message, webhook })).toEqual({
      outcome: 'transient',
      reason: 'put off 401',
      aboutMessage: true,
    })
    expect(receiver.forged - before).toBe(1)
    expect(await channel.send(outgoing())).toEqual({ outcome: 'permanent', reason: 'no endpoint' })
  })
})

describe('an endpoint that answers', () => {
  test.each([200, 201, 202, 204])('%p has taken it', async (status) => {
    receiver.answerWith({ status })
    expect(await channel.send(hooked())).toEqual({ outcome: 'accepted' })
  })

  test('410 is gone', async () => {
    receiver.answerWith({ status: 410 })
    expect(await channel.send(hooked())).toEqual({ outcome: 'permanent', reason: 'gone 410', gone: ['whk_1'] })
  })

  test.each([400, 404, 405, 413, 422])('%p has refused it for good', async (status) => {
    receiver.answerWith({ status, body: 'secret words' })
    expect(await channel.send(hooked())).toEqual({
      outcome: 'permanent',
      reason: `refused ${status}`,
      refusedBy: 'whk_1',
    })
  })

  test.each([401, 403, 408, 409, 425, 429, 500, 502, 503])('%p is asked again', async (status) => {
    receiver.answerWith({ status, headers: { 'retry-after': '7' } })
    expect(await channel.send(hooked())).toEqual({
      outcome: 'transient',
      reason: `put off ${status}`,
      retryAfterMs: 7_000,
      aboutMessage: true,
    })
  })

  test('elsewhere is not followed there', async () => {
    const before = receiver.offered
    receiver.answerWith('redirect')
    expect(await channel.send(hooked())).toEqual({
      outcome: 'transient',
      reason: 'webhook: answered by pointing elsewhere',
      aboutMessage: true,
    })
    expect(receiver.offered - before).toBe(1)
  })

  test.each([
    ['silence', 'webhook: no answer in time'],
    ['stalled', 'webhook: no answer in time'],
    ['cut', 'webhook: connection lost'],
  ] as const)('with %s is asked again', async (fault, reason) => {
    receiver.answerWith(fault)
    expect(await channel.send(hooked())).toEqual({ outcome: 'transient', reason, aboutMessage: true })
    expect(receiver.messages).toEqual([])
  })

  test('nothing after it took the message is asked again, and knows the repeat', async () => {
    const [message, before] = [hooked(), receiver.repeats]
    receiver.answerWith('lost', 1)
    expect(await channel.send(message)).toEqual({
      outcome: 'transient',
      reason: 'webhook: connection lost',
      aboutMessage: true,
    })
    expect(await channel.send(message)).toEqual({ outcome: 'accepted' })
    expect(receiver.messages).toHaveLength(1)
    expect(receiver.repeats - before).toBe(1)
  })

  test.each([
    [new Date(NOW + 90_000).toUTCString(), 90_000],
    ['86400', 3_600_000],
    ['0', undefined],
    ['soon', undefined],
  ])('503 until %p is left alone for %p ms', async (until, retryAfterMs) => {
    receiver.answerWith({ status: 503, headers: { 'retry-after': until } })
    expect(await channel.send(hooked())).toEqual({
      outcome: 'transient',
      reason: 'put off 503',
      aboutMessage: true,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    } as never)
  })

  test('under a certificate that nobody vouches for hears nothing', async () => {
    // Bun has no certificate to lend; the library of the mail server comes with one.
    const stranger = new SMTPServer({ secure: true })
    stranger.on('error', () => {})
    const port = await new Promise<number>((resolve) => {
      const listening = stranger.listen(0, '127.0.0.1', () => resolve((listening.address() as AddressInfo).port))
    })
    const webhook = { id: 'whk_1', url: `https://127.0.0.1:${port}/`, secret: receiver.secret }
    expect(await channel.send(hooked({ webhook }))).toEqual({
      outcome: 'transient',
      reason: 'webhook: certificate not trusted',
      aboutMessage: true,
    })
    await new Promise<void>((resolve) => stranger.close(() => resolve()))
  })

  test('nothing, for it is not there, is asked again', async () => {
    await receiver.stop()
    expect(await channel.send(hooked())).toEqual({
      outcome: 'transient',
      reason: 'webhook: cannot be reached',
      aboutMessage: true,
    })
    receiver.start()
    expect(await channel.send(hooked())).toEqual({ outcome: 'accepted' })
  })

  test('with a page that never ends is read to a limit only', async () => {
    const endless = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: () =>
        new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(64 * 1024)) })),
    })
    const webhook = { id: 'whk_1', url: `http://127.0.0.1:${endless.port}/`, secret: receiver.secret }
    expect(await channel.send({ ...hooked(), webhook })).toEqual({ outcome: 'accepted' })
    await endless.stop(true)
  })
})

describe('an address', () => {
  test('within our own network is never called; nothing that listens there hears of it', async () => {
    const before = receiver.offered
    const strict = createWebhook({ allowPrivate: false, resolve: async () => ['127.0.0.1'], clock, deadlineMs: 300 })
    const port = new URL(receiver.url).port
    for (const url of [`https://hooks.example:${port}/`, receiver.url, `https://127.0.0.1:${port}/`]) {
      const answer = await strict.send(hooked({ webhook: { id: 'whk_1', url, secret: receiver.secret } }))
      expect(answer).toMatchObject({ outcome: 'permanent', reason: expect.stringMatching(/^address /) })
    }
    expect(receiver.offered).toBe(before)
  })

  test('whose name server fails is asked again', async () => {
    const resolve = () => Promise.reject(new Error('SERVFAIL'))
    const unlucky = createWebhook({ allowPrivate: false, resolve, clock })
    const webhook = { id: 'whk_1', url: 'https://hooks.example/', secret: receiver.secret }
    expect(await unlucky.send(hooked({ webhook }))).toEqual({
      outcome: 'transient',
      reason: 'host not found',
      aboutMessage: true,
    })
  })
})
