/** What the routes of notifications share. */
import { contextOf, principalOf } from '../../../platform/http/context'
import type { Idempotency } from '../../../platform/http/idempotency'
import type { RouteWords } from '../../../platform/http/route'
import type { Clock } from '../../../platform/ids'
import type { Identity } from '../../identity'
import type { Noted } from '../service/catalogue'

export interface NotificationHands {
  words: RouteWords
  idempotency: Idempotency
  identity: Identity
  clock: Clock
  baseUrl: () => string
  /** The key by which browsers know us. */
  pushKey: string
}

export const TAG = 'Notifications'
export const OPERATOR_TAG = 'Messages'

/** Who decided it, and from where. */
export const notedBy =
  (identity: Identity) =>
  (request: Request): Noted =>
  (tx, action, subject, detail) =>
    identity.auditLog.audit(tx, {
      actor: principalOf(request).userId,
      action,
      subject,
      outcome: 'allowed',
      address: contextOf(request).address,
      ...(detail === undefined ? {} : { detail }),
    })
