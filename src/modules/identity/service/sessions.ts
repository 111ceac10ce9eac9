/**
 * Sessions. A session is opened by a sign-in, by an OAuth client or for an API key, and is the one place where it ends:
 * whatever names it (an access token, a refresh token, a key) is worth nothing from that moment on. Refresh tokens are
 * random, kept as a hash, and exchanged for a successor at each use; one that comes a second time ends its session,
 * except within a short grace, in which several tabs get the same successor (RFC 9700, section 4.14.2).
 */
import { and, desc, eq, gt, inArray, isNull, lt, ne } from 'drizzle-orm'
import type { Tx } from '../../../platform/db'
import { forUpdate } from '../../../platform/db/dialect'
import type { Events } from '../../../platform/events'
import type { Principal } from '../../../platform/http/context'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import { hashOfToken, newToken } from '../../../platform/security/tokens'
import { sessionsRevoked } from '../events'
import { ENROLMENT, openIdScopes, scopesOf } from '../roles'
import { refreshTokens, sessions } from '../schema'
import type { AccessTokens } from './access-tokens'
import { ACCESS_LIFETIME_S } from './access-tokens'
import type { Audit } from './audit'
import { createKnownTokens } from './known-tokens'
import type { User, Users } from './users'

const SESSION_LIFETIME_MS = 7 * 24 * 3_600_000
const REUSE_GRACE_MS = 20_000

/** How long a proof of who one is counts for what is sensitive. */
const FRESH_MS = 15 * 60_000
const PRUNE_AT_ONCE = 1_000
const USER_AGENT_LENGTH = 200

export type SessionRow = typeof sessions.$inferSelect
export type SessionKind = 'person' | 'client' | 'api_key'

export interface Tokens {
  accessToken: string
  /** Absent for a client that acts with its own credentials. */
  refreshToken: string | undefined
  /** Seconds until the access token expires. */
  expiresIn: number
}

/** A session as a unit leaves it; its access token is signed after the commit. */
export interface OpenedSession {
  id: string
  user: User
  refreshToken: string | undefined
  clientId: string | undefined
  scopes: string[] | undefined
  restricted: boolean
}

/** Where a request came from, for the person to recognize it. */
export interface Origin {
  address: string
  userAgent: string
}

export interface OpenOptions {
  kind?: SessionKind
  clientId?: string
  /** The most that it may do; absent: all that the role may. */
  scopes?: string[]
  restricted?: boolean
  methods: readonly string[]
  /** When the methods were shown; now, unless an application is let in on an earlier proof. */
  verifiedAt?: number
  deviceId?: string
  origin?: Origin | undefined
  expiresAt?: number
  refreshable?: boolean
}

export interface RevokeOptions {
  /** The session that stays. */
  except?: string | undefined
  /** API keys stay. */
  keepKeys?: boolean
}

/** What a token stands for, and until when that may be remembered. */
interface Named {
  sessionId: string
  until: number
  /** The role that it was made for; another one since then ends it. */
  role?: string
}

export interface Sessions {
  open(tx: Tx, user: User, options: OpenOptions): Promise<OpenedSession>
  tokens(session: OpenedSession): Promise<Tokens>
  /** `clientId` must be the one that the session was opened for; none for a person’s own. */
  refresh(
    refreshToken: string,
    address: string,
    clientId?: string,
  ): Promise<Result<OpenedSession, 'refresh_token_invalid'>>
  /** Ends the session that the refresh token belongs to; a token that is none ends nothing. */
  close(refreshToken: string, address: string): Promise<void>
  find(sessionId: string): Promise<SessionRow | undefined>
  /** Whether what was begun in the session may go on: it is open, its person active, and the scope still theirs. */
  mayGoOn(sessionId: string, scope: string): Promise<boolean>
  /** Within a unit: the session, if it is open. */
  openIn(tx: Tx, sessionId: string): Promise<SessionRow | undefined>
  /** By a refresh token that was not used yet. */
  byRefreshToken(refreshToken: string): Promise<SessionRow | undefined>
  byAccessToken(accessToken: string): Promise<SessionRow | undefined>
  /** From when to when an access token counts, in seconds since 1970; nothing for what is none. */
  lifeOf(accessToken: string): Promise<{ iat: number; exp: number } | undefined>
  /** Those that are open, the latest used first. */
  list(userId: string): Promise<SessionRow[]>
  revoke(tx: Tx, sessionIds: string[], reason: string): Promise<void>
  revokeAll(tx: Tx, userId: string, reason: string, options?: RevokeOptions): Promise<void>
  /** Ends what an OAuth client was let into: by one person, or by all. */
  revokeOfClient(tx: Tx, clientId: string, reason: string, userId?: string): Promise<void>
  /** Notes that the person has proved anew who they are. */
  prove(tx: Tx, sessionId: string, methods: readonly string[]): Promise<void>
  /** Lifts what restricted the session, now that a second factor was shown in it; not in others, which showed none. */
  unrestrict(tx: Tx, sessionId: string): Promise<void>
  isFresh(sessionId: string): Promise<boolean>
  authenticate(accessToken: string): Principal | undefined | Promise<Principal | undefined>
  /** The same for a token of another sort, which `resolve` knows. */
  authenticateAs(
    token: string,
    resolve: (token: string) => Promise<Named | undefined>,
  ): Principal | undefined | Promise<Principal | undefined>
  /** Deletes what ended before the moment; answers how many sessions. */
  prune(before: number): Promise<number>
}

export interface SessionParts {
  users: Users
  events: Events
  audit: Audit
  accessTokens: AccessTokens
}

export function createSessions(runtime: Runtime, { users, events, audit, accessTokens }: SessionParts): Sessions {
  const { store, clock, newId, random, keyring } = runtime
  const known = createKnownTokens(runtime)

  async function addRefreshToken(tx: Tx, sessionId: string): Promise<string> {
    const token = newToken(random)
    await tx
      .insert(refreshTokens)
      .values({ hash: hashOfToken(token), sessionId, createdAt: clock(), usedAt: null, successor: null })
    return token
  }

  async function change(tx: Tx, sessionIds: string[], changes: Partial<SessionRow>): Promise<void> {
    if (sessionIds.length === 0) return
    await tx
      .update(sessions)
      .set({ ...changes, changedAt: clock() })
      .where(and(inArray(sessions.id, sessionIds), isNull(sessions.revokedAt)))
    known.changed(sessionIds)
  }

  const revoke = (tx: Tx, sessionIds: string[], reason: string) =>
    change(tx, sessionIds, { revokedAt: clock(), revokedFor: reason })

  async function find(sessionId: string): Promise<SessionRow | undefined> {
    const [session] = await store.read.select().from(sessions).where(eq(sessions.id, sessionId))
    return session
  }

  const isOpen = (session: SessionRow | undefined): session is SessionRow =>
    session !== undefined && session.revokedAt === null && session.expiresAt > clock()

  async function mayGoOn(sessionId: string, scope: string): Promise<boolean> {
    const session = await find(sessionId)
    const user = isOpen(session) ? await users.byId(session.userId) : undefined
    return isOpen(session) && user?.status === 'active' && allowed(session, user.role).has(scope)
  }

  async function nameOf(token: string): Promise<Named | undefined> {
    const claims = await accessTokens.verify(token)
    return claims && { sessionId: claims.sid, until: claims.exp * 1000, role: claims.role }
  }

  async function verify(
    token: string,
    resolve: (token: string) => Promise<Named | undefined>,
  ): Promise<Principal | undefined> {
    const named = await resolve(token)
    const session = named && (await find(named.sessionId))
    if (!named || !isOpen(session)) return undefined
    const user = await users.byId(session.userId)
    if (user?.status !== 'active' || user.role !== (named.role ?? user.role)) return undefined
    const principal: Principal = {
      userId: user.id,
      sessionId: session.id,
      role: user.role,
      scopes: allowed(session, user.role),
      restricted: session.restricted,
    }
    known.remember(token, principal, Math.min(named.until, session.expiresAt))
    return principal
  }

  const authenticateAs: Sessions['authenticateAs'] = (token, resolve) =>
    known.principalOf(token, (unknown) => verify(unknown, resolve))

  const opened = (session: SessionRow, user: User, refreshToken: string | undefined): OpenedSession => ({
    id: session.id,
    user,
    refreshToken,
    clientId: session.clientId ?? undefined,
    scopes: (session.scopes as string[] | null) ?? undefined,
    restricted: session.restricted,
  })

  /** A token that was used before: the same successor within the grace, the end of the session after it. */
  async function reused(
    tx: Tx,
    used: typeof refreshTokens.$inferSelect & { usedAt: number },
    session: SessionRow,
    user: User,
    address: string,
  ): Promise<Result<OpenedSession, 'refresh_token_invalid'>> {
    if (used.successor !== null && clock() - used.usedAt <= REUSE_GRACE_MS) {
      return ok(opened(session, user, keyring.open('refresh-successor', used.successor)))
    }
    await revoke(tx, [used.sessionId], 'refresh_token_reused')
    await audit(tx, {
      actor: user.id,
      action: 'session.refresh_reused',
      subject: user.id,
      outcome: 'refused',
      address,
      detail: { sessionId: session.id, clientId: session.clientId },
    })
    await events.append(tx, sessionsRevoked, user.id, { userId: user.id, reason: 'refresh_token_reused' })
    return fail('refresh_token_invalid')
  }

  async function tokenRow(tx: Tx, refreshToken: string) {
    const hash = hashOfToken(refreshToken)
    const [row] = await forUpdate(tx.select().from(refreshTokens).where(eq(refreshTokens.hash, hash)))
    return row
  }

  return {
    async open(tx, user, options) {
      const now = clock()
      const { kind = 'person', origin, refreshable = true } = options
      const row: SessionRow = {
        id: newId('ses'),
        userId: user.id,
        createdAt: now,
        expiresAt: options.expiresAt ?? now + SESSION_LIFETIME_MS,
        revokedAt: null,
        revokedFor: null,
        kind,
        clientId: options.clientId ?? null,
        scopes: options.scopes ?? null,
        restricted: options.restricted ?? false,
        methods: options.methods,
        verifiedAt: options.verifiedAt ?? now,
        deviceId: options.deviceId ?? null,
        address: origin?.address ?? null,
        userAgent: origin?.userAgent.slice(0, USER_AGENT_LENGTH) ?? null,
        lastUsedAt: now,
        changedAt: 0,
      }
      await tx.insert(sessions).values(row)
      return opened(row, user, refreshable ? await addRefreshToken(tx, row.id) : undefined)
    },

    async tokens({ id, user, refreshToken, clientId, scopes: granted }) {
      const accessToken = await accessTokens.sign({
        sessionId: id,
        userId: user.id,
        role: user.role,
        clientId,
        scope: granted?.join(' '),
      })
      return { accessToken, refreshToken, expiresIn: ACCESS_LIFETIME_S }
    },

    refresh: (refreshToken, address, clientId) =>
      store.write(async (tx): Promise<Result<OpenedSession, 'refresh_token_invalid'>> => {
        const token = await tokenRow(tx, refreshToken)
        if (!token) return fail('refresh_token_invalid')
        const [session] = await tx.select().from(sessions).where(eq(sessions.id, token.sessionId))
        if (!isOpen(session) || session.clientId !== (clientId ?? null)) return fail('refresh_token_invalid')
        const user = await users.byIdIn(tx, session.userId)
        if (user?.status !== 'active') return fail('refresh_token_invalid')
        if (token.usedAt !== null) return reused(tx, { ...token, usedAt: token.usedAt }, session, user, address)
        const successor = await addRefreshToken(tx, session.id)
        await tx
          .update(refreshTokens)
          .set({ usedAt: clock(), successor: keyring.seal('refresh-successor', successor) })
          .where(eq(refreshTokens.hash, token.hash))
        await tx.update(sessions).set({ lastUsedAt: clock(), address }).where(eq(sessions.id, session.id))
        return ok(opened(session, user, successor))
      }),

    close: (refreshToken, address) =>
      store.write(async (tx) => {
        const token = await tokenRow(tx, refreshToken)
        const [session] = token ? await tx.select().from(sessions).where(eq(sessions.id, token.sessionId)) : []
        if (!session) return
        await revoke(tx, [session.id], 'signed_out')
        const { userId } = session
        const detail = { sessionId: session.id }
        await audit(tx, { actor: userId, action: 'session.end', subject: userId, outcome: 'allowed', address, detail })
      }),

    find,
    mayGoOn,

    async openIn(tx, sessionId) {
      const [session] = await tx.select().from(sessions).where(eq(sessions.id, sessionId))
      return isOpen(session) ? session : undefined
    },

    async byRefreshToken(refreshToken) {
      const [token] = await store.read
        .select()
        .from(refreshTokens)
        .where(eq(refreshTokens.hash, hashOfToken(refreshToken)))
      return token && token.usedAt === null ? find(token.sessionId) : undefined
    },

    async byAccessToken(accessToken) {
      const named = await nameOf(accessToken)
      return named && find(named.sessionId)
    },

    lifeOf: (accessToken) => accessTokens.verify(accessToken),

    list: (userId) =>
      store.read
        .select()
        .from(sessions)
        .where(
          and(
            eq(sessions.userId, userId),
            isNull(sessions.revokedAt),
            gt(sessions.expiresAt, clock()),
            ne(sessions.kind, 'api_key'),
          ),
        )
        .orderBy(desc(sessions.lastUsedAt), desc(sessions.id)),

    revoke,

    async revokeAll(tx, userId, reason, { except, keepKeys = false } = {}) {
      const open = await tx
        .select({ id: sessions.id, kind: sessions.kind })
        .from(sessions)
        .where(and(eq(sessions.userId, userId), isNull(sessions.revokedAt)))
      const ids = open.filter(({ id, kind }) => id !== except && !(keepKeys && kind === 'api_key')).map(({ id }) => id)
      await revoke(tx, ids, reason)
    },

    async revokeOfClient(tx, clientId, reason, userId) {
      const open = await tx
        .select({ id: sessions.id })
        .from(sessions)
        .where(
          and(
            eq(sessions.clientId, clientId),
            isNull(sessions.revokedAt),
            userId === undefined ? undefined : eq(sessions.userId, userId),
          ),
        )
      await revoke(
        tx,
        open.map(({ id }) => id),
        reason,
      )
    },

    async prove(tx, sessionId, methods) {
      const [session] = await tx.select().from(sessions).where(eq(sessions.id, sessionId))
      if (!session) return
      const all = [...new Set([...(session.methods as string[]), ...methods])]
      await tx.update(sessions).set({ verifiedAt: clock(), methods: all }).where(eq(sessions.id, sessionId))
    },

    async unrestrict(tx, sessionId) {
      const [session] = await tx.select().from(sessions).where(eq(sessions.id, sessionId))
      if (session?.restricted) await change(tx, [sessionId], { restricted: false })
    },

    async isFresh(sessionId) {
      const session = await find(sessionId)
      return session !== undefined && clock() - session.verifiedAt <= FRESH_MS
    },

    authenticate: (token) => authenticateAs(token, nameOf),
    authenticateAs,

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

/** What the session allows: never more than the role does today. */
function allowed(session: SessionRow, role: string): ReadonlySet<string> {
  const granted = session.scopes === null ? undefined : new Set(session.scopes as string[])
  const ofRole = scopesOf(role)
  if (granted === undefined && !session.restricted) return ofRole
  const fits = (scope: string) =>
    (granted === undefined || granted.has(scope)) && (!session.restricted || ENROLMENT.has(scope))
  const openId = Object.keys(openIdScopes).filter((scope) => granted?.has(scope))
  return new Set([...[...ofRole].filter(fits), ...openId])
}
