/**
 * Tokens that were verified before: verifying one costs as much as the rest of a small request. A session that changes
 * or ends takes its tokens out at once, in this copy within the unit that changes it; other copies on the same database
 * ask once a second what has changed.
 */
import { gt } from 'drizzle-orm'
import type { Principal } from '../../../platform/http/context'
import type { Runtime } from '../../../platform/runtime'
import { sessions } from '../schema'
import { ACCESS_LIFETIME_S } from './access-tokens'

const REMEMBERED_LIMIT = 20_000
const ASK_EVERY_MS = 1_000
/** Copies' clocks and slow commits may differ by this much. */
const ASK_BACK_MS = 60_000

export interface KnownTokens {
  /** Who it is, from memory or else by `verify`. */
  principalOf(
    token: string,
    verify: (token: string) => Promise<Principal | undefined>,
  ): Principal | undefined | Promise<Principal | undefined>
  /** Not while its session is being changed: the change may not be committed yet. */
  remember(token: string, principal: Principal, until: number): void
  /** Within the unit that changes the sessions. */
  changed(sessionIds: readonly string[]): void
}

export function createKnownTokens({ store, clock }: Runtime): KnownTokens {
  const remembered = new Map<string, { principal: Principal; until: number }>()
  /** Sessions that a unit has lately changed, perhaps not yet committed: their tokens are looked up each time. */
  const distrusted = new Map<string, number>()
  let askedAt = 0
  let asking: Promise<void> | undefined

  function forget(sessionIds: ReadonlySet<string>): void {
    for (const [token, { principal }] of remembered) if (sessionIds.has(principal.sessionId)) remembered.delete(token)
  }

  function distrust(sessionId: string): void {
    const now = clock()
    for (const [id, since] of distrusted) {
      if (now - since < ACCESS_LIFETIME_S * 1000) break
      distrusted.delete(id)
    }
    distrusted.set(sessionId, now)
  }

  /** Forgets what other copies have changed; one question a second for all tokens together. */
  function ask(): Promise<void> {
    asking ??= (async () => {
      const now = clock()
      const changed = await store.read
        .select({ id: sessions.id })
        .from(sessions)
        .where(gt(sessions.changedAt, now - ASK_BACK_MS))
      if (changed.length > 0) forget(new Set(changed.map(({ id }) => id)))
      askedAt = now
    })().finally(() => {
      asking = undefined
    })
    return asking
  }

  function recall(token: string): Principal | undefined {
    const entry = remembered.get(token)
    if (entry && entry.until > clock()) return entry.principal
    remembered.delete(token)
    return undefined
  }

  return {
    principalOf(token, verify) {
      if (store.engine === 'postgres' && clock() - askedAt > ASK_EVERY_MS) {
        return ask().then(() => recall(token) ?? verify(token))
      }
      return recall(token) ?? verify(token)
    },

    remember(token, principal, until) {
      if (distrusted.has(principal.sessionId)) return
      const oldest = remembered.size >= REMEMBERED_LIMIT ? remembered.keys().next().value : undefined
      if (oldest !== undefined) remembered.delete(oldest)
      remembered.set(token, { principal, until })
    },

    changed(sessionIds) {
      for (const id of sessionIds) distrust(id)
      forget(new Set(sessionIds))
    },
  }
}
