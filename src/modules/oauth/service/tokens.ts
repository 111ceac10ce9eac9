/**
 * What clients get for what they have: tokens for a code, a refresh token or their own credentials; and what they are
 * told of tokens. Access is a session like a person's own, limited to the scopes that were granted: it is listed with
 * the person's sessions, ends at once when it is revoked, and its refresh tokens rotate in a family.
 */

import { createHash } from 'node:crypto'
import { and, eq, lt } from 'drizzle-orm'
import type { Tx } from '../../../platform/db'
import { forUpdate } from '../../../platform/db/dialect'
import { iso } from '../../../platform/moment'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import { hashOfToken } from '../../../platform/security/tokens'
import { grantableTo, type Identity, type User } from '../../identity'
import type { OAuthError } from '../failures'
import { oauthCodes, oauthConsents } from '../schema'
import { parseScope } from '../scopes'
import type { Client, Clients } from './clients'
import type { Keys } from './keys'
import { fitsChallenge } from './redirects-and-pkce'

const ID_TOKEN_LIFETIME_S = 3_600
const CREDENTIALS_LIFETIME_MS = 15 * 60_000
const CODES_KEPT_MS = 24 * 3_600_000

/** RFC 6749, section 5.1. */
export interface TokenAnswer {
  access_token: string
  token_type: 'Bearer'
  expires_in: number
  scope: string
  refresh_token?: string
  id_token?: string
}

/** RFC 7662, section 2.2. */
export interface Introspection {
  active: boolean
  scope?: string
  client_id?: string
  token_type?: string
  sub?: string
  iss?: string
  exp?: number
  iat?: number
}

/** OpenID Connect Core, section 5.1. */
export interface UserClaims {
  name?: string
  updated_at?: number
  email?: string
  email_verified?: boolean
  phone_number?: string
  phone_number_verified?: boolean
}

export interface UserInfo extends UserClaims {
  sub: string
}

export type Form = Readonly<Record<string, string | undefined>>

export interface OAuthTokens {
  grant(client: Client, form: Form, address: string): Promise<Result<TokenAnswer, OAuthError>>
  revoke(client: Client, token: string): Promise<void>
  introspect(client: Client, token: string): Promise<Introspection>
  /** The claims of OpenID Connect that the session's scopes allow. */
  userInfo(userId: string, sessionId: string): Promise<UserInfo>
  applications(userId: string): Promise<Array<{ clientId: string; name: string; scopes: string[]; allowedAt: string }>>
  forget(userId: string, clientId: string, address: string): Promise<Result<true, 'application_not_found'>>
  prune(): Promise<void>
}

type CodeRow = typeof oauthCodes.$inferSelect

export function createOAuthTokens(
  { store, clock }: Runtime,
  { identity, clients, keys }: { identity: Identity; clients: Clients; keys: Keys },
  issuer: () => string,
): OAuthTokens {
  const { sessions, auditLog } = identity

  async function idToken(code: CodeRow, user: User, sessionId: string, accessToken: string): Promise<string> {
    const now = Math.floor(clock() / 1000)
    return keys.sign({
      iss: issuer(),
      sub: user.id,
      aud: code.clientId,
      iat: now,
      exp: now + ID_TOKEN_LIFETIME_S,
      auth_time: Math.floor(code.verifiedAt / 1000),
      amr: code.methods as string[],
      sid: sessionId,
      at_hash: leftHalf(accessToken),
      ...(code.nonce === null ? {} : { nonce: code.nonce }),
      ...claimsOf(user, code.scopes as string[]),
    })
  }

  /** A code that comes again ends what it was exchanged for: one of the two who had it was not meant to. */
  async function replayed(tx: Tx, code: CodeRow, address: string): Promise<void> {
    if (code.sessionId !== null) await sessions.revoke(tx, [code.sessionId], 'code_replayed')
    await auditLog.audit(tx, {
      actor: code.userId,
      action: 'oauth.code_replayed',
      subject: code.clientId,
      outcome: 'refused',
      address,
    })
  }

  function fits(code: CodeRow, client: Client, form: Form): boolean {
    return (
      code.clientId === client.id &&
      code.expiresAt > clock() &&
      code.redirectUri === form.redirect_uri &&
      fitsChallenge(form.code_verifier ?? '', code.codeChallenge)
    )
  }

  async function byCode(client: Client, form: Form, address: string): Promise<Result<TokenAnswer, OAuthError>> {
    if (form.code === undefined || form.redirect_uri === undefined || form.code_verifier === undefined)
      return fail('invalid_request', 'code, redirect_uri and code_verifier are required.')
    const hash = hashOfToken(form.code)
    const opened = await store.write(async (tx) => {
      const [code] = await forUpdate(tx.select().from(oauthCodes).where(eq(oauthCodes.hash, hash)))
      if (!code) return undefined
      if (code.usedAt !== null) {
        // Another client that has come by it ends nothing.
        if (code.clientId === client.id) await replayed(tx, code, address)
        return undefined
      }
      // A wrong verifier spends the code too: whoever has the code and not the verifier gets one try.
      await tx.update(oauthCodes).set({ usedAt: clock() }).where(eq(oauthCodes.hash, hash))
      const user = fits(code, client, form) ? await identity.userIn(tx, code.userId) : undefined
      const grantedIn = await sessions.openIn(tx, code.grantedIn)
      if (user?.status !== 'active' || !grantedIn || !(await clients.isOpen(tx, client.id))) return undefined
      const session = await sessions.open(tx, user, {
        kind: 'client',
        clientId: client.id,
        scopes: code.scopes as string[],
        // Whoever must have a second factor first does not get past it by way of an application.
        restricted: grantedIn.restricted,
        methods: code.methods as string[],
        verifiedAt: code.verifiedAt,
        origin: { address, userAgent: client.name },
        refreshable: client.grants.includes('refresh_token'),
      })
      await tx.update(oauthCodes).set({ sessionId: session.id }).where(eq(oauthCodes.hash, hash))
      return { code, user, session }
    })
    if (!opened) return fail('invalid_grant', 'The code was used, has expired, or was not issued for this.')
    const { code, user, session } = opened
    const scopes = code.scopes as string[]
    const answer = await answerOf(session, scopes)
    if (!scopes.includes('openid')) return ok(answer)
    return ok({ ...answer, id_token: await idToken(code, user, session.id, answer.access_token) })
  }

  async function answerOf(session: Awaited<ReturnType<typeof sessions.open>>, scopes: string[]): Promise<TokenAnswer> {
    const { accessToken, refreshToken, expiresIn } = await sessions.tokens(session)
    return {
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: expiresIn,
      scope: scopes.join(' '),
      ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
    }
  }

  async function byRefreshToken(client: Client, form: Form, address: string): Promise<Result<TokenAnswer, OAuthError>> {
    if (form.refresh_token === undefined) return fail('invalid_request', 'refresh_token is required.')
    const session = await sessions.byRefreshToken(form.refresh_token)
    const granted = session?.clientId === client.id ? (session.scopes as string[] | null) : null
    if (granted && parseScope(form.scope).some((scope) => !granted.includes(scope)))
      return fail('invalid_scope', 'More than was granted.')
    const result = await sessions.refresh(form.refresh_token, address, client.id)
    if (!result.ok) return fail('invalid_grant', 'The refresh token was used, was revoked, or has expired.')
    return ok(await answerOf(result.value, result.value.scopes ?? []))
  }

  async function byCredentials(client: Client, form: Form, address: string): Promise<Result<TokenAnswer, OAuthError>> {
    const user = client.userId === null ? undefined : await identity.find(client.userId)
    if (user?.status !== 'active')
      return fail('unauthorized_client', 'The account that this client acts as is not active.')
    const allowed = grantableTo(user.role).filter((scope) => client.scopes.includes(scope))
    const scopes = form.scope === undefined ? allowed : parseScope(form.scope)
    const refused = scopes.filter((scope) => !allowed.includes(scope))
    if (refused.length > 0 || scopes.length === 0)
      return fail('invalid_scope', `Not for this client: ${refused.join(' ')}.`)
    const session = await store.write(async (tx) => {
      if (!(await clients.isOpen(tx, client.id))) return undefined
      await auditLog.audit(tx, {
        actor: user.id,
        action: 'oauth.client_credentials',
        subject: client.id,
        outcome: 'allowed',
        address,
        detail: { scopes },
      })
      return sessions.open(tx, user, {
        kind: 'client',
        clientId: client.id,
        scopes,
        methods: [],
        origin: { address, userAgent: client.name },
        expiresAt: clock() + CREDENTIALS_LIFETIME_MS,
        refreshable: false,
      })
    })
    return session ? ok(await answerOf(session, scopes)) : fail('invalid_client')
  }

  const grants: Record<string, typeof byCode> = {
    authorization_code: byCode,
    refresh_token: byRefreshToken,
    client_credentials: byCredentials,
  }

  /** The session that a token of either sort belongs to, if it is open. */
  async function sessionOf(token: string) {
    const session = (await sessions.byRefreshToken(token)) ?? (await sessions.byAccessToken(token))
    return session && session.revokedAt === null && session.expiresAt > clock() ? session : undefined
  }

  async function applications(userId: string) {
    const rows = await store.read.select().from(oauthConsents).where(eq(oauthConsents.userId, userId))
    const named = await Promise.all(rows.map(async (row) => ({ row, client: await clients.find(row.clientId) })))
    return named.flatMap(({ row, client }) =>
      client
        ? [
            {
              clientId: client.id,
              name: client.name,
              scopes: row.scopes as string[],
              allowedAt: iso(row.createdAt),
            },
          ]
        : [],
    )
  }

  identity.closing.keeps({
    name: 'applications',
    export: applications,
    async erase(tx, userId) {
      await tx.delete(oauthConsents).where(eq(oauthConsents.userId, userId))
      await tx.delete(oauthCodes).where(eq(oauthCodes.userId, userId))
    },
  })

  return {
    applications,

    async grant(client, form, address) {
      const type = form.grant_type
      if (type === undefined) return fail('invalid_request', 'grant_type is required.')
      const run = Object.hasOwn(grants, type) ? grants[type] : undefined
      if (!run) return fail('unsupported_grant_type')
      if (!(client.grants as string[]).includes(type))
        return fail('unauthorized_client', 'Not registered for this grant.')
      return run(client, form, address)
    },

    async revoke(client, token) {
      const session = await sessionOf(token)
      if (session?.clientId !== client.id) return
      await store.write(async (tx) => {
        await sessions.revoke(tx, [session.id], 'revoked_by_client')
        const detail = { sessionId: session.id }
        await auditLog.audit(tx, {
          actor: session.userId,
          action: 'oauth.revoke',
          subject: client.id,
          outcome: 'allowed',
          detail,
        })
      })
    },

    async introspect(client, token) {
      const session = await sessionOf(token)
      // A client is told of its own tokens only.
      if (session?.clientId !== client.id) return { active: false }
      const user = await identity.find(session.userId)
      if (user?.status !== 'active') return { active: false }
      const access = await sessions.lifeOf(token)
      return {
        active: true,
        scope: ((session.scopes as string[] | null) ?? []).join(' '),
        client_id: client.id,
        ...(access === undefined ? {} : { token_type: 'Bearer' }),
        sub: session.userId,
        iss: issuer(),
        iat: access?.iat ?? Math.floor(session.createdAt / 1000),
        exp: access?.exp ?? Math.floor(session.expiresAt / 1000),
      }
    },

    async userInfo(userId, sessionId) {
      const session = await sessions.find(sessionId)
      const scopes = (session?.scopes as string[] | null) ?? []
      return { sub: userId, ...claimsOf(await identity.known(userId), scopes) }
    },

    forget: (userId, clientId, address) =>
      store.write(async (tx): Promise<Result<true, 'application_not_found'>> => {
        const which = and(eq(oauthConsents.userId, userId), eq(oauthConsents.clientId, clientId))
        const [found] = await tx.select().from(oauthConsents).where(which)
        if (!found) return fail('application_not_found')
        await tx.delete(oauthConsents).where(which)
        await tx.delete(oauthCodes).where(and(eq(oauthCodes.userId, userId), eq(oauthCodes.clientId, clientId)))
        await sessions.revokeOfClient(tx, clientId, 'application_forgotten', userId)
        await auditLog.audit(tx, {
          actor: userId,
          action: 'oauth.forget',
          subject: clientId,
          outcome: 'allowed',
          address,
        })
        return ok(true)
      }),

    prune: () =>
      store.write(async (tx) => {
        await tx.delete(oauthCodes).where(lt(oauthCodes.expiresAt, clock() - CODES_KEPT_MS))
      }),
  }
}

/** OpenID Connect Core, section 5.4. */
function claimsOf(user: User, scopes: readonly string[]): UserClaims {
  return {
    ...(scopes.includes('profile') ? { name: user.name, updated_at: Math.floor(user.updatedAt / 1000) } : {}),
    ...(scopes.includes('email') ? { email: user.email, email_verified: true } : {}),
    ...(scopes.includes('phone') && user.phone !== null
      ? { phone_number: user.phone, phone_number_verified: user.phoneVerifiedAt !== null }
      : {}),
  }
}

/** `at_hash` for RS256 (OpenID Connect Core, section 3.1.3.6). */
function leftHalf(token: string): string {
  return createHash('sha256').update(token).digest().subarray(0, 16).toString('base64url')
}
