/** WhatsApp by Meta’s Cloud API: the template that is sent, what refusals mean, and which webhooks are believed. */
import { afterAll, beforeEach, describe, expect, test } from 'bun:test'
import { createWhatsApp, type WhatsAppOptions } from '../../../src/modules/notifications/channels/whatsapp'
import { testClock } from '../../support/world'
import { outgoingCode } from './outgoing'
import { keepsItsWordUnderFaults } from './providers/behaviour'
import { asReceived, type ReceiptOptions } from './providers/server'
import { createWhatsAppServer, wrapped } from './providers/whatsapp'

const account = {
  phoneNumberId: '106540352242922',
  accessToken: 'EAAJB-the-secret-token',
  appSecret: 'the-app-secret',
  verifyToken: 'the-verify-token',
}
const clock = testClock()
const server = createWhatsAppServer(account)
const channelWith = (changes: Partial<WhatsAppOptions> = {}) =>
  createWhatsApp({ ...account, apiBase: server.url, clock, ...changes })
const channel = channelWith()

afterAll(() => server.stop())
beforeEach(() => server.answerWith(undefined))

const approved = { name: 'kumbu_money_received', language: 'pt_PT', parameters: ['Carla', 'MZN 15,00'] }

describe('a message', () => {
  test('is a template with its parameters, to the number without its plus sign', async () => {
    const money = outgoingCode({ medium: 'whatsapp', approved })
    const sent = await channel.send(money)
    const message = server.messages.at(-1)
    expect(sent).toEqual({ outcome: 'accepted', providerId: message?.id ?? '' })
    expect(message).toMatchObject({
      to: '258841234567',
      template: 'kumbu_money_received',
      language: 'pt_PT',
      parameters: ['Carla', 'MZN 15,00'],
      button: undefined,
      deliveryId: money.deliveryId,
    })
  })

  test('with a code has it in its button too', async () => {
    await channel.send(outgoingCode({ medium: 'whatsapp' }))
    expect(server.messages.at(-1)).toMatchObject({ parameters: ['123456'], button: '123456' })
  })

  test('without parameters has none', async () => {
    await channel.send(outgoingCode({ approved: { ...approved, parameters: [] } }))
    expect(server.messages.at(-1)?.parameters).toEqual([])
  })

  test.each([
    ['a line\nand another', 'a line and another'],
    ['a\r\n\r\n\tb', 'a b'],
    ['a\u2028b\u0085c', 'a b c'],
    ['a          b', 'a    b'],
    ['a     b', 'a    b'],
    ['a    b', 'a    b'],
    ['  a  ', 'a'],
    ['\n', '–'],
    ['', '–'],
    ['Conceição "Zé" {{1}} 🎉', 'Conceição "Zé" {{1}} 🎉'],
  ])('has %p as %p, because Meta refuses anything else', async (parameter, taken) => {
    const sent = await channel.send(outgoingCode({ approved: { ...approved, parameters: [parameter] } }))
    expect(sent.outcome).toBe('accepted')
    expect(server.messages.at(-1)?.parameters).toEqual([taken])
  })
})

describe('a refusal', () => {
  test.each([
    [131026, 'cannot be reached on WhatsApp'],
    [131047, 'outside the window for free text'],
    [132000, 'wrong number of template parameters'],
    [132001, 'no such template in this language'],
    [132005, 'text too long for the template'],
    [132007, 'template against Meta’s policy'],
    [132012, 'template parameter of a wrong form'],
    [100, 'invalid parameter'],
    [139999, 'refused'],
  ])('%p is for good, and says nothing against the number', async (code, words) => {
    server.answerWith({ code })
    expect(await channel.send(outgoingCode())).toEqual({ outcome: 'permanent', reason: `whatsapp ${code}: ${words}` })
  })

  test.each([
    [80007, 'too many requests of the account'],
    [130429, 'too many messages'],
    [131048, 'limited because of complaints'],
  ])('%p asks for a pause', async (code, words) => {
    server.answerWith({ code })
    const reason = `whatsapp ${code}: ${words}`
    expect(await channel.send(outgoingCode())).toEqual({ outcome: 'transient', reason, retryAfterMs: 30_000 })
  })

  test('131056 is about this person alone', async () => {
    server.answerWith({ code: 131056 })
    const reason = 'whatsapp 131056: too many messages to this person'
    expect(await channel.send(outgoingCode())).toEqual({ outcome: 'transient', reason, aboutMessage: true })
  })

  test.each([
    [190, 'access token expired or revoked'],
    [10, 'permission missing'],
    [131031, 'account locked'],
    [1, 'unknown error'],
    [2, 'provider out of service'],
    [131000, 'unknown error'],
    [131016, 'provider out of service'],
  ])('%p is no fault of the message', async (code, words) => {
    server.answerWith({ code })
    expect(await channel.send(outgoingCode())).toEqual({ outcome: 'transient', reason: `whatsapp ${code}: ${words}` })
  })

  test('of a wrong token or a wrong number of ours is our fault', async () => {
    const token = await channelWith({ accessToken: 'wrong' }).send(outgoingCode())
    expect(token).toEqual({ outcome: 'transient', reason: 'whatsapp 190: access token expired or revoked' })
    const number = await channelWith({ phoneNumberId: '1' }).send(outgoingCode())
    expect(number).toEqual({ outcome: 'transient', reason: 'whatsapp 100/33: no such sender' })
  })
})

keepsItsWordUnderFaults({
  provider: 'whatsapp',
  server,
  clock,
  channel: (deadlineMs) => channelWith(deadlineMs === undefined ? {} : { deadlineMs }),
  secrets: [account.accessToken, account.appSecret, account.verifyToken],
})

describe('a receipt', () => {
  const at = Date.UTC(2026, 10, 24, 9, 31)
  const read = async (status: string, options: ReceiptOptions = {}) =>
    channel.receipts?.(await asReceived(server.receipt(status, { of: 'wamid.1', at, ...options })))

  test.each([
    ['sent', 'accepted'],
    ['delivered', 'delivered'],
    ['read', 'read'],
  ] as const)('%p says that the message is %p, and since when', async (word, status) => {
    expect(await read(word)).toEqual({ verdict: 'accepted', receipts: [{ providerId: 'wamid.1', status, at }] })
  })

  test.each([
    ['131026', 'whatsapp 131026: cannot be reached on WhatsApp'],
    ['131999', 'whatsapp 131999: not delivered'],
    [undefined, 'whatsapp: not delivered'],
  ])('of a failure with error %p says why, and nothing against the number', async (error, reason) => {
    expect(await read('failed', error === undefined ? {} : { error })).toEqual({
      verdict: 'accepted',
      receipts: [{ providerId: 'wamid.1', status: 'failed', at, reason }],
    })
  })

  test('that somebody else signed, or nobody, is forged', async () => {
    expect(await read('delivered', { forged: true })).toEqual({ verdict: 'forged' })
    const received = await asReceived(server.receipt('delivered', { of: 'wamid.1' }))
    expect(await channel.receipts?.({ ...received, headers: new Headers() })).toEqual({ verdict: 'forged' })
    const body = received.body.replace('wamid.1', 'wamid.2')
    expect(await channel.receipts?.({ ...received, body })).toEqual({ verdict: 'forged' })
  })

  test('of several messages in one webhook are all read', async () => {
    const statuses = [
      { id: 'wamid.1', status: 'delivered', timestamp: '1764000000' },
      { id: 'wamid.2', status: 'read', timestamp: 'soon' },
      { id: 'wamid.3', status: 'deleted' },
      { status: 'read' },
      null,
    ]
    expect(await channel.receipts?.(await asReceived(server.webhook(wrapped({ statuses }))))).toEqual({
      verdict: 'accepted',
      receipts: [
        { providerId: 'wamid.1', status: 'delivered', at: 1_764_000_000_000 },
        { providerId: 'wamid.2', status: 'read' },
      ],
    })
  })

  test.each([
    ['what people write to us', wrapped({ messages: [{ from: '258841234567', text: { body: 'Olá, Zé 🎉' } }] })],
    ['news of a template', wrapped({ event: 'APPROVED' }, 'message_template_status_update')],
    ['a status of something else', wrapped({ statuses: [{ id: 'wamid.1', status: 'read' }] }, 'calls')],
    ['an entry without changes', { object: 'whatsapp_business_account', entry: [{}] }],
    ['changes of another shape', { entry: [{ changes: { statuses: [] } }, 7] }],
  ])('is not looked for in %s, which is taken', async (_, body) => {
    const answer = await channel.receipts?.(await asReceived(server.webhook(body)))
    expect(answer).toEqual({ verdict: 'accepted', receipts: [] })
  })

  test.each(['null', '[]', '"text"', '{}', '{"entry":{}}'])('of the shape %s is malformed', async (json) => {
    expect(await channel.receipts?.(await asReceived(server.webhook(JSON.parse(json))))).toEqual({
      verdict: 'malformed',
    })
  })
})

describe('the receipts’ address', () => {
  const asked = async (changes?: Record<string, string>) =>
    channel.receipts?.(await asReceived(server.subscribe(changes)))

  test('answers Meta’s challenge', async () => {
    expect(await asked()).toEqual({ verdict: 'accepted', receipts: [], answer: '1158201444' })
  })

  test('answers nobody who does not know the token', async () => {
    expect(await asked({ 'hub.verify_token': 'a guess' })).toEqual({ verdict: 'forged' })
    expect(await asked({ 'hub.verify_token': '' })).toEqual({ verdict: 'forged' })
  })

  test.each([
    ['hub.mode', 'unsubscribe'],
    ['hub.challenge', ''],
    ['hub.challenge', '<script>'],
  ])('does not answer a %s of %p', async (name, value) => {
    expect(await asked({ [name]: value })).toEqual({ verdict: 'malformed' })
  })
})

describe('the number that we send from', () => {
  test('is up, with its quality', async () => {
    expect(await channelWith().check()).toEqual({ state: 'up', detail: 'quality GREEN' })
  })

  test('is down with the wrong token', async () => {
    const detail = 'whatsapp 401: credentials refused'
    expect(await channelWith({ accessToken: 'wrong' }).check()).toEqual({ state: 'down', detail })
  })
})
