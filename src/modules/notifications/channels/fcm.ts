/** Push messages to phones, by the HTTP v1 API of Firebase Cloud Messaging. */
import { importPKCS8, SignJWT } from 'jose'
import type { Clock } from '../../../platform/ids'
import type { Channel, OutgoingMessage, PushTarget, Sent } from './channel'
import type { ServiceAccount } from './fcm-account'
import { type Answer, call, listOf, memberOf, onceAMinute, parsed, retryAfterMs, type Transient } from './http'
import { fitted, timingOf, toEach } from './push-targets'

export interface FcmOptions {
  serviceAccount: ServiceAccount
  apiBase?: string
  clock: Clock
  deadlineMs?: number
}

type Token = { token: string; until: number }

const CONCURRENCY = 32
const PROVIDER = 'fcm'
const API = 'https://fcm.googleapis.com'
const TOKEN_URI = 'https://oauth2.googleapis.com/token'
const SCOPE = 'https://www.googleapis.com/auth/firebase.messaging'
const ASSERTION_SECONDS = 60 * 60
/** A token is renewed this long before its end, so that none ends on its way. */
const RENEW_MS = 5 * 60_000
/** FCM: whoever is over the quota and is told no time waits for a minute. */
const QUOTA_PAUSE_MS = 60_000
/** FCM takes 4096 bytes of payload; what else the request says is not counted, and less than this. */
const REQUEST_LIMIT = 4_096

export function createFcm({ serviceAccount, apiBase = API, clock, deadlineMs }: FcmOptions): Channel {
  const { project_id, client_email, private_key, token_uri = TOKEN_URI } = serviceAccount
  const address = `${apiBase}/v1/projects/${encodeURIComponent(project_id)}/messages:send`
  let current: Token | undefined
  let asking: Promise<Token | Transient> | undefined

  return {
    provider: PROVIDER,
    medium: 'push',
    concurrency: CONCURRENCY,
    send: (message) =>
      toEach(
        message.push.filter(({ kind }) => kind === 'fcm'),
        (target) => sendTo(target, message),
      ),
    check: onceAMinute(clock, async () => {
      const token = await validToken()
      return 'token' in token ? { state: 'up' } : { state: 'down', detail: token.reason }
    }),
    close() {},
  }

  async function sendTo(target: PushTarget, message: OutgoingMessage): Promise<Sent> {
    const body = requestOf(target, message, clock())
    const first = await offer(body)
    if (!('posted' in first)) return first
    if (first.posted.status !== 401) return sentOf(target, first.posted, clock)
    // Perhaps the token was taken back before its time: a new one is tried once.
    if (current?.token === first.token) current = undefined
    const second = await offer(body)
    return 'posted' in second ? sentOf(target, second.posted, clock) : second
  }

  async function offer(body: string): Promise<{ posted: Answer; token: string } | Transient> {
    const valid = await validToken()
    if (!('token' in valid)) return valid
    const { token } = valid
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const posted = await call({ provider: PROVIDER, url: address, headers, body, deadlineMs })
    return 'outcome' in posted ? posted : { posted, token }
  }

  /** Many messages at once ask for one token. */
  async function validToken(): Promise<Token | Transient> {
    if (current !== undefined && current.until - RENEW_MS > clock()) return current
    asking ??= askForToken().finally(() => {
      asking = undefined
    })
    const answer = await asking
    if ('token' in answer) current = answer
    return answer
  }

  /** RFC 7523: an assertion that our key has signed, for an access token. */
  async function askForToken(): Promise<Token | Transient> {
    const now = clock()
    const iat = Math.floor(now / 1_000)
    const assertion = await new SignJWT({
      scope: SCOPE,
      iss: client_email,
      aud: token_uri,
      iat,
      exp: iat + ASSERTION_SECONDS,
    })
      .setProtectedHeader({ typ: 'JWT', alg: 'RS256' })
      .sign(await importPKCS8(private_key, 'RS256'))
    const body = new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      assertion,
    }).toString()
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const posted = await call({ provider: PROVIDER, url: token_uri, headers, body, deadlineMs })
    if ('outcome' in posted) return posted
    const answer = parsed(posted.text)
    if (posted.status !== 200)
      return { outcome: 'transient', reason: `credentials refused ${posted.status}${word(memberOf(answer, 'error'))}` }
    const [token, seconds] = [memberOf(answer, 'access_token'), memberOf(answer, 'expires_in')]
    if (typeof token !== 'string' || typeof seconds !== 'number') {
      return { outcome: 'transient', reason: 'answered nonsense' }
    }
    return { token, until: now + seconds * 1_000 }
  }
}

/** A repeat takes the place of the one that is shown: by `tag` on Android, by the collapse id on Apple’s devices. */
function requestOf(target: PushTarget, message: OutgoingMessage, now: number): string {
  const { deliveryId: id, template } = message
  const { ttlSeconds, urgent } = timingOf(message, now)
  return fitted(message, REQUEST_LIMIT, (title, body) =>
    JSON.stringify({
      message: {
        token: target.address,
        notification: { title, body },
        data: { id, template },
        android: { priority: urgent ? 'HIGH' : 'NORMAL', ttl: `${ttlSeconds}s`, notification: { tag: id } },
        apns: {
          headers: {
            'apns-collapse-id': id,
            'apns-priority': urgent ? '10' : '5',
            'apns-expiration': String(Math.floor(now / 1_000) + ttlSeconds),
          },
        },
      },
    }),
  )
}

/** FCM’s own code lies in the details; https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode */
function sentOf({ id }: PushTarget, { status, headers, text }: Answer, clock: Clock): Sent {
  const answer = parsed(text)
  if (status === 200) {
    const providerId = memberOf(answer, 'name')
    if (typeof providerId === 'string') return { outcome: 'accepted', providerId }
    return { outcome: 'transient', reason: 'answered nonsense' }
  }
  const error = memberOf(answer, 'error')
  const details = listOf(memberOf(error, 'details'))
  const codes = details.map((detail) => memberOf(detail, 'errorCode'))
  const code = codes.find((each) => typeof each === 'string') ?? memberOf(error, 'status')
  const reason = `refused ${status}${word(code)}`
  // A 404 without this may be about the project; nobody’s device is forgotten for that.
  if (code === 'UNREGISTERED' || code === 'SENDER_ID_MISMATCH') return { outcome: 'permanent', reason, gone: [id] }
  if (status === 400) {
    return {
      outcome: 'permanent',
      reason,
      ...(isAboutToken(memberOf(error, 'message'), details) ? { gone: [id] } : {}),
    }
  }
  const asked = retryAfterMs(headers, clock) ?? (status === 429 ? QUOTA_PAUSE_MS : undefined)
  return { outcome: 'transient', reason, ...(asked === undefined ? {} : { retryAfterMs: asked }) }
}

/** The violations of fields, where there are any, say it surer than the words. */
function isAboutToken(words: unknown, details: unknown[]): boolean {
  const violations = details.flatMap((detail) => listOf(memberOf(detail, 'fieldViolations')))
  if (violations.length > 0) return violations.some((each) => memberOf(each, 'field') === 'message.token')
  return typeof words === 'string' && /registration token/i.test(words)
}

/** Only what looks like a code is shown: anything else may name a person or a token. */
const word = (code: unknown) => (typeof code === 'string' && /^[A-Za-z_]{1,40}$/.test(code) ? ` ${code}` : '')
