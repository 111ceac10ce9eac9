/** What can be booked, for anybody who is signed in. */
import { Elysia } from 'elysia'
import { principalOf } from '../../../platform/http/context'
import { pageOfRows } from '../../../platform/http/page'
import { httpProblem, problems, unwrap } from '../../../platform/http/problem'
import type { RouteWords } from '../../../platform/http/route'
import type { Scope } from '../../identity'
import { appointmentFailures } from '../failures'
import {
  pagedQuery,
  reviewsModel,
  reviewsQuery,
  serviceModel,
  serviceParams,
  servicesModel,
  slotsModel,
  slotsQuery,
  staffListModel,
} from '../model/setup'
import type { Appointments } from '../service'
import { TAG } from './hands'

const SETS_UP: Scope = 'appointments:setup'

export function catalogueRoutes({ services, staff, slots, reviews }: Appointments, { route }: RouteWords) {
  /** Whoever sets the place up sees what is switched off or hidden, too. */
  const setsUp = (request: Request) => principalOf(request).scopes.has(SETS_UP)

  return new Elysia({ name: 'appointments-catalogue', normalize: false })
    .get(
      '/appointments/services',
      ({ query, request }) =>
        pageOfRows(query, 'svc', (limit, after) => services.list({ limit, after, inactive: setsUp(request) })),
      {
        ...route({
          scopes: ['appointments:read'],
          tag: TAG,
          summary: 'What can be booked',
          description: 'With the mean and the number of the reviews. An operator sees inactive services, too.',
        }),
        query: pagedQuery,
        response: { 200: servicesModel },
      },
    )
    .get(
      '/appointments/services/:serviceId',
      async ({ params, request }) =>
        unwrap(await services.get(params.serviceId, { inactive: setsUp(request) }), appointmentFailures),
      {
        ...route({ scopes: ['appointments:read'], tag: TAG, summary: 'One service' }),
        params: serviceParams,
        response: { 200: serviceModel, ...problems(appointmentFailures, 'service_not_found') },
      },
    )
    .get(
      '/appointments/services/:serviceId/slots',
      async ({ params, query }) =>
        unwrap(await slots.free({ serviceId: params.serviceId, ...query }), appointmentFailures),
      {
        ...route({
          scopes: ['appointments:read'],
          tag: TAG,
          summary: 'Free places',
          description: 'Between two dates where the service is, both included, 31 days at the most.',
        }),
        params: serviceParams,
        query: slotsQuery,
        response: {
          200: slotsModel,
          ...problems(
            appointmentFailures,
            'service_not_found',
            'staff_not_found',
            'service_inactive',
            'span_invalid',
            'staff_not_for_service',
          ),
        },
      },
    )
    .get(
      '/appointments/services/:serviceId/reviews',
      ({ params, query, request }) => {
        const hidden = query.hidden === 'true'
        if (hidden && !setsUp(request))
          throw httpProblem('insufficient_scope', `Hidden reviews need the scope ${SETS_UP}.`, { required: [SETS_UP] })
        return pageOfRows(query, 'rev', (limit, before) => reviews.list(params.serviceId, { limit, before, hidden }))
      },
      {
        ...route({
          scopes: ['appointments:read'],
          tag: TAG,
          summary: 'What people thought of it, newest first',
          description: 'An operator sees those that are hidden, too, with `hidden=true`.',
        }),
        params: serviceParams,
        query: reviewsQuery,
        response: { 200: reviewsModel },
      },
    )
    .get(
      '/appointments/staff',
      ({ query, request }) =>
        pageOfRows(query, 'stf', (limit, after) => staff.list({ limit, after, inactive: setsUp(request) })),
      {
        ...route({ scopes: ['appointments:read'], tag: TAG, summary: 'Who does what' }),
        query: pagedQuery,
        response: { 200: staffListModel },
      },
    )
}
