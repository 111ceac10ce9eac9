/** The log of decisions about people: who, what, whom, from where, when, and how it ended. */
import type { Tx } from '../../../platform/db'
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

export function createAudit({ clock, newId }: Runtime): Audit {
  return async (tx, { actor, action, subject, outcome, address, detail = {} }) => {
    await tx
      .insert(auditLog)
      .values({ id: newId('aud'), at: clock(), actor, action, subject, outcome, address: address ?? null, detail })
  }
}
