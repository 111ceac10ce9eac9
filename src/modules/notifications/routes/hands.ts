/** What the routes of notifications share. */
import type { Idempotency } from '../../../platform/http/idempotency'
import type { RouteWords } from '../../../platform/http/route'
import type { Clock } from '../../../platform/ids'
import type { Identity } from '../../identity'

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
