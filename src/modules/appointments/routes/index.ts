/** Appointments over HTTP, in the order in which one reads them: what there is, one’s own, the desk, setting up. */
import { Elysia } from 'elysia'
import type { Idempotency } from '../../../platform/http/idempotency'
import type { RouteWords } from '../../../platform/http/route'
import type { Appointments } from '../service'
import { catalogueRoutes } from './catalogue'
import { deskRoutes } from './desk'
import { feedRoutes } from './feeds'
import { ownRoutes } from './own'
import { setupRoutes } from './setup'
import { waitingRoutes } from './waiting'

export function appointmentRoutes(appointments: Appointments, words: RouteWords, idempotency: Idempotency) {
  return new Elysia({ name: 'appointments', normalize: false })
    .use(catalogueRoutes(appointments, words))
    .use(ownRoutes(appointments, words, idempotency))
    .use(waitingRoutes(appointments, words, idempotency))
    .use(feedRoutes(appointments, words))
    .use(deskRoutes(appointments, words, idempotency))
    .use(setupRoutes(appointments, words))
}
