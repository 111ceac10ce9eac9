/** The waiting list, for whoever waits. */
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import { principalOf } from '../../../platform/http/context'
import type { Idempotency } from '../../../platform/http/idempotency'
import { pageOfRows } from '../../../platform/http/page'
import { problems, unwrap } from '../../../platform/http/problem'
import type { RouteWords } from '../../../platform/http/route'
import { appointmentFailures } from '../failures'
import { waitBody, waitModel, waitParams, waitsModel } from '../model/appointments'
import { pagedQuery } from '../model/setup'
import type { Appointments } from '../service'
import { TAG } from './hands'

const scopes = ['appointments:book'] as const

export function waitingRoutes({ waiting, changes }: Appointments, { route }: RouteWords, idempotency: Idempotency) {
  return new Elysia({ name: 'appointments-waiting', normalize: false })
    .post(
      '/appointments/waiting',
      async ({ body, request, set }) => {
        const { userId } = principalOf(request)
        const result = await idempotency.run(request, body, (write) => waiting.join(userId, body, write))
        set.status = 201
        return unwrap(result, appointmentFailures)
      },
      {
        ...route({
          scopes,
          tag: TAG,
          summary: 'Wait for a place',
          description:
            'Between two dates where the service is. The first in line whom a place fits is offered it, until `offeredUntil`. Who accepts or declines has left the line; who does not answer goes to the end of the line, and leaves it the second time.',
          idempotent: true,
        }),
        body: waitBody,
        response: {
          201: waitModel,
          ...problems(
            appointmentFailures,
            'own_service',
            'service_not_found',
            'staff_not_found',
            'service_inactive',
            'wait_present',
            'too_many_waits',
            'span_invalid',
            'staff_not_for_service',
          ),
        },
      },
    )
    .get(
      '/appointments/waiting',
      ({ query, request }) =>
        pageOfRows(query, 'wtl', (limit, before) => waiting.list(principalOf(request).userId, limit, before)),
      {
        ...route({ scopes, tag: TAG, summary: 'What I wait for, newest first' }),
        query: pagedQuery,
        response: { 200: waitsModel },
      },
    )
    .delete(
      '/appointments/waiting/:waitId',
      async ({ params, request, set }) => {
        unwrap(await changes.leave(principalOf(request).userId, params.waitId), appointmentFailures)
        set.status = 204
      },
      {
        ...route({
          scopes,
          tag: TAG,
          summary: 'Wait no longer',
          description: 'A place that is offered on this list is declined with it.',
        }),
        params: waitParams,
        response: { 204: Type.Void(), ...problems(appointmentFailures, 'wait_not_found') },
      },
    )
}
