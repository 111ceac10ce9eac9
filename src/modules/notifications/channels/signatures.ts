/**
 * Signatures by which a receiver knows who sent a request. Standard Webhooks (standardwebhooks.com, specification 1.0)
 * is what gateways sign their receipts with; the parts of it serve the schemes of single providers too.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

const WEBHOOK_TOLERANCE_SECONDS = 5 * 60
/** The specification asks for 24 to 64 bytes. */
const WEBHOOK_KEY_BYTES = 24
const WEBHOOK_SECRET = /^whsec_[A-Za-z0-9+/]+={0,2}$/

export function hmac(
  algorithm: 'sha1' | 'sha256',
  key: string | Uint8Array,
  text: string,
  encoding: 'base64' | 'hex',
): string {
  return createHmac(algorithm, key).update(text).digest(encoding)
}

/** Takes as long for a near miss as for nonsense; the hashes make both sides one length. */
export function sameSecret(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(expected))
}

/** Whether it is `whsec_` and enough bytes in base64. */
export function isWebhookSecret(secret: string): boolean {
  return WEBHOOK_SECRET.test(secret) && bytesOf(secret).length >= WEBHOOK_KEY_BYTES
}

/** The value of `webhook-signature`: `v1,` and the HMAC-SHA256 of id, moment and body. Throws if the secret is none. */
export function signStandardWebhook(secret: string, id: string, timestampSeconds: number, body: string): string {
  if (!isWebhookSecret(secret)) throw new Error('A webhook secret is whsec_ and at least 24 bytes in base64.')
  return `v1,${hmac('sha256', bytesOf(secret), `${id}.${timestampSeconds}.${body}`, 'base64')}`
}

/**
 * Whether one of the signatures is right and the request neither older nor newer than five minutes. There may be
 * several, separated by spaces, while a secret is being replaced. Within the five minutes a request can be repeated:
 * what it says must do no more the second time.
 */
export function verifyStandardWebhook(secret: string, headers: Headers, body: string, now: number): boolean {
  const id = headers.get('webhook-id') ?? ''
  const timestamp = headers.get('webhook-timestamp') ?? ''
  const signatures = headers.get('webhook-signature') ?? ''
  if (id === '' || !/^\d{1,12}$/.test(timestamp)) return false
  if (Math.abs(Math.floor(now / 1000) - Number(timestamp)) > WEBHOOK_TOLERANCE_SECONDS) return false
  const expected = signStandardWebhook(secret, id, Number(timestamp), body)
  return signatures.split(' ').some((signature) => sameSecret(signature, expected))
}

const bytesOf = (secret: string) => Buffer.from(secret.slice('whsec_'.length), 'base64')
