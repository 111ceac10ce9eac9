/** The log of decisions about people: who, what, whom, from where, when, and how it ended. It is only ever added to. */
import { and, desc, eq, gte, like, lt } from 'drizzle-orm'
import type { Tx } from '../../../platform/db'
import { firstIdAt } from '../../../platform/ids'
import type { Runtime } from '../../../platform/runtime'
import { auditLog } from '../schema'

export interface AuditEntry {
  actor: string
  action: string
  subject: string
  outcome: 'allowed' | 'refused'
  address?: string | undefined
  detail?: Record<string, unknown>
}

export type Audit = (tx: Tx, entry: AuditEntry) => Promise<void>

/** Writes a decision of whoever is asking, from where they ask, in the transaction of what was decided. */
export type Noted = (tx: Tx, action: string, subject: string, detail?: Record<string, unknown>) => Promise<void>

export type AuditRow = typeof auditLog.$inferSelect

export interface AuditFilter {
  actor?: string | undefined
  subject?: string | undefined
  /** An action, or the beginning of several: `session.` finds `session.login` and the rest. */
  action?: string | undefined
  outcome?: 'allowed' | 'refused' | undefined
  /** Milliseconds since 1970: from this moment on, and before that one. */
  from?: number | undefined
  to?: number | undefined
  limit: number
  /** The id of the last row of the page before. */
  after?: string | undefined
}

export interface AuditLog {
  audit: Audit
  /** Newest first. */
  search(filter: AuditFilter): Promise<AuditRow[]>
}

export function createAuditLog({ store, clock, newId }: Runtime): AuditLog {
  return {
    async audit(tx, { actor, action, subject, outcome, address, detail = {} }) {
      await tx
        .insert(auditLog)
        .values({ id: newId('aud'), at: clock(), actor, action, subject, outcome, address: address ?? null, detail })
    },

    search: ({ actor, subject, action, outcome, from, to, limit, after }) =>
      store.read
        .select()
        .from(auditLog)
        .where(
          and(
            actor === undefined ? undefined : eq(auditLog.actor, actor),
            subject === undefined ? undefined : eq(auditLog.subject, subject),
            action === undefined ? undefined : like(auditLog.action, `${action.replaceAll('%', '')}%`),
            outcome === undefined ? undefined : eq(auditLog.outcome, outcome),
            from === undefined ? undefined : gte(auditLog.id, firstIdAt('aud', from)),
            to === undefined ? undefined : lt(auditLog.id, firstIdAt('aud', to)),
            after === undefined ? undefined : lt(auditLog.id, after),
          ),
        )
        .orderBy(desc(auditLog.id))
        .limit(limit),
  }
}
