/**
 * A push service with its browsers, after RFC 8030 (the request), RFC 8292 (who sends) and RFC 8291 with RFC 8188 (what is
 * sent): it lets nobody in without a good token, and its browsers decrypt what they get.
 */
import { decodeProtectedHeader, importJWK, jwtVerify } from 'jose'
import type { PushTarget } from '../../../../src/modules/notifications/channels/channel'
import { createFaultyServer, type FaultyServer } from './faults'

export interface Pushed {
  token: string
  payload: Record<string, unknown>
  /** Of the encrypted body. */
  bytes: number
  ttl: number
  urgency: string
  topic: string | undefined
  /** Who sends, as the token says. */
  sub: string
}

export interface PushService extends FaultyServer {
  /** What it took, in order. */
  readonly messages: Pushed[]
  /** A browser that subscribes. */
  subscribe(): Promise<PushTarget>
  /** From now on its subscription is gone. */
  unsubscribe(target: PushTarget): void
  /** What waits for the browser: of one topic only the last. */
  waiting(target: PushTarget): Pushed[]
}

interface Browser {
  keys: CryptoKeyPair
  point: Uint8Array<ArrayBuffer>
  auth: Uint8Array<ArrayBuffer>
  gone: boolean
  waiting: Map<string, Pushed>
}

const BODY_LIMIT = 4096
const DAY_SECONDS = 24 * 60 * 60

/** `publicKey` is the key that its browsers subscribed with; whoever has another is not let in. */
export function createPushService(publicKey: string, clock: () => number = Date.now): PushService {
  const browsers = new Map<string, Browser>()
  const messages: Pushed[] = []
  const server = createFaultyServer({ handle: take })

  async function take(request: Request): Promise<Response> {
    const token = new URL(request.url).pathname.split('/').at(-1) ?? ''
    const browser = browsers.get(token)
    if (request.method !== 'POST' || browser === undefined) return new Response('', { status: 404 })
    if (browser.gone) return new Response('', { status: 410 })
    const sub = await senderOf(request).catch(() => undefined)
    if (sub === undefined) return new Response('no good token', { status: 403 })

    const { headers } = request
    const ttl = headers.get('ttl') ?? ''
    const urgency = headers.get('urgency') ?? 'normal'
    const topic = headers.get('topic') ?? undefined
    if (!/^\d+$/.test(ttl)) return new Response('no TTL', { status: 400 })
    if (!['very-low', 'low', 'normal', 'high'].includes(urgency)) return new Response('urgency', { status: 400 })
    if (topic !== undefined && !/^[\w-]{1,32}$/.test(topic)) return new Response('topic', { status: 400 })
    if (headers.get('content-encoding') !== 'aes128gcm') return new Response('encoding', { status: 415 })
    const body = new Uint8Array(await request.arrayBuffer())
    if (body.length > BODY_LIMIT) return new Response('', { status: 413 })

    const payload = JSON.parse(await decrypted(browser, body)) as Record<string, unknown>
    const pushed = { token, payload, bytes: body.length, ttl: Number(ttl), urgency, topic, sub }
    messages.push(pushed)
    browser.waiting.set(topic ?? String(messages.length), pushed)
    return new Response('', { status: 201, headers: { location: `${server.url}/message/${messages.length}` } })
  }

  /** RFC 8292 sections 2 and 3. */
  async function senderOf(request: Request): Promise<string> {
    const authorization = request.headers.get('authorization') ?? ''
    const [, jwt = '', key = ''] = /^vapid t=([\w.-]+), ?k=([\w-]+)$/.exec(authorization) ?? []
    if (key !== publicKey || decodeProtectedHeader(jwt).alg !== 'ES256') throw new Error('another sender')
    const point = Buffer.from(key, 'base64url')
    const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((part) => part.toString('base64url')) as [
      string,
      string,
    ]
    const verifier = await importJWK({ kty: 'EC', crv: 'P-256', x, y }, 'ES256')
    const { payload } = await jwtVerify(jwt, verifier, {
      audience: server.url,
      requiredClaims: ['exp', 'sub'],
      currentDate: new Date(clock()),
    })
    if ((payload.exp ?? 0) - clock() / 1_000 > DAY_SECONDS) throw new Error('too long')
    if (!/^(mailto|https):/.test(payload.sub ?? '')) throw new Error('nobody to write to')
    return payload.sub ?? ''
  }

  const tokenOf = ({ address }: PushTarget) => address.split('/').at(-1) ?? ''

  return Object.assign(server, {
    messages,
    async subscribe(): Promise<PushTarget> {
      const keys = await crypto.subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, true, ['deriveBits'])
      const point = new Uint8Array(await crypto.subtle.exportKey('raw', keys.publicKey))
      const auth = crypto.getRandomValues(new Uint8Array(16))
      const token = crypto.randomUUID()
      browsers.set(token, { keys, point, auth, gone: false, waiting: new Map() })
      const [p256dh, secret] = [point, auth].map((each) => Buffer.from(each).toString('base64url')) as [string, string]
      return {
        id: `tgt_${token}`,
        kind: 'web',
        address: `${server.url}/push/${token}`,
        keys: { p256dh, auth: secret },
      }
    },
    unsubscribe(target: PushTarget) {
      const browser = browsers.get(tokenOf(target))
      if (browser !== undefined) browser.gone = true
    },
    waiting: (target: PushTarget) => [...(browsers.get(tokenOf(target))?.waiting.values() ?? [])],
  })
}

const bytes = (text: string) => new TextEncoder().encode(text)

/** RFC 8291 section 3.4 and RFC 8188 section 2, for one record. */
async function decrypted({ keys, point, auth }: Browser, body: Uint8Array<ArrayBuffer>): Promise<string> {
  const salt = body.slice(0, 16)
  const keyLength = body[20] ?? 0
  const theirs = body.slice(21, 21 + keyLength)
  const sender = await crypto.subtle.importKey('raw', theirs, { name: 'ECDH', namedCurve: 'P-256' }, false, [])
  const shared = new Uint8Array(await crypto.subtle.deriveBits({ name: 'ECDH', public: sender }, keys.privateKey, 256))
  const material = await derived(shared, auth, Buffer.concat([bytes('WebPush: info\0'), point, theirs]), 32)
  const contentKey = await derived(material, salt, bytes('Content-Encoding: aes128gcm\0'), 16)
  const nonce = await derived(material, salt, bytes('Content-Encoding: nonce\0'), 12)
  const key = await crypto.subtle.importKey('raw', contentKey, 'AES-GCM', false, ['decrypt'])
  const record = body.slice(21 + keyLength)
  const plain = new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv: nonce }, key, record))
  // After the text comes the mark of the last record, and padding.
  const end = plain.findLastIndex((byte) => byte !== 0)
  if (plain[end] !== 2) throw new Error('no last record')
  return new TextDecoder('utf-8', { fatal: true }).decode(plain.subarray(0, end))
}

async function derived(
  material: Uint8Array<ArrayBuffer>,
  salt: Uint8Array<ArrayBuffer>,
  info: Uint8Array<ArrayBuffer>,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const key = await crypto.subtle.importKey('raw', material, 'HKDF', false, ['deriveBits'])
  return new Uint8Array(await crypto.subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt, info }, key, length * 8))
}
