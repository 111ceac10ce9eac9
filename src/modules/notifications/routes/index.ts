/** Notifications over HTTP, put together. */
import { Elysia } from 'elysia'
import type { Notifications } from '../service'
import type { NotificationHands } from './hands'
import { personRoutes } from './person'
import { sendingRoutes } from './sending'
import { suppressionRoutes } from './suppressions'
import { templateRoutes } from './templates'

export { devInboxRoutes } from './dev-inbox'
export type { NotificationHands } from './hands'
export { outsideRoutes, RECEIPTS_PATH, receiptGate, UNSUBSCRIBE_PATH } from './outside'

export function notificationRoutes(notifications: Notifications, hands: NotificationHands) {
  return new Elysia({ name: 'notifications', normalize: false })
    .use(sendingRoutes(notifications, hands))
    .use(templateRoutes(notifications, hands))
    .use(suppressionRoutes(notifications, hands))
    .use(personRoutes(notifications, hands))
}
