/** What people do over HTTP in the tests of identity, in few words, and what of it can be seen from the outside. */
import { expect } from 'bun:test'
import { eq } from 'drizzle-orm'
import type { Role } from '../../../src/modules/identity'
import { auditLog, users } from '../../../src/modules/identity/schema'
import { type Answer, type CallOptions, PASSWORD, type World } from '../../support/world'

export const MINUTE = 60_000
const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR
export const NEW_PASSWORD = 'a longer walk to the sea'

/** Argon2id at its cheapest, for tests that look at it often; nothing that Kumbu would make. */
const CHEAP = Bun.password.hashSync(PASSWORD, { algorithm: 'argon2id', memoryCost: 8, timeCost: 1 })

type UserRow = typeof users.$inferSelect

export interface SignedIn {
  id: string
  email: string
  phone: string
  token: string
  refreshToken: string
  deviceToken: string
}

let people = 0

export function actsIn(world: World) {
  const post = (path: string, body?: unknown, options: CallOptions = {}) =>
    world.call('POST', `/api/v1/auth${path}`, { ...(body === undefined ? {} : { body }), ...options })
  const put = (path: string, token: string, body: unknown) => world.call('PUT', `/api/v1/auth${path}`, { token, body })
  const get = (path: string, token: string) => world.call('GET', `/api/v1/auth${path}`, { token })
  const del = (path: string, token: string) => world.call('DELETE', `/api/v1/auth${path}`, { token })
  const login = (email: string, password = PASSWORD, members: object = {}, options: CallOptions = {}) =>
    post('/login', { email, password, ...members }, options)

  /** An active account with a proved number and a password that is cheap to look at. */
  async function account(members: Partial<UserRow> = {}): Promise<UserRow> {
    people += 1
    const now = world.clock()
    const email = members.email ?? `person${people}@example.com`
    const row: UserRow = {
      id: world.runtime.newId('usr'),
      name: `Person ${people}`,
      email,
      emailKey: email,
      phone: `+25882${String(1_000_000 + people)}`,
      phoneVerifiedAt: now,
      agentId: null,
      role: 'customer',
      status: 'active',
      passwordHash: CHEAP,
      pinHash: null,
      pinFailures: 0,
      pinLockedUntil: 0,
      factorFailures: 0,
      factorLockedUntil: 0,
      passwordFailures: 0,
      codeFactors: [],
      createdAt: now,
      updatedAt: now,
      ...members,
    }
    await world.write(async (tx) => {
      await tx.insert(users).values(row)
    })
    return row
  }

  /** The same, signed in. */
  async function somebody(role: Role = 'customer', members: Partial<UserRow> = {}): Promise<SignedIn> {
    const { id, email, phone } = await account({ role, ...members })
    const { status, body } = await login(email)
    expect(status).toBe(200)
    const { accessToken: token, refreshToken, deviceToken } = body
    return { id, email, phone: phone ?? '', token, refreshToken, deviceToken }
  }

  const rowOf = async (id: string): Promise<UserRow> =>
    (await world.runtime.store.read.select().from(users).where(eq(users.id, id)))[0] as UserRow

  /** Codes that were sent to the e-mail address or number, newest first. */
  async function codesTo(address: string): Promise<string[]> {
    const messages = await world.mailTo(address)
    return messages.flatMap(({ subject, text }) => /(\d{6}) is your/.exec(`${subject} ${text}`)?.[1] ?? [])
  }

  /** The token of the newest link to choose a new password. */
  async function linkTo(address: string): Promise<string> {
    const messages = await world.mailTo(address)
    return messages.flatMap(({ text }) => /reset-password\?token=([\w-]+)/.exec(text)?.[1] ?? [])[0] ?? ''
  }

  const toldTo = async (address: string) =>
    (await world.mailTo(address)).map(({ subject, text }) => (subject === '' ? text : subject))

  /** Codes by e-mail or SMS as a second factor. */
  async function withCodes({ email, phone, token }: SignedIn, method: 'email' | 'sms' = 'email'): Promise<void> {
    await post('/step-up/send', { method }, { token })
    const [code] = await codesTo(method === 'email' ? email : phone)
    expect((await put(`/2fa/${method}`, token, { code })).status).toBe(204)
    world.clock.advance(MINUTE)
  }

  async function challengeOf(email: string, password = PASSWORD): Promise<{ challengeId: string; methods: string[] }> {
    const { status, body } = await login(email, password)
    expect({ status, challenged: 'twoFactor' in body }).toEqual({ status: 200, challenged: true })
    return body.twoFactor
  }

  const show = (challengeId: string, method: string, code: string, members: object = {}, options: CallOptions = {}) =>
    post('/login/2fa', { challengeId, method, code, ...members }, options)

  const auditOf = (subject: string) =>
    world.runtime.store.read.select().from(auditLog).where(eq(auditLog.subject, subject))

  return {
    post,
    put,
    get,
    del,
    login,
    account,
    somebody,
    rowOf,
    codesTo,
    linkTo,
    toldTo,
    withCodes,
    challengeOf,
    show,
    auditOf,
    refresh: (refreshToken: string) => post('/refresh', { refreshToken }),
    profile: (token: string) => get('/profile', token),
    stepUp: (token: string, body: object) => post('/step-up', body, { token }),
    makeKey: (token: string, scopes = ['profile:read'], members: object = {}): Promise<Answer> =>
      post('/api-keys', { name: 'Nightly', scopes, ...members }, { token }),
  }
}

export type Acts = ReturnType<typeof actsIn>

/** Six digits that are not the code. */
export const anotherThan = (code: string) => String((Number(code) + 1) % 1_000_000).padStart(6, '0')
