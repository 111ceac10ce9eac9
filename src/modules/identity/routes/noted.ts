/** Who decided it, and from where. */
import { contextOf, principalOf } from '../../../platform/http/context'
import type { Identity } from '../service'
import type { Noted } from '../service/audit'

export const notedBy =
  ({ auditLog }: Pick<Identity, 'auditLog'>) =>
  (request: Request): Noted =>
  (tx, action, subject, detail) =>
    auditLog.audit(tx, {
      actor: principalOf(request).userId,
      action,
      subject,
      outcome: 'allowed',
      address: contextOf(request).address,
      ...(detail === undefined ? {} : { detail }),
    })
