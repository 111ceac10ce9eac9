/** SMS by a gateway that a description tells of: what it is sent, what its answers mean, its receipts, and bad descriptions. */
import { afterAll, beforeEach, describe, expect, test } from 'bun:test'
import {
  createHttpGateway,
  type HttpGatewayOptions,
  parseGatewayDescription,
} from '../../../src/modules/notifications/channels/http-gateway'
import { signStandardWebhook } from '../../../src/modules/notifications/channels/signatures'
import { testClock } from '../../support/world'
import { outgoingCode } from './outgoing'
import { keepsItsWordUnderFaults } from './providers/behaviour'
import { createGatewayServer } from './providers/gateway'
import { asReceived, type ReceiptOptions } from './providers/server'

const clock = testClock()
const receiptsSecret = `whsec_${btoa('a key of our own of 32 bytes ...')}`
const account = { user: 'kumbu', password: 's@cret:ç', receiptsSecret, clock }
const server = createGatewayServer(account)
const url = `${server.url.replace('://', `://kumbu:${encodeURIComponent(account.password)}@`)}/send`

const receipts = {
  idAt: '/message/id',
  statusAt: '/message/status',
  reasonAt: '/message/reason',
  accepted: ['ACCEPTD'],
  delivered: ['DELIVRD'],
  read: ['READ'],
  failed: ['UNDELIV', 'EXPIRED'],
  invalidRecipient: ['UNKNOWN'],
}
const idAt = '/data/0/message~1id'
const channelWith = (changes: Partial<HttpGatewayOptions> = {}) =>
  createHttpGateway({ provider: 'gateway', url, idAt, receipts, receiptsSecret, clock, ...changes })
const channel = channelWith()

afterAll(() => server.stop())
beforeEach(() => server.answerWith(undefined))

describe('a gateway of which only the address is known', () => {
  const plain = createHttpGateway({ provider: 'gateway', url, clock })

  test('gets number and text as JSON, and our credentials in the header only', async () => {
    expect(await plain.send(outgoingCode())).toEqual({ outcome: 'accepted' })
    expect(server.messages.at(-1)).toMatchObject({
      method: 'POST',
      path: '/send',
      body: { to: '+258841234567', text: outgoingCode().short },
    })
  })

  test.each([400, 413, 422])('has refused the message for good with %p', async (code) => {
    server.answerWith({ code })
    expect(await plain.send(outgoingCode())).toEqual({ outcome: 'permanent', reason: `gateway ${code}: refused` })
  })

  test.each([401, 403])('has refused us, and not the message, with %p', async (code) => {
    server.answerWith({ code })
    const reason = `gateway ${code}: credentials refused`
    expect(await plain.send(outgoingCode())).toEqual({ outcome: 'transient', reason })
  })

  test.each([404, 408, 425, 500, 502, 503])('is asked again later after %p', async (code) => {
    server.answerWith({ code })
    expect(await plain.send(outgoingCode())).toMatchObject({ outcome: 'transient' })
  })

  test('tells nothing later, and cannot be asked how it is', async () => {
    expect(plain.receipts).toBeUndefined()
    expect(await plain.check()).toEqual({ state: 'up', detail: 'configured' })
  })
})

describe('a gateway with a description', () => {
  const tricky = { to: '+258841234567', short: '", "to": "+900", "x": "{{to}} $& \\ &to=+900 {{id}}\n' }

  test('gets a JSON body filled in at every depth, and no text becomes more than a text', async () => {
    const body = {
      to: '{{to}}',
      text: 'Kumbu: {{text}}',
      priority: 1,
      unicode: true,
      nothing: null,
      parts: [{ number: '{{digits}}', ref: '{{id}}/{{id}}' }],
    }
    const code = outgoingCode(tricky)
    await channelWith({ body, method: 'PUT' }).send(code)
    const message = server.messages.at(-1)
    expect(message?.method).toBe('PUT')
    expect(message?.body).toEqual({
      to: '+258841234567',
      text: `Kumbu: ${tricky.short}`,
      priority: 1,
      unicode: true,
      nothing: null,
      parts: [{ number: '258841234567', ref: `${code.deliveryId}/${code.deliveryId}` }],
    })
  })

  test('gets a form, and no text becomes another member', async () => {
    const body = { to: '{{to}}', text: '{{text}}', flash: false }
    await channelWith({ body, contentType: 'application/x-www-form-urlencoded' }).send(outgoingCode(tricky))
    const fields = [...new URLSearchParams(server.messages.at(-1)?.raw)]
    expect(fields).toEqual([
      ['to', '+258841234567'],
      ['text', tricky.short],
      ['flash', 'false'],
    ])
  })

  test('gets its own headers, with the id of the delivery, which count more than ours', async () => {
    const headers = { 'Idempotency-Key': 'kumbu {{id}}', 'X-Account': '7', 'Content-Type': 'application/json' }
    const code = outgoingCode()
    await channelWith({ headers }).send(code)
    const taken = server.messages.at(-1)?.headers
    expect(taken?.get('idempotency-key')).toBe(`kumbu ${code.deliveryId}`)
    expect(taken?.get('x-account')).toBe('7')
    expect(taken?.get('content-type')).toBe('application/json')
  })

  test('gives its id where the description says', async () => {
    const sent = await channel.send(outgoingCode())
    expect(sent).toEqual({ outcome: 'accepted', providerId: server.messages.at(-1)?.id ?? '' })
  })

  test('that gives no id where one should be did not take the message', async () => {
    const sent = await channelWith({ idAt: '/data/1/id' }).send(outgoingCode())
    expect(sent).toEqual({ outcome: 'transient', reason: 'gateway 202: answer not understood' })
  })

  test('says itself which answers are success and which are for good', async () => {
    const strict = channelWith({ successStatus: [200], permanentStatus: [202, 409] })
    expect(await strict.send(outgoingCode())).toEqual({ outcome: 'permanent', reason: 'gateway 202: refused' })
    server.answerWith({ code: 409 })
    expect(await strict.send(outgoingCode())).toMatchObject({ outcome: 'permanent' })
    server.answerWith({ code: 400 })
    expect(await strict.send(outgoingCode())).toMatchObject({ outcome: 'transient' })
  })

  test('that answers at length is read to 64 KiB and no further', async () => {
    let cancelled = false
    const endless = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: () =>
        new Response(
          new ReadableStream({
            pull: (controller) => controller.enqueue(new Uint8Array(16 * 1024).fill(32)),
            cancel() {
              cancelled = true
            },
          }),
        ),
    })
    const sent = await channelWith({ url: `http://127.0.0.1:${endless.port}/` }).send(outgoingCode())
    await endless.stop(true)
    expect(sent).toEqual({ outcome: 'transient', reason: 'gateway 200: answer not understood' })
    expect(cancelled).toBe(true)
  })
})

keepsItsWordUnderFaults({
  provider: 'gateway',
  server,
  clock,
  channel: (deadlineMs) => channelWith(deadlineMs === undefined ? {} : { deadlineMs }),
  secrets: [account.password, receiptsSecret, btoa('kumbu:s@cret')],
})

describe('a receipt', () => {
  const read = async (status: string, options: ReceiptOptions = {}) =>
    channel.receipts?.(await asReceived(server.receipt(status, { of: 'gw-1', ...options })))

  test.each([
    ['ACCEPTD', 'accepted'],
    ['DELIVRD', 'delivered'],
    ['delivrd', 'delivered'],
    ['READ', 'read'],
  ] as const)('%p says that the message is %p', async (word, status) => {
    expect(await read(word)).toEqual({ verdict: 'accepted', receipts: [{ providerId: 'gw-1', status }] })
  })

  test.each([
    ['UNDELIV', 'absent', { reason: 'gateway: absent' }],
    ['EXPIRED', undefined, { reason: 'gateway: not delivered' }],
    ['UNDELIV', 'to 258841234567', { reason: 'gateway: not delivered' }],
    ['UNKNOWN', 'error 11', { reason: 'gateway: error 11', invalidRecipient: true }],
  ])('%p with the reason %p says why', async (word, error, told) => {
    expect(await read(word, error === undefined ? {} : { error })).toEqual({
      verdict: 'accepted',
      receipts: [{ providerId: 'gw-1', status: 'failed', ...told }],
    })
  })

  test('with a word that is in no list says nothing', async () => {
    expect(await read('PONDERED')).toEqual({ verdict: 'accepted', receipts: [] })
  })

  test('that somebody else signed is forged, and so is one that is old', async () => {
    expect(await read('DELIVRD', { forged: true })).toEqual({ verdict: 'forged' })
    expect(await read('DELIVRD', { at: clock() - 301_000 })).toEqual({ verdict: 'forged' })
    expect(await read('DELIVRD', { at: clock() - 299_000 })).toMatchObject({ verdict: 'accepted' })
  })

  test('sent again says the same again', async () => {
    const received = await asReceived(server.receipt('DELIVRD', { of: 'gw-1' }))
    const first = await channel.receipts?.(received)
    expect(first).toMatchObject({ verdict: 'accepted' })
    expect(await channel.receipts?.(received)).toEqual(first as NonNullable<typeof first>)
  })

  test('without what the description names is malformed', async () => {
    const elsewhere = channelWith({ receipts: { ...receipts, idAt: '/id' } })
    const received = await asReceived(server.receipt('DELIVRD', { of: 'gw-1' }))
    expect(await elsewhere.receipts?.(received)).toEqual({ verdict: 'malformed' })
  })

  test('may be a form', async () => {
    const formed = channelWith({ receipts: { ...receipts, idAt: '/id', statusAt: '/status' } })
    const body = 'id=gw-1&status=DELIVRD'
    const seconds = Math.floor(clock() / 1000)
    const headers = new Headers({
      'content-type': 'application/x-www-form-urlencoded',
      'webhook-id': 'rcp_form',
      'webhook-timestamp': String(seconds),
      'webhook-signature': signStandardWebhook(receiptsSecret, 'rcp_form', seconds, body),
    })
    expect(await formed.receipts?.({ method: 'POST', url: server.receiptsUrl, headers, body })).toEqual({
      verdict: 'accepted',
      receipts: [{ providerId: 'gw-1', status: 'delivered' }],
    })
  })
})

describe('a description', () => {
  const whole = {
    provider: 'local-sms',
    url,
    method: 'PUT',
    headers: { 'X-Ref': '{{id}}' },
    contentType: 'application/x-www-form-urlencoded',
    body: { msisdn: '{{digits}}', content: '{{text}}' },
    successStatus: [200, 202],
    idAt,
    permanentStatus: [400],
    receiptsSecret,
    receipts,
    concurrency: 2,
  }

  test('is taken as it is', () => {
    expect(parseGatewayDescription(JSON.stringify(whole)) as unknown).toEqual(whole)
    const least = { provider: 'gateway', url: 'https://gateway.example/send' }
    expect(parseGatewayDescription(JSON.stringify(least)) as unknown).toEqual(least)
  })

  test.each<[string, Record<string, unknown>]>([
    ['"provider" is missing.', { provider: undefined }],
    ['"provider" must be a short name of small letters, digits and hyphens.', { provider: 'A/../B' }],
    ['"url" is missing.', { url: undefined }],
    ['"url" must be an http or https address.', { url: 'ftp://gateway.example' }],
    ['"url" must be an http or https address.', { url: 'https://user:%zz@gateway.example' }],
    ['"url" must be an http or https address.', { url: 7 }],
    ['"method" must be POST or PUT.', { method: 'GET' }],
    ['"headers.X" must be a text.', { headers: { X: 1 } }],
    ['the header "X" may hold plain ASCII characters only.', { headers: { X: 'a\r\nb' } }],
    ['the header "X" may hold {{id}} and not {{to}}.', { headers: { X: '{{to}}' } }],
    ['"a b" cannot be the name of a header.', { headers: { 'a b': 'c' } }],
    ['"contentType" must be application/json or application/x-www-form-urlencoded.', { contentType: 'text/xml' }],
    ['"body" must be an object of members and their values.', { body: '{{to}}{{text}}' }],
    ['"body" must hold {{text}} somewhere.', { body: { to: '{{to}}' } }],
    ['"body" must hold {{to}} or {{digits}} somewhere.', { body: { text: '{{text}}' } }],
    [
      '"body" holds {{number}}; known are {{to}}, {{digits}}, {{text}} and {{id}}.',
      { body: { to: '{{number}}', text: '{{text}}' } },
    ],
    [
      '"body.to" must be a text, a number or a truth value, because a form has no others.',
      { body: { to: ['{{to}}'], text: '{{text}}' } },
    ],
    ['"successStatus" must be a list of HTTP statuses.', { successStatus: 200 }],
    ['"successStatus.0" must be an HTTP status.', { successStatus: [20] }],
    ['"permanentStatus" must be a list of HTTP statuses.', { permanentStatus: [] }],
    ['"idAt" must be a JSON pointer, such as /data/0/id.', { idAt: 'data.id' }],
    ['"receipts" need a "receiptsSecret"; receipts that are not signed are not taken.', { receiptsSecret: undefined }],
    ['"receiptsSecret" is of no use without "receipts".', { receipts: undefined }],
    ['"receiptsSecret" must be whsec_ and at least 24 bytes in base64.', { receiptsSecret: 'whsec_c2hvcnQ=' }],
    ['"receipts.delivered" is missing.', { receipts: { ...receipts, delivered: undefined } }],
    ['"receipts.failed" must be a list of words.', { receipts: { ...receipts, failed: 'UNDELIV' } }],
    ['there is no member "receipts.lost".', { receipts: { ...receipts, lost: ['x'] } }],
    ['there is no member "user".', { user: 'kumbu' }],
    ['"concurrency" must be a number from 1 to 100.', { concurrency: 0 }],
  ])('is refused because %s', (sentence, changes) => {
    const json = JSON.stringify({ ...whole, ...changes })
    expect(() => parseGatewayDescription(json)).toThrow(new Error(`The gateway description: ${sentence}`))
  })

  test.each([
    ['{', 'The gateway description is not JSON.'],
    ['', 'The gateway description is not JSON.'],
    ['[]', 'The gateway description: it must be an object.'],
    ['null', 'The gateway description: it must be an object.'],
  ])('of the text %p is refused', (json, message) => {
    expect(() => parseGatewayDescription(json)).toThrow(new Error(message))
  })
})
