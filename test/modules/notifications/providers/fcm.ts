/**
 * Google’s token endpoint (RFC 7523) and Firebase Cloud Messaging’s HTTP v1 API, as their documentation has them. Its
 * answers to what is wrong have the shape of https://firebase.google.com/docs/cloud-messaging/error-codes.
 */
import { generateKeyPairSync } from 'node:crypto'
import { jwtVerify } from 'jose'
import type { PushTarget } from '../../../../src/modules/notifications/channels/channel'
import { createFaultyServer, type Fault, type FaultyServer } from './faults'

export interface FcmMessage {
  token: string
  notification: { title: string; body: string }
  data: Record<string, string>
  android: { priority: string; ttl: string; notification: { tag: string } }
  apns: { headers: Record<string, string> }
}

export interface Fcm extends FaultyServer {
  /** What it took, in order. */
  readonly messages: FcmMessage[]
  /** What its console would hand out. */
  readonly serviceAccount: { project_id: string; client_email: string; private_key: string; token_uri: string }
  /** How many access tokens it has given. */
  readonly tokensGiven: number
  /** A phone that has the app. */
  install(): PushTarget
  /** The app is gone from the phone. */
  uninstall(target: PushTarget): void
  /** No access token is good any more. */
  revoke(): void
  /** What the token endpoint says from now on. */
  answerTokensWith(fault?: Fault): void
}

const PROJECT = 'kumbu-test'
const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const SCOPE = 'https://www.googleapis.com/auth/firebase.messaging'

const keys = generateKeyPairSync('rsa', { modulusLength: 2048 })

export function createFcmServer(clock: () => number = Date.now): Fcm {
  const installed = new Set<string>()
  const valid = new Map<string, number>()
  const messages: FcmMessage[] = []
  let tokensGiven = 0

  const provider = createFaultyServer({ handle: take })
  // Tokens have an address of their own, so that one can fail without the other.
  const tokens = createFaultyServer({ handle: giveToken })

  async function take(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url)
    if (pathname !== `/v1/projects/${PROJECT}/messages:send`) return refused(404, 'NOT_FOUND')
    const bearer = /^Bearer (.+)$/.exec(request.headers.get('authorization') ?? '')?.[1] ?? ''
    if ((valid.get(bearer) ?? 0) <= clock()) return refused(401, 'UNAUTHENTICATED')
    const { message } = (await request.json()) as { message: FcmMessage }
    if (!/^[\w:-]{10,}$/.test(message.token)) {
      return refused(400, 'INVALID_ARGUMENT', 'INVALID_ARGUMENT', 'message.token')
    }
    if (!/^\d+s$/.test(message.android.ttl)) return refused(400, 'INVALID_ARGUMENT', undefined, 'message.android.ttl')
    if (!installed.has(message.token)) return refused(404, 'NOT_FOUND', 'UNREGISTERED')
    messages.push(message)
    return Response.json({ name: `projects/${PROJECT}/messages/${messages.length}` })
  }

  async function giveToken(request: Request): Promise<Response> {
    const form = new URLSearchParams(await request.text())
    const assertion = form.get('assertion') ?? ''
    if (form.get('grant_type') !== GRANT) return Response.json({ error: 'unsupported_grant_type' }, { status: 400 })
    const isGood = await jwtVerify(assertion, keys.publicKey, {
      algorithms: ['RS256'],
      issuer: serviceAccount.client_email,
      audience: serviceAccount.token_uri,
      requiredClaims: ['iat', 'exp'],
      maxTokenAge: 3600,
      currentDate: new Date(clock()),
    }).then(
      ({ payload }) => payload.scope === SCOPE,
      () => false,
    )
    if (!isGood) return Response.json({ error: 'invalid_grant', error_description: 'Bad JWT' }, { status: 400 })
    tokensGiven += 1
    const token = `ya29.${crypto.randomUUID()}`
    valid.set(token, clock() + 3_600_000)
    return Response.json({ access_token: token, expires_in: 3600, token_type: 'Bearer' })
  }

  const serviceAccount = {
    type: 'service_account',
    project_id: PROJECT,
    client_email: `firebase-adminsdk@${PROJECT}.iam.gserviceaccount.com`,
    private_key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    token_uri: `${tokens.url}/token`,
  }

  return {
    url: provider.url,
    messages,
    get offered() {
      return provider.offered
    },
    serviceAccount,
    get tokensGiven() {
      return tokensGiven
    },
    answerWith: provider.answerWith,
    answerTokensWith: tokens.answerWith,
    install() {
      const token = `${crypto.randomUUID()}:APA91b`
      installed.add(token)
      return { id: `tgt_${token}`, kind: 'fcm', address: token }
    },
    uninstall: ({ address }) => void installed.delete(address),
    revoke: () => valid.clear(),
    async stop() {
      await Promise.all([provider.stop(), tokens.stop()])
    },
    start() {
      provider.start()
      tokens.start()
    },
  }
}

/** As FCM says it: its own code, if it has one for it, and the field that is wrong. */
export function fcmError(status: number, canonical: string, code?: string, field?: string): string {
  const details = [
    ...(code === undefined
      ? []
      : [{ '@type': 'type.googleapis.com/google.firebase.fcm.v1.FcmError', errorCode: code }]),
    ...(field === undefined
      ? []
      : [
          {
            '@type': 'type.googleapis.com/google.rpc.BadRequest',
            fieldViolations: [{ field, description: 'Invalid' }],
          },
        ]),
  ]
  return JSON.stringify({ error: { code: status, message: 'Something about ya29.secret', status: canonical, details } })
}

const refused = (status: number, canonical: string, code?: string, field?: string) =>
  new Response(fcmError(status, canonical, code, field), { status })
