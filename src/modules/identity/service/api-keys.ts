/**
 * Long-lived keys for scripts. A key is random, kept as a hash, named, limited to scopes of its owner, and expires. Each
 * stands on a session of its own: revoking the key, freezing its owner and resetting a password all end that session.
 */
import { and, desc, eq, gt, isNull } from 'drizzle-orm'
import type { Events } from '../../../platform/events'
import { iso, isoOrNull } from '../../../platform/moment'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import { hashOfToken, newToken } from '../../../platform/security/tokens'
import { securityChanged } from '../events'
import { grantableTo } from '../roles'
import { apiKeys } from '../schema'
import type { Audit } from './audit'
import type { Sessions } from './sessions'
import type { User } from './users'

export const API_KEY_PREFIX = 'kmb_'
const HINT_LENGTH = API_KEY_PREFIX.length + 6
const MOST_KEPT = 50
/** How stale the moment of last use may be. */
const USE_NOTED_EVERY_MS = 60_000

export interface ApiKeyView {
  id: string
  name: string
  hint: string
  scopes: string[]
  createdAt: string
  expiresAt: string
  lastUsedAt: string | null
}

type MakeCode = 'scope_not_grantable' | 'too_many'

export interface ApiKeys {
  /** The key itself is shown this once. */
  make(
    user: User,
    input: { name: string; scopes: string[]; expiresAt: number },
    address: string,
  ): Promise<Result<ApiKeyView & { key: string }, MakeCode>>
  list(userId: string): Promise<ApiKeyView[]>
  revoke(userId: string, id: string, address: string): Promise<Result<true, 'api_key_not_found'>>
  authenticate: Sessions['authenticate']
}

type Row = typeof apiKeys.$inferSelect

export function createApiKeys(
  { store, clock, newId, random, log }: Runtime,
  { sessions, events, audit }: { sessions: Sessions; events: Events; audit: Audit },
): ApiKeys {
  async function resolve(key: string) {
    const [row] = await store.read
      .select()
      .from(apiKeys)
      .where(and(eq(apiKeys.hash, hashOfToken(key)), isNull(apiKeys.revokedAt)))
    if (!row || row.expiresAt <= clock()) return undefined
    noteUse(row.id)
    return { sessionId: row.sessionId, until: clock() + USE_NOTED_EVERY_MS }
  }

  /** Nobody waits for it, and nothing depends on it. */
  function noteUse(id: string): void {
    void store
      .write(async (tx) => {
        await tx.update(apiKeys).set({ lastUsedAt: clock() }).where(eq(apiKeys.id, id))
      })
      .catch((error) => log.warn({ error }, 'the use of an API key could not be noted'))
  }

  const open = (userId: string) =>
    and(eq(apiKeys.userId, userId), isNull(apiKeys.revokedAt), gt(apiKeys.expiresAt, clock()))

  async function view(row: Row): Promise<ApiKeyView> {
    const session = await sessions.find(row.sessionId)
    return {
      id: row.id,
      name: row.name,
      hint: row.hint,
      scopes: (session?.scopes as string[] | null) ?? [],
      createdAt: iso(row.createdAt),
      expiresAt: iso(row.expiresAt),
      lastUsedAt: isoOrNull(row.lastUsedAt),
    }
  }

  return {
    async make(user, { name, scopes, expiresAt }, address) {
      const grantable = grantableTo(user.role)
      const refused = scopes.filter((scope) => !grantable.includes(scope))
      if (refused.length > 0)
        return fail('scope_not_grantable', `You cannot hand on ${refused.join(' ')}.`, { grantable })
      const key = API_KEY_PREFIX + newToken(random)
      return store.write(async (tx): Promise<Result<ApiKeyView & { key: string }, MakeCode>> => {
        const others = await tx.select({ id: apiKeys.id }).from(apiKeys).where(open(user.id))
        if (others.length >= MOST_KEPT) return fail('too_many')
        const session = await sessions.open(tx, user, {
          kind: 'api_key',
          scopes,
          methods: [],
          expiresAt,
          refreshable: false,
        })
        const row: Row = {
          id: newId('key'),
          userId: user.id,
          sessionId: session.id,
          name,
          hash: hashOfToken(key),
          hint: key.slice(0, HINT_LENGTH),
          createdAt: clock(),
          expiresAt,
          lastUsedAt: null,
          revokedAt: null,
        }
        await tx.insert(apiKeys).values(row)
        const detail = { keyId: row.id, scopes }
        await audit(tx, {
          actor: user.id,
          action: 'api_key.make',
          subject: user.id,
          outcome: 'allowed',
          address,
          detail,
        })
        await events.append(tx, securityChanged, user.id, { userId: user.id, change: 'api_key_made' })
        const { id, hint } = row
        return ok({
          id,
          name,
          hint,
          scopes,
          createdAt: iso(row.createdAt),
          expiresAt: iso(expiresAt),
          lastUsedAt: null,
          key,
        })
      })
    },

    async list(userId) {
      const rows = await store.read.select().from(apiKeys).where(open(userId)).orderBy(desc(apiKeys.id))
      return Promise.all(rows.map(view))
    },

    revoke: (userId, id, address) =>
      store.write(async (tx): Promise<Result<true, 'api_key_not_found'>> => {
        const [row] = await tx
          .select()
          .from(apiKeys)
          .where(and(eq(apiKeys.id, id), open(userId)))
        if (!row) return fail('api_key_not_found')
        await tx.update(apiKeys).set({ revokedAt: clock() }).where(eq(apiKeys.id, id))
        await sessions.revoke(tx, [row.sessionId], 'api_key_revoked')
        const detail = { keyId: id }
        await audit(tx, {
          actor: userId,
          action: 'api_key.revoke',
          subject: userId,
          outcome: 'allowed',
          address,
          detail,
        })
        return ok(true)
      }),

    authenticate: (key) => sessions.authenticateAs(key, resolve),
  }
}
