/**
 * Push messages to browsers: encrypted for the browser that subscribed (RFC 8291), and handed to the push service that
 * it chose (RFC 8030) with our name to it (VAPID, RFC 8292).
 */
import { importJWK, SignJWT } from 'jose'
import { encrypt } from 'web-push'
import type { Clock } from '../../../platform/ids'
import type { Channel, OutgoingMessage, PushTarget, Sent } from './channel'
import { retryAfterMs } from './http'
import { createPeers } from './peers'
import { postOutside, type Resolve } from './public-address'
import { fitted, timingOf, toEach } from './push-targets'

export interface VapidKeys {
  /** The uncompressed point on P-256, in base64url: what a browser subscribes with. */
  publicKey: string
  privateKey: string
}

export interface WebPushOptions {
  vapid: VapidKeys
  /** Where a push service finds us if something is wrong: `mailto:…` or `https:…`. */
  subject: string
  clock: Clock
  /** A subscription names its own push service, so it may name anything: only tests call private addresses. */
  allowPrivate?: boolean
  resolve?: Resolve
  deadlineMs?: number
}

const CONCURRENCY = 32
/** Most people’s browsers share a service or two. */
const AT_ONE_SERVICE = 24
/** Short, because one that hangs takes a place from everybody’s. */
const DEADLINE_MS = 5_000
/** Of the 4096 bytes that every service takes (RFC 8030 section 7.2), after header, padding and tag (RFC 8291 section 4). */
const PAYLOAD_LIMIT = 3993
/** RFC 8292 allows 24 hours; a service whose clock is behind ours must not find more. */
const PASS_MS = 12 * 60 * 60_000
const RENEW_MS = 60 * 60_000
/** Services are few; addresses that people make up are many, and shall not fill our memory. */
const ORIGINS_KEPT = 200

export function createWebPush(options: WebPushOptions): Channel {
  const { vapid, subject, clock, allowPrivate = false, resolve, deadlineMs = DEADLINE_MS } = options
  const guard = { allowPrivate, ...(resolve === undefined ? {} : { resolve }) }
  const key = importJWK(jwkOf(vapid), 'ES256')
  const passes = new Map<string, { pass: string; until: number }>()
  const services = createPeers(clock, { atOnce: AT_ONE_SERVICE })

  return {
    provider: 'web-push',
    medium: 'push',
    concurrency: CONCURRENCY,
    send: (message) =>
      toEach(
        message.push.filter(({ kind }) => kind === 'web'),
        (target) => sendTo(target, message),
      ),
    // There are as many services as makers of browsers, and none that can be asked without a subscription.
    check: async () => ({ state: 'up', detail: 'configured' }),
    close() {},
  }

  async function sendTo(target: PushTarget, message: OutgoingMessage): Promise<Sent> {
    const origin = URL.parse(target.address)?.origin
    const body = encrypted(target, message)
    if (origin === undefined || body === undefined) return gone(target, 'subscription malformed')
    return services.ask(origin, () => post({ target, origin, body }, message))
  }

  async function post({ target, origin, body }: Addressed, message: OutgoingMessage): Promise<Sent> {
    const { ttlSeconds, urgent } = timingOf(message, clock())
    const answer = await postOutside(
      {
        provider: 'web-push',
        url: target.address,
        headers: {
          authorization: await passFor(origin),
          'content-type': 'application/octet-stream',
          'content-encoding': 'aes128gcm',
          ttl: String(ttlSeconds),
          urgency: urgent ? 'high' : 'normal',
          // While a message waits, the next of the same topic takes its place (RFC 8030 section 5.4).
          topic: message.deliveryId.replaceAll(/[^\w-]/g, '-').slice(-32),
        },
        body,
        deadlineMs,
      },
      guard,
    )
    if ('outcome' in answer) return answer.outcome === 'permanent' ? gone(target, answer.reason) : answer
    return sentOf(target, answer.status, retryAfterMs(answer.headers, clock))
  }

  /** A token is good for every message to one service, and signing takes longer than all else. */
  async function passFor(origin: string): Promise<string> {
    const now = clock()
    const known = passes.get(origin)
    if (known !== undefined && known.until - RENEW_MS > now) return known.pass
    const until = now + PASS_MS
    const token = await new SignJWT({ aud: origin, exp: Math.floor(until / 1_000), sub: subject })
      .setProtectedHeader({ typ: 'JWT', alg: 'ES256' })
      .sign(await key)
    const pass = `vapid t=${token}, k=${vapid.publicKey}`
    remember(passes, origin, { pass, until })
    return pass
  }
}

interface Addressed {
  target: PushTarget
  origin: string
  body: Uint8Array<ArrayBuffer>
}

const gone = ({ id }: PushTarget, reason: string): Sent => ({ outcome: 'permanent', reason, gone: [id] })

/** RFC 8030, sections 5 and 7.3. */
function sentOf(target: PushTarget, status: number, asked: number | undefined): Sent {
  if (status >= 200 && status < 300) return { outcome: 'accepted' }
  if (status === 404 || status === 410) return gone(target, `gone ${status}`)
  if (status === 413) return { outcome: 'permanent', reason: 'too large 413' }
  // Not to be let in is no fault of the message.
  if (status === 401 || status === 403) return { outcome: 'transient', reason: `credentials refused ${status}` }
  if (status < 500 && status !== 408 && status !== 425 && status !== 429)
    return { outcome: 'permanent', reason: `refused ${status}` }
  return { outcome: 'transient', reason: `put off ${status}`, ...(asked === undefined ? {} : { retryAfterMs: asked }) }
}

function remember<Value>(map: Map<string, Value>, origin: string, value: Value): void {
  if (map.size >= ORIGINS_KEPT && !map.has(origin)) map.clear()
  map.set(origin, value)
}

/** Nothing, if the keys are none. */
function encrypted({ keys }: PushTarget, message: OutgoingMessage): Uint8Array<ArrayBuffer> | undefined {
  const { deliveryId: id, template } = message
  const payload = fitted(message, PAYLOAD_LIMIT, (title, body) => JSON.stringify({ title, body, template, id }))
  try {
    return new Uint8Array(encrypt(keys?.p256dh ?? '', keys?.auth ?? '', payload, 'aes128gcm').cipherText)
  } catch {
    return undefined
  }
}

function jwkOf({ publicKey, privateKey }: VapidKeys) {
  const point = Buffer.from(publicKey, 'base64url')
  if (point.length !== 65 || point[0] !== 4) throw new Error('The public VAPID key is no uncompressed point on P-256.')
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((part) => part.toString('base64url'))
  return { kty: 'EC', crv: 'P-256', x, y, d: privateKey } as {
    kty: string
    crv: string
    x: string
    y: string
    d: string
  }
}
