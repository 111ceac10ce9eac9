/** SMS by Twilio: what it is sent, what its refusals mean, and whose receipts are believed. */
import { afterAll, beforeEach, describe, expect, test } from 'bun:test'
import type { ReceiptRequest } from '../../../src/modules/notifications/channels/channel'
import { createTwilio, type TwilioOptions } from '../../../src/modules/notifications/channels/twilio'
import { testClock } from '../../support/world'
import { outgoingCode } from './outgoing'
import { keepsItsWordUnderFaults } from './providers/behaviour'
import { asReceived, type ReceiptOptions } from './providers/server'
import { createTwilioServer } from './providers/twilio'

const account = { accountSid: `AC${'0a'.repeat(16)}`, authToken: 'the-secret-auth-token' }
const clock = testClock()
const server = createTwilioServer(account)
const channelWith = (changes: Partial<TwilioOptions> = {}) =>
  createTwilio({ ...account, from: '+15005550006', apiBase: server.url, clock, ...changes } as TwilioOptions)
const channel = channelWith()

afterAll(() => server.stop())
beforeEach(() => server.answerWith(undefined))

describe('a message', () => {
  test('goes with our sender, its short text, letter by letter, and nothing that was not asked for', async () => {
    const sent = await channel.send(outgoingCode())
    const message = server.messages.at(-1)
    expect(sent).toEqual({ outcome: 'accepted', providerId: message?.id ?? '' })
    expect(message).toMatchObject({ to: '+258841234567', text: outgoingCode().short, from: '+15005550006' })
    expect([message?.statusCallback, message?.messagingServiceSid, message?.validityPeriod]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })

  test('goes by a messaging service, and says where receipts go', async () => {
    const service = channelWith({
      from: undefined,
      messagingServiceSid: 'MG1',
      statusCallback: () => 'https://kumbu.example/receipts/twilio',
    })
    await service.send(outgoingCode())
    expect(server.messages.at(-1)).toMatchObject({
      from: undefined,
      messagingServiceSid: 'MG1',
      statusCallback: 'https://kumbu.example/receipts/twilio',
    })
  })

  test('says nothing of receipts while this instance cannot be reached from outside', async () => {
    await channelWith({ statusCallback: () => undefined }).send(outgoingCode())
    expect(server.messages.at(-1)?.statusCallback).toBeUndefined()
  })

  test.each([
    [300_000, 300],
    [1_001, 5],
    [-1, 5],
    [86_400_000, 36_000],
  ])('that is worth something for %p ms waits %p seconds at Twilio at most', async (left, seconds) => {
    await channel.send(outgoingCode({ expiresAt: clock() + left }))
    expect(server.messages.at(-1)?.validityPeriod).toBe(seconds)
  })
})

describe('a refusal', () => {
  test.each([
    ['+15005550001', 'twilio 21211: invalid number'],
    ['+15005550009', 'twilio 21614: not a mobile number'],
  ])('of %p says that there is no such number', async (to, reason) => {
    expect(await channel.send(outgoingCode({ to }))).toEqual({ outcome: 'permanent', reason, invalidRecipient: true })
  })

  test.each([
    ['+15005550002', 'twilio 21612: no route to the number'],
    ['+15005550003', 'twilio 21408: region not enabled'],
  ])('of %p is about where Twilio reaches', async (to, reason) => {
    expect(await channel.send(outgoingCode({ to }))).toEqual({ outcome: 'permanent', reason, notHere: true })
  })

  test('of a number that opted out is for good, and says nothing against the number', async () => {
    const reason = 'twilio 21610: opted out'
    expect(await channel.send(outgoingCode({ to: '+15005550004' }))).toEqual({ outcome: 'permanent', reason })
  })

  test('with a code that is not known is about the message', async () => {
    server.answerWith({ code: 21999 })
    expect(await channel.send(outgoingCode())).toEqual({ outcome: 'permanent', reason: 'twilio 21999: refused' })
  })

  test.each([
    [20003, 'credentials refused'],
    [20404, 'no such account'],
    [21606, 'sender cannot send SMS'],
    [21609, 'invalid address for receipts'],
  ])('%p is our fault and not the message’s', async (code, words) => {
    server.answerWith({ code })
    expect(await channel.send(outgoingCode())).toEqual({ outcome: 'transient', reason: `twilio ${code}: ${words}` })
  })

  test('of our credentials is no fault of the message', async () => {
    const sent = await channelWith({ authToken: 'wrong' }).send(outgoingCode())
    expect(sent).toEqual({ outcome: 'transient', reason: 'twilio 20003: credentials refused' })
  })

  test.each([20429, 21611])('%p asks for a pause', async (code) => {
    server.answerWith({ code })
    expect(await channel.send(outgoingCode())).toMatchObject({ outcome: 'transient', retryAfterMs: 30_000 })
  })
})

keepsItsWordUnderFaults({
  provider: 'twilio',
  server,
  clock,
  channel: (deadlineMs) => channelWith(deadlineMs === undefined ? {} : { deadlineMs }),
  secrets: [account.authToken, account.accountSid, btoa(`${account.accountSid}:${account.authToken}`)],
})

describe('a receipt', () => {
  const read = async (status: string, options: ReceiptOptions = {}) =>
    channel.receipts?.(await asReceived(server.receipt(status, { of: 'SM1', ...options })))

  test.each([
    ['queued', 'accepted'],
    ['sent', 'accepted'],
    ['delivered', 'delivered'],
  ] as const)('%p says that the message is %p', async (word, status) => {
    expect(await read(word)).toEqual({ verdict: 'accepted', receipts: [{ providerId: 'SM1', status }] })
  })

  test.each([
    ['undelivered', '30003', 'twilio 30003: handset not reachable', undefined],
    ['undelivered', '30005', 'twilio 30005: unknown number', true],
    ['failed', '30006', 'twilio 30006: a landline, or a carrier that cannot be reached', undefined],
    ['failed', '30999', 'twilio 30999: not delivered', undefined],
    ['failed', '+258841234567', 'twilio: not delivered', undefined],
    ['failed', undefined, 'twilio: not delivered', undefined],
  ])('%p with error %p says why', async (word, error, reason, invalid) => {
    const receipt = { providerId: 'SM1', status: 'failed' as const, reason }
    expect(await read(word, error === undefined ? {} : { error })).toEqual({
      verdict: 'accepted',
      receipts: [invalid === undefined ? receipt : { ...receipt, invalidRecipient: true }],
    })
  })

  test('with a status that is not known says nothing', async () => {
    expect(await read('pondered')).toEqual({ verdict: 'accepted', receipts: [] })
    expect(await read('constructor')).toEqual({ verdict: 'accepted', receipts: [] })
  })

  test('that somebody else signed is forged', async () => {
    expect(await read('delivered', { forged: true })).toEqual({ verdict: 'forged' })
  })

  test.each<[string, (request: ReceiptRequest) => Partial<ReceiptRequest>]>([
    ['another message', ({ body }) => ({ body: body.replaceAll('SM1', 'SM2') })],
    ['another status', ({ body }) => ({ body: body.replaceAll('sent', 'delivered') })],
    ['one more parameter', ({ body }) => ({ body: `${body}&ErrorCode=30005` })],
    ['another address', ({ url }) => ({ url: `${url}?x=1` })],
    ['no signature', () => ({ headers: new Headers() })],
    ['an empty signature', () => ({ headers: new Headers({ 'x-twilio-signature': '' }) })],
  ])('changed to %s is forged', async (_, change) => {
    const received = await asReceived(server.receipt('sent', { of: 'SM1' }))
    expect(await channel.receipts?.({ ...received, ...change(received) })).toEqual({ verdict: 'forged' })
  })

  test.each([
    ['https://kumbu.example:443/receipts', 'https://kumbu.example/receipts'],
    ['https://kumbu.example/receipts', 'https://kumbu.example:443/receipts'],
    ['https://kumbu.example/receipts', 'https://kumbu.example:8443/receipts'],
    ['http://kumbu.example:80/receipts?a=1', 'http://kumbu.example/receipts?a=1'],
  ])('signed for %p is believed at %p, because Twilio drops and adds ports', async (signedFor, calledAt) => {
    // The address is put in as text: `Request` would take a usual port away.
    const twin = createTwilio({ ...account, from: 'K', clock })
    const form = 'MessageSid=SM1&MessageStatus=delivered'
    const signature = new Bun.CryptoHasher('sha1', account.authToken)
      .update(`${signedFor}MessageSidSM1MessageStatusdelivered`)
      .digest('base64')
    const headers = new Headers({ 'x-twilio-signature': signature })
    const answer = await twin.receipts?.({ method: 'POST', url: calledAt, headers, body: form })
    expect(answer).toMatchObject({ verdict: 'accepted' })
  })

  test('that says something twice is signed with each value once, in order', async () => {
    const body = 'MessageStatus=sent&Media=b&MessageSid=SM1&Media=a&Media=b'
    const url = 'https://kumbu.example/receipts'
    const signed = `${url}MediaaMediabMessageSidSM1MessageStatussent`
    const signature = new Bun.CryptoHasher('sha1', account.authToken).update(signed).digest('base64')
    const headers = new Headers({ 'x-twilio-signature': signature })
    expect(await channel.receipts?.({ method: 'POST', url, headers, body })).toMatchObject({ verdict: 'accepted' })
  })

  test('is signed as in the example of Twilio’s documentation', async () => {
    const documented = createTwilio({ ...account, authToken: '12345', from: 'K', clock })
    const body = new URLSearchParams({
      CallSid: 'CA1234567890ABCDE',
      Caller: '+12349013030',
      Digits: '1234',
      From: '+12349013030',
      To: '+18005551212',
    }).toString()
    const headers = new Headers({ 'x-twilio-signature': '0/KCTR6DLpKmkAf8muzZqo1nDgQ=' })
    const url = 'https://mycompany.com/myapp.php?foo=1&bar=2'
    // It is about a call, so it is believed, and of no use.
    expect(await documented.receipts?.({ method: 'POST', url, headers, body })).toEqual({ verdict: 'malformed' })
  })

  test('reaches the address that it is sent to as it was signed', async () => {
    const received: ReceiptRequest[] = []
    const instance = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      async fetch(request) {
        received.push(await asReceived(request))
        return new Response('', { status: 204 })
      },
    })
    server.receiptsUrl = `http://127.0.0.1:${instance.port}/receipts/twilio?a=1`
    const answer = await server.sendReceipt('delivered', { of: 'SM1' })
    server.receiptsUrl = 'https://kumbu.example/receipts'
    await instance.stop(true)
    expect(answer.status).toBe(204)
    const [request] = received
    expect(request && channel.receipts?.(request)).toMatchObject({ verdict: 'accepted' })
  })
})

describe('the account', () => {
  test('is up, and is asked once a minute however often we are', async () => {
    const fresh = channelWith()
    const offered = server.offered
    expect(await Promise.all([fresh.check(), fresh.check()])).toEqual([{ state: 'up' }, { state: 'up' }])
    expect(server.offered).toBe(offered + 1)
    clock.advance(60_000)
    expect(await fresh.check()).toEqual({ state: 'up' })
    expect(server.offered).toBe(offered + 2)
  })

  test('is down with the wrong token, or while nobody listens', async () => {
    const refused = { state: 'down' as const, detail: 'twilio 401: credentials refused' }
    expect(await channelWith({ authToken: 'wrong' }).check()).toEqual(refused)
    await server.stop()
    expect(await channelWith().check()).toEqual({ state: 'down', detail: 'twilio: cannot be reached' })
    server.start()
  })
})
