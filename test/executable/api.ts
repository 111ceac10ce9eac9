/** What the tests of the executable say to it over HTTP, and how they wait for what it does in its own time. */
import { generateSync } from 'otplib'

export const DEMO = {
  password: 'kumbu-demo-2026',
  pin: '2580',
  operator: 'operator@demo.kumbu',
  agent: 'agent@demo.kumbu',
  customers: ['customer@demo.kumbu', 'customer2@demo.kumbu'],
} as const

export interface Answer {
  status: number
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: an answer may hold anything; the test says what it expects of it.
  body: any
}

export interface CallOptions {
  token?: string | undefined
  body?: unknown
  headers?: Record<string, string>
}

export interface Movement {
  id: string
  type: string
  amount: number
  balance: number
}

export async function call(
  base: string,
  method: string,
  path: string,
  { token, body, headers = {} }: CallOptions = {},
): Promise<Answer> {
  const response = await fetch(base + path, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.includes('json') ?? false
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
}

export const get = (base: string, path: string, token?: string) => call(base, 'GET', path, { token })

export const post = (base: string, path: string, body: unknown, token?: string) =>
  call(base, 'POST', path, { token, body })

export const put = (base: string, path: string, body: unknown, token?: string) =>
  call(base, 'PUT', path, { token, body })

export interface SignedIn {
  accessToken: string
  refreshToken: string
  user: { id: string; role: string }
  secondFactorRequired: boolean
}

export async function signIn(base: string, email: string, password: string = DEMO.password): Promise<SignedIn> {
  const { status, body } = await post(base, '/api/v1/auth/login', { email, password })
  if (status !== 200 || body.twoFactor) throw new Error(`${email} could not sign in: ${JSON.stringify(body)}`)
  return body
}

const STEP_S = 30

/** An authenticator app, and the recovery codes that were written down beside it. */
export interface AuthenticatorApp {
  secret: string
  recoveryCodes: string[]
  /** The earliest step of 30 s whose code was not shown yet. */
  nextStep: number
}

/**
 * What the person shows next. Each code is good once and one step ahead of the clock is accepted, so two codes can be had
 * within a step; whoever needs a third shows a recovery code instead of waiting.
 */
function proofOf(app: AuthenticatorApp): { method: 'totp' | 'recovery'; code: string } {
  const now = Math.floor(Date.now() / 1000 / STEP_S)
  const step = Math.max(now, app.nextStep)
  if (step > now + 1) return { method: 'recovery', code: app.recoveryCodes.pop() ?? 'none is left' }
  app.nextStep = step + 1
  return { method: 'totp', code: generateSync({ secret: app.secret, epoch: step * STEP_S }) }
}

/** Sets up the authenticator app of somebody who has just signed in. */
export async function setUpApp(base: string, token: string): Promise<AuthenticatorApp> {
  const begun = await post(base, '/api/v1/auth/2fa/totp', {}, token)
  if (begun.status !== 200) throw new Error(`No app could be set up: ${JSON.stringify(begun.body)}`)
  const app: AuthenticatorApp = { secret: begun.body.secret, recoveryCodes: [], nextStep: 0 }
  const { code } = proofOf(app)
  const confirmed = await post(base, '/api/v1/auth/2fa/totp/confirm', { code }, token)
  if (confirmed.status !== 200) throw new Error(`The app was not confirmed: ${JSON.stringify(confirmed.body)}`)
  app.recoveryCodes = confirmed.body.recoveryCodes
  return app
}

export async function signInWithApp(
  base: string,
  { email, password }: { email: string; password: string },
  app: AuthenticatorApp,
): Promise<SignedIn> {
  const { body: asked } = await post(base, '/api/v1/auth/login', { email, password })
  if (!asked.twoFactor) throw new Error(`${email} was asked for no second factor: ${JSON.stringify(asked)}`)
  const { challengeId } = asked.twoFactor
  const { status, body } = await post(base, '/api/v1/auth/login/2fa', { challengeId, ...proofOf(app) })
  if (status !== 200) throw new Error(`${email} could not sign in: ${JSON.stringify(body)}`)
  return body
}

export async function balanceOf(base: string, token: string): Promise<{ balance: number; available: number }> {
  const { status, body } = await get(base, '/api/v1/wallet/me/balance', token)
  if (status !== 200) throw new Error(`The balance was not told: ${JSON.stringify(body)}`)
  return body
}

/** The whole statement, newest first. */
export async function statementOf(base: string, token: string): Promise<Movement[]> {
  const rows: Movement[] = []
  let cursor: string | null = null
  do {
    const after: string = cursor === null ? '' : `&cursor=${cursor}`
    const { status, body } = await get(base, `/api/v1/wallet/me/transactions?limit=100${after}`, token)
    if (status !== 200) throw new Error(`The statement was not told: ${JSON.stringify(body)}`)
    rows.push(...body.items)
    cursor = body.nextCursor
  } while (cursor !== null)
  return rows
}
