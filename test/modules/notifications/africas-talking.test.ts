/** SMS by Africa’s Talking: what it is sent, what its answers mean, and which reports are believed. */
import { afterAll, beforeEach, describe, expect, test } from 'bun:test'
import {
  type AfricasTalkingOptions,
  createAfricasTalking,
} from '../../../src/modules/notifications/channels/africas-talking'
import { testClock } from '../../support/world'
import { outgoingCode } from './outgoing'
import { createAfricasTalkingServer } from './providers/africas-talking'
import { keepsItsWordUnderFaults } from './providers/behaviour'
import { asReceived, type ReceiptOptions } from './providers/server'

const account = { username: 'kumbu', apiKey: 'atsk_the-secret-key' }
const receiptsToken = 'the-token-of-the-reports'
const clock = testClock()
const server = createAfricasTalkingServer(account)
server.receiptsUrl = `https://kumbu.example/receipts/africas-talking?token=${receiptsToken}`
const channelWith = (changes: Partial<AfricasTalkingOptions> = {}) =>
  createAfricasTalking({ ...account, receiptsToken, apiBase: server.url, clock, ...changes })
const channel = channelWith()

afterAll(() => server.stop())
beforeEach(() => server.answerWith(undefined))

describe('a message', () => {
  test('goes with its short text, letter by letter', async () => {
    const sent = await channel.send(outgoingCode())
    const message = server.messages.at(-1)
    expect(sent).toEqual({ outcome: 'accepted', providerId: message?.id ?? '' })
    expect(message).toMatchObject({ to: '+258841234567', text: outgoingCode().short, from: undefined })
  })

  test('goes under our name', async () => {
    await channelWith({ from: 'KUMBU' }).send(outgoingCode())
    expect(server.messages.at(-1)?.from).toBe('KUMBU')
  })
})

describe('an answer', () => {
  test.each([
    [403, 'invalid number'],
    [404, 'number of a kind that gets no SMS'],
  ])('%p says that there is no such number', async (code, words) => {
    server.answerWith({ code })
    const reason = `africas-talking ${code}: ${words}`
    expect(await channel.send(outgoingCode())).toEqual({ outcome: 'permanent', reason, invalidRecipient: true })
  })

  test.each([
    [406, 'opted out'],
    [409, 'do not disturb'],
  ])('%p is for good, and says nothing against the number', async (code, words) => {
    server.answerWith({ code })
    expect(await channel.send(outgoingCode())).toEqual({
      outcome: 'permanent',
      reason: `africas-talking ${code}: ${words}`,
    })
  })

  test('407 is about where they reach', async () => {
    server.answerWith({ code: 407 })
    const reason = 'africas-talking 407: no route to the number'
    expect(await channel.send(outgoingCode())).toEqual({ outcome: 'permanent', reason, notHere: true })
  })

  test.each([
    [401, 'held for risk'],
    [402, 'invalid sender'],
    [405, 'balance too low'],
    [500, 'provider error'],
    [501, 'gateway error'],
    [502, 'rejected by the gateway'],
    [599, 'unexpected answer'],
  ])('%p, with HTTP success, is tried again', async (code, words) => {
    server.answerWith({ code })
    expect(await channel.send(outgoingCode())).toEqual({
      outcome: 'transient',
      reason: `africas-talking ${code}: ${words}`,
    })
  })

  test('to a number that is none comes from them, not from us', async () => {
    expect(await channel.send(outgoingCode({ to: '841234567' }))).toMatchObject({ invalidRecipient: true })
  })

  test.each([
    ['key', { apiKey: 'wrong' }],
    ['name', { username: 'somebody' }],
  ])('to a wrong %s is our fault', async (_, changes) => {
    const sent = await channelWith(changes).send(outgoingCode())
    expect(sent).toEqual({ outcome: 'transient', reason: 'africas-talking 401: credentials refused' })
  })
})

keepsItsWordUnderFaults({
  provider: 'africas-talking',
  server,
  clock,
  channel: (deadlineMs) => channelWith(deadlineMs === undefined ? {} : { deadlineMs }),
  secrets: [account.apiKey, receiptsToken],
})

describe('a delivery report', () => {
  const read = async (status: string, options: ReceiptOptions = {}) =>
    channel.receipts?.(await asReceived(server.receipt(status, { of: 'ATXid_1', ...options })))

  test.each([
    ['Sent', 'accepted'],
    ['Submitted', 'accepted'],
    ['Buffered', 'accepted'],
    ['Success', 'delivered'],
  ] as const)('%p says that the message is %p', async (word, status) => {
    expect(await read(word)).toEqual({ verdict: 'accepted', receipts: [{ providerId: 'ATXid_1', status }] })
  })

  test.each([
    ['Failed', 'UserDoesNotExist', 'africas-talking UserDoesNotExist: no such number', true],
    ['Rejected', 'UserInBlackList', 'africas-talking UserInBlackList: opted out', undefined],
    ['Failed', 'UserIsInactive', 'africas-talking UserIsInactive: subscriber inactive', undefined],
    ['Failed', 'DeliveryFailure', 'africas-talking DeliveryFailure: not delivered', undefined],
    ['Failed', 'constructor', 'africas-talking constructor: not delivered', undefined],
    ['Failed', 'call +258841234567', 'africas-talking Failed: not delivered', undefined],
    ['Rejected', undefined, 'africas-talking Rejected: not delivered', undefined],
    ['Expired', undefined, 'africas-talking Expired: handset not reachable in time', undefined],
  ])('%p with the reason %p says why', async (word, error, reason, invalid) => {
    const receipt = { providerId: 'ATXid_1', status: 'failed' as const, reason }
    expect(await read(word, error === undefined ? {} : { error })).toEqual({
      verdict: 'accepted',
      receipts: [invalid === undefined ? receipt : { ...receipt, invalidRecipient: true }],
    })
  })

  test('with a status that is not known says nothing', async () => {
    expect(await read('Pondered')).toEqual({ verdict: 'accepted', receipts: [] })
    expect(await read('constructor')).toEqual({ verdict: 'accepted', receipts: [] })
  })

  test('with a wrong token, or none, is forged', async () => {
    expect(await read('Success', { forged: true })).toEqual({ verdict: 'forged' })
    const received = await asReceived(server.receipt('Success', { of: 'ATXid_1' }))
    const [url = ''] = received.url.split('?')
    for (const each of [url, `${url}?token=`, `${url}?token=${receiptsToken}x`]) {
      expect(await channel.receipts?.({ ...received, url: each })).toEqual({ verdict: 'forged' })
    }
  })

  test.each(['', 'id=ATXid_1', 'status=Success', 'id=&status=Success', '{"id":"ATXid_1","status":"Success"}'])(
    'of the form %p is malformed',
    async (body) => {
      const received = await asReceived(server.receipt('Success', { of: 'ATXid_1' }))
      expect(await channel.receipts?.({ ...received, body })).toEqual({ verdict: 'malformed' })
    },
  )

  test('is not read from an address that was opened', async () => {
    const received = await asReceived(server.receipt('Success', { of: 'ATXid_1' }))
    expect(await channel.receipts?.({ ...received, method: 'GET' })).toEqual({ verdict: 'malformed' })
  })
})

describe('the account', () => {
  test('is up, and tells nobody its balance', async () => {
    expect(await channelWith().check()).toEqual({ state: 'up' })
  })

  test('is down with the wrong key', async () => {
    const detail = 'africas-talking 401: credentials refused'
    expect(await channelWith({ apiKey: 'wrong' }).check()).toEqual({ state: 'down', detail })
  })
})
