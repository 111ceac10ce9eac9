/** Appointments over HTTP, in the order in which one reads them: what there is, one’s own, the desk, setting up. */
import { Elysia } from 'elysia'
import type { Idempotency } from '../../../platform/http/idempotency'
import type { RouteWords } from '../../../platform/http/route'
import type { Identity } from '../../identity'
import type { Appointments } from '../service'
import { catalogueRoutes } from './catalogue'
import { deskRoutes } from './desk'
import { feedRoutes } from './feeds'
import { ownRoutes } from './own'
import { setupRoutes } from './setup'
import { waitingRoutes } from './waiting'

interface Hands {
  words: RouteWords
  idempotency: Idempotency
  identity: Identity
}

export function appointmentRoutes(appointments: Appointments, { words, idempotency, identity }: Hands) {
  return new Elysia({ name: 'appointments', normalize: false })
    .use(catalogueRoutes(appointments, words))
    .use(ownRoutes(appointments, words, idempotency))
    .use(waitingRoutes(appointments, words, idempotency))
    .use(feedRoutes(appointments, words))
    .use(deskRoutes(appointments, words, idempotency))
    .use(setupRoutes(appointments, identity, words))
}
