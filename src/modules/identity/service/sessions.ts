/**
 * Sessions and their tokens. The access token is a JWT of 15 minutes that names its session; the refresh token is
 * random, kept as a hash, and exchanged for a successor at each use. A refresh token that comes a second time ends its
 * session, except within a short grace, in which several tabs get the same successor.
 */
import { and, eq, gt, inArray, isNull, lt } from 'drizzle-orm'
import { errors, jwtVerify, SignJWT } from 'jose'
import type { Tx } from '../../../platform/db'
import { forUpdate } from '../../../platform/db/dialect'
import type { Events } from '../../../platform/events'
import type { Principal } from '../../../platform/http/context'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import { sessionsRevoked } from '../events'
import { isRole, scopesOf } from '../roles'
import { refreshTokens, sessions, users } from '../schema'
import type { Audit } from './audit'
import type { User } from './users'

const ACCESS_LIFETIME_S = 15 * 60
const SESSION_LIFETIME_MS = 7 * 24 * 3_600_000
const REUSE_GRACE_MS = 20_000
const REFRESH_BYTES = 32
const AUDIENCE = 'kumbu-api'
const TOKEN_TYPE = 'at+jwt'
/** Verified tokens that are remembered: verifying one costs as much as the rest of a small request. */
const REMEMBERED_LIMIT = 20_000
/** A copy that revokes a session knows it at once; the other copies on the same database ask this often what was revoked. */
const ASK_EVERY_MS = 1_000
/** Copies' clocks and slow commits may differ by this much. */
const ASK_BACK_MS = 60_000
const PRUNE_AT_ONCE = 1_000

export interface Tokens {
  accessToken: string
  refreshToken: string
  /** Seconds until the access token expires. */
  expiresIn: number
}

/** A session as a unit leaves it; its access token is signed after the commit. */
export interface OpenedSession {
  id: string
  user: User
  refreshToken: string
}

export interface Sessions {
  open(tx: Tx, user: User): Promise<OpenedSession>
  tokens(session: OpenedSession): Promise<Tokens>
  refresh(refreshToken: string, address: string): Promise<Result<OpenedSession, 'refresh_token_invalid'>>
  /** Ends the session that the refresh token belongs to; a token that is none ends nothing. */
  close(refreshToken: string): Promise<void>
  revokeAll(tx: Tx, userId: string, reason: string): Promise<void>
  authenticate(accessToken: string): Principal | undefined | Promise<Principal | undefined>
  /** Deletes what ended before the moment; answers how many sessions. */
  prune(before: number): Promise<number>
}

interface Remembered {
  principal: Principal
  expiresAt: number
}

const hashOf = (token: string) => new Bun.CryptoHasher('sha256').update(token).digest('base64url')

export function createSessions(runtime: Runtime, events: Events, audit: Audit, issuer: string): Sessions {
  const { store, clock, newId, random, keyring } = runtime
  const signingKey = keyring.derive('access-token')
  const remembered = new Map<string, Remembered>()
  /** Sessions that a unit has lately revoked, perhaps not yet committed: their tokens are looked up each time. */
  const distrusted = new Map<string, number>()

  const newRefreshToken = () => Buffer.from(random(REFRESH_BYTES)).toString('base64url')

  async function addRefreshToken(tx: Tx, sessionId: string): Promise<string> {
    const token = newRefreshToken()
    await tx
      .insert(refreshTokens)
      .values({ hash: hashOf(token), sessionId, createdAt: clock(), usedAt: null, successor: null })
    return token
  }

  async function revoke(tx: Tx, sessionIds: string[], reason: string): Promise<void> {
    if (sessionIds.length === 0) return
    await tx
      .update(sessions)
      .set({ revokedAt: clock(), revokedFor: reason })
      .where(and(inArray(sessions.id, sessionIds), isNull(sessions.revokedAt)))
    for (const id of sessionIds) distrust(id)
    for (const [token, { principal }] of remembered)
      if (sessionIds.includes(principal.sessionId)) remembered.delete(token)
  }

  function distrust(sessionId: string): void {
    const now = clock()
    for (const [id, since] of distrusted) {
      if (now - since < ACCESS_LIFETIME_S * 1000) break
      distrusted.delete(id)
    }
    distrusted.set(sessionId, now)
  }

  async function isOpen(sessionId: string): Promise<boolean> {
    const [session] = await store.read.select().from(sessions).where(eq(sessions.id, sessionId))
    return session !== undefined && session.revokedAt === null && session.expiresAt > clock()
  }

  async function claimsOf(token: string) {
    try {
      const { payload } = await jwtVerify(token, signingKey, {
        algorithms: ['HS256'],
        issuer,
        audience: AUDIENCE,
        typ: TOKEN_TYPE,
        requiredClaims: ['sub', 'sid', 'role', 'exp', 'iat'],
        currentDate: new Date(clock()),
      })
      return payload as { sub: string; sid: string; role: string; exp: number }
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined
      throw error
    }
  }

  async function verify(token: string): Promise<Principal | undefined> {
    const claims = await claimsOf(token)
    if (!claims || !isRole(claims.role) || !(await isOpen(claims.sid))) return undefined
    const principal: Principal = {
      userId: claims.sub,
      sessionId: claims.sid,
      role: claims.role,
      scopes: scopesOf(claims.role),
    }
    if (!distrusted.has(claims.sid)) remember(token, { principal, expiresAt: claims.exp * 1000 })
    return principal
  }

  function remember(token: string, entry: Remembered): void {
    const oldest = remembered.size >= REMEMBERED_LIMIT ? remembered.keys().next().value : undefined
    if (oldest !== undefined) remembered.delete(oldest)
    remembered.set(token, entry)
  }

  let askedAt = 0
  let asking: Promise<void> | undefined

  /** Forgets what other copies have revoked; one question a second for all tokens together. */
  function ask(): Promise<void> {
    asking ??= (async () => {
      const now = clock()
      const gone = await store.read
        .select({ id: sessions.id })
        .from(sessions)
        .where(gt(sessions.revokedAt, now - ASK_BACK_MS))
      const ids = new Set(gone.map(({ id }) => id))
      for (const [token, { principal }] of ids.size > 0 ? remembered : []) {
        if (ids.has(principal.sessionId)) remembered.delete(token)
      }
      askedAt = now
    })().finally(() => {
      asking = undefined
    })
    return asking
  }

  function recall(token: string): Principal | undefined {
    const entry = remembered.get(token)
    if (entry && entry.expiresAt > clock()) return entry.principal
    remembered.delete(token)
    return undefined
  }

  /** A token that was used before: the same successor within the grace, the end of the session after it. */
  async function reused(
    tx: Tx,
    used: typeof refreshTokens.$inferSelect & { usedAt: number },
    user: User,
    address: string,
  ): Promise<Result<OpenedSession, 'refresh_token_invalid'>> {
    if (used.successor !== null && clock() - used.usedAt <= REUSE_GRACE_MS) {
      return ok({ id: used.sessionId, user, refreshToken: keyring.open('refresh-successor', used.successor) })
    }
    await revoke(tx, [used.sessionId], 'refresh_token_reused')
    await audit(tx, { actor: user.id, action: 'session.refresh_reused', subject: user.id, outcome: 'refused', address })
    await events.append(tx, sessionsRevoked, user.id, { userId: user.id, reason: 'refresh_token_reused' })
    return fail('refresh_token_invalid')
  }

  return {
    async open(tx, user) {
      const id = newId('ses')
      await tx.insert(sessions).values({
        id,
        userId: user.id,
        createdAt: clock(),
        expiresAt: clock() + SESSION_LIFETIME_MS,
        revokedAt: null,
        revokedFor: null,
      })
      return { id, user, refreshToken: await addRefreshToken(tx, id) }
    },

    async tokens({ id, user, refreshToken }) {
      const now = Math.floor(clock() / 1000)
      const accessToken = await new SignJWT({ sid: id, role: user.role })
        .setProtectedHeader({ alg: 'HS256', typ: TOKEN_TYPE })
        .setSubject(user.id)
        .setIssuer(issuer)
        .setAudience(AUDIENCE)
        .setIssuedAt(now)
        .setExpirationTime(now + ACCESS_LIFETIME_S)
        .sign(signingKey)
      return { accessToken, refreshToken, expiresIn: ACCESS_LIFETIME_S }
    },

    refresh: (refreshToken, address) =>
      store.write(async (tx) => {
        const hash = hashOf(refreshToken)
        const [token] = await forUpdate(tx.select().from(refreshTokens).where(eq(refreshTokens.hash, hash)))
        if (!token) return fail('refresh_token_invalid')
        const [session] = await tx.select().from(sessions).where(eq(sessions.id, token.sessionId))
        if (!session || session.revokedAt !== null || session.expiresAt <= clock()) return fail('refresh_token_invalid')
        const [user] = await tx.select().from(users).where(eq(users.id, session.userId))
        if (user?.status !== 'active') return fail('refresh_token_invalid')
        if (token.usedAt !== null) return reused(tx, { ...token, usedAt: token.usedAt }, user, address)
        const successor = await addRefreshToken(tx, session.id)
        await tx
          .update(refreshTokens)
          .set({ usedAt: clock(), successor: keyring.seal('refresh-successor', successor) })
          .where(eq(refreshTokens.hash, hash))
        return ok({ id: session.id, user, refreshToken: successor })
      }),

    close: (refreshToken) =>
      store.write(async (tx) => {
        const [token] = await tx
          .select()
          .from(refreshTokens)
          .where(eq(refreshTokens.hash, hashOf(refreshToken)))
        if (token) await revoke(tx, [token.sessionId], 'signed_out')
      }),

    async revokeAll(tx, userId, reason) {
      const open = await tx
        .select({ id: sessions.id })
        .from(sessions)
        .where(and(eq(sessions.userId, userId), isNull(sessions.revokedAt)))
      await revoke(
        tx,
        open.map(({ id }) => id),
        reason,
      )
    },

    authenticate(token) {
      if (store.engine === 'postgres' && clock() - askedAt > ASK_EVERY_MS) {
        return ask().then(() => recall(token) ?? verify(token))
      }
      return recall(token) ?? verify(token)
    },

    prune: (before) =>
      store.write(async (tx) => {
        const ended = await tx
          .select({ id: sessions.id })
          .from(sessions)
          .where(lt(sessions.expiresAt, before))
          .limit(PRUNE_AT_ONCE)
        const ids = ended.map(({ id }) => id)
        if (ids.length === 0) return 0
        await tx.delete(refreshTokens).where(inArray(refreshTokens.sessionId, ids))
        await tx.delete(sessions).where(inArray(sessions.id, ids))
        return ids.length
      }),
  }
}
