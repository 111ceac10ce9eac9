/** Setting the place up: services, staff, opening hours, closures, and what is said of them in public. */
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import { decodeCursor, limitOf, pageFrom } from '../../../platform/http/page'
import { problems, unwrap } from '../../../platform/http/problem'
import type { RouteWords } from '../../../platform/http/route'
import { type Identity, notedBy } from '../../identity'
import { appointmentFailures } from '../failures'
import {
  closureModel,
  closureParams,
  closuresModel,
  closuresQuery,
  hideBody,
  hoursBody,
  newClosureBody,
  newServiceBody,
  newStaffBody,
  reviewModel,
  reviewParams,
  serviceBody,
  serviceModel,
  serviceParams,
  staffBody,
  staffModel,
  staffParams,
} from '../model/setup'
import type { Appointments } from '../service'
import { TAG } from './hands'

const scopes = ['appointments:setup'] as const
const CLOSURE_POSITION = /^\d{4}-\d{2}-\d{2} cls_[0-9a-z]{20}$/
const EARLIEST = '0000-00-00'

export function setupRoutes(
  { services, staff, closures, reviews }: Appointments,
  identity: Identity,
  { route }: RouteWords,
) {
  const noted = notedBy(identity)

  return new Elysia({ name: 'appointments-setup', normalize: false })
    .post(
      '/appointments/services',
      async ({ body, request, set }) => {
        set.status = 201
        return unwrap(await services.create(body, noted(request)), appointmentFailures)
      },
      {
        ...route({ scopes, tag: TAG, summary: 'Offer a service' }),
        body: newServiceBody,
        response: {
          201: serviceModel,
          ...problems(appointmentFailures, 'service_deposit_above_price', 'payee_unfit', 'reminder_name_repeated'),
        },
      },
    )
    .patch(
      '/appointments/services/:serviceId',
      async ({ params, body, request }) =>
        unwrap(await services.change(params.serviceId, body, noted(request)), appointmentFailures),
      {
        ...route({
          scopes,
          tag: TAG,
          summary: 'Change a service, or switch it off',
          description:
            'What is booked stays as it was promised. More capacity, and a service that can be booked again, are offered to whoever waits.',
        }),
        params: serviceParams,
        body: serviceBody,
        response: {
          200: serviceModel,
          ...problems(
            appointmentFailures,
            'service_not_found',
            'service_deposit_above_price',
            'service_currency_fixed',
            'payee_unfit',
            'reminder_name_repeated',
          ),
        },
      },
    )
    .post(
      '/appointments/staff',
      async ({ body, request, set }) => {
        set.status = 201
        return unwrap(await staff.create(body, noted(request)), appointmentFailures)
      },
      {
        ...route({
          scopes,
          tag: TAG,
          summary: 'Add a member of staff',
          description: 'With a `userId` they sign in and run their own appointments.',
        }),
        body: newStaffBody,
        response: {
          201: staffModel,
          ...problems(appointmentFailures, 'service_not_found', 'staff_user_taken', 'staff_user_unfit'),
        },
      },
    )
    .get(
      '/appointments/staff/:staffId',
      async ({ params }) => unwrap(await staff.get(params.staffId), appointmentFailures),
      {
        ...route({ scopes, tag: TAG, summary: 'One member of staff, with opening hours' }),
        params: staffParams,
        response: { 200: staffModel, ...problems(appointmentFailures, 'staff_not_found') },
      },
    )
    .patch(
      '/appointments/staff/:staffId',
      async ({ params, body, request }) =>
        unwrap(await staff.change(params.staffId, body, noted(request)), appointmentFailures),
      {
        ...route({ scopes, tag: TAG, summary: 'Change a member of staff' }),
        params: staffParams,
        body: staffBody,
        response: {
          200: staffModel,
          ...problems(
            appointmentFailures,
            'staff_not_found',
            'service_not_found',
            'staff_user_taken',
            'staff_user_unfit',
          ),
        },
      },
    )
    .put(
      '/appointments/staff/:staffId/hours',
      async ({ params, body, request }) =>
        unwrap(await staff.setHours(params.staffId, body.hours, noted(request)), appointmentFailures),
      {
        ...route({
          scopes,
          tag: TAG,
          summary: 'Set the opening hours of a week',
          description: 'Several a day, none overnight. They take the place of those before.',
        }),
        params: staffParams,
        body: hoursBody,
        response: { 200: staffModel, ...problems(appointmentFailures, 'staff_not_found', 'hours_invalid') },
      },
    )
    .get(
      '/appointments/closures',
      async ({ query }) => {
        const limit = limitOf(query)
        const after = decodeCursor(query.cursor, CLOSURE_POSITION)
        const rows = await closures.list({ from: query.from ?? EARLIEST, limit: limit + 1, after })
        return pageFrom(rows, limit, ({ toDate, id }) => `${toDate} ${id}`)
      },
      {
        ...route({
          scopes,
          tag: TAG,
          summary: 'Holidays and closures, by their last day',
          description: 'Those that are not over on the date `from`.',
        }),
        query: closuresQuery,
        response: { 200: closuresModel },
      },
    )
    .post(
      '/appointments/closures',
      async ({ body, request, set }) => {
        set.status = 201
        return unwrap(await closures.create(body, noted(request)), appointmentFailures)
      },
      {
        ...route({
          scopes,
          tag: TAG,
          summary: 'Close the place, or one member of staff',
          description: 'For days, or for a part of each. Appointments that lie in it stay until they are moved.',
        }),
        body: newClosureBody,
        response: {
          201: closureModel,
          ...problems(appointmentFailures, 'staff_not_found', 'too_many_closures', 'closure_invalid'),
        },
      },
    )
    .delete(
      '/appointments/closures/:closureId',
      async ({ params, request, set }) => {
        unwrap(await closures.remove(params.closureId, noted(request)), appointmentFailures)
        set.status = 204
      },
      {
        ...route({ scopes, tag: TAG, summary: 'Open again' }),
        params: closureParams,
        response: { 204: Type.Void(), ...problems(appointmentFailures, 'closure_not_found') },
      },
    )
    .put(
      '/appointments/reviews/:reviewId/hidden',
      async ({ params, body, request }) =>
        unwrap(await reviews.hide(params.reviewId, body.hidden, noted(request)), appointmentFailures),
      {
        ...route({
          scopes,
          tag: TAG,
          summary: 'Hide a review, or show it again',
          description: 'A hidden one counts in no mean. It is noted who did it.',
        }),
        params: reviewParams,
        body: hideBody,
        response: { 200: reviewModel, ...problems(appointmentFailures, 'review_not_found') },
      },
    )
}
