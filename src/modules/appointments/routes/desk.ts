/** Appointments for those who run them: a member of staff, support, an operator. */
import { Elysia } from 'elysia'
import type { Idempotency } from '../../../platform/http/idempotency'
import { decodeCursor, limitOf, pageFrom } from '../../../platform/http/page'
import { problems, unwrap } from '../../../platform/http/problem'
import type { RouteWords } from '../../../platform/http/route'
import { appointmentFailures } from '../failures'
import {
  appointmentModel,
  appointmentParams,
  deskAppointmentModel,
  deskAppointmentsModel,
  deskCancelBody,
  deskQuery,
  moveBody,
} from '../model/appointments'
import type { Appointments } from '../service'
import { askerAs, onceBy, TAG } from './hands'
import { ENDED_STATES, PLACE_REFUSALS } from './refusals'

const scopes = ['appointments:manage'] as const
const asker = askerAs('desk')
const POSITION = /^\d{1,15} apt_[0-9a-z]{20}$/

/** What saying how an appointment went takes and answers. */
const concluding = {
  params: appointmentParams,
  response: {
    200: appointmentModel,
    ...problems(
      appointmentFailures,
      'appointment_not_yours_to_conclude',
      'appointment_not_found',
      'appointment_not_started',
      'appointment_offered',
      ...ENDED_STATES,
    ),
  },
}

export function deskRoutes({ changes, lists }: Appointments, { route }: RouteWords, idempotency: Idempotency) {
  const once = onceBy(idempotency)
  return new Elysia({ name: 'appointments-desk', normalize: false })
    .get(
      '/appointments/desk',
      async ({ query, request }) => {
        const { staffId, status, from, to, cursor } = query
        const limit = limitOf(query)
        const [at, id] = decodeCursor(cursor, POSITION)?.split(' ') ?? []
        const rows = await lists.desk(asker(request), {
          staffId,
          status,
          from: from === undefined ? undefined : Date.parse(from),
          to: to === undefined ? undefined : Date.parse(to),
          limit: limit + 1,
          after: at === undefined || id === undefined ? undefined : { startsAt: Number(at), id },
        })
        return pageFrom(rows, limit, (row) => `${Date.parse(row.startsAt)} ${row.id}`)
      },
      {
        ...route({
          scopes,
          tag: TAG,
          summary: 'Appointments that I run, by their start',
          description: 'A member of staff sees their own; support and operators see all.',
        }),
        query: deskQuery,
        response: { 200: deskAppointmentsModel },
      },
    )
    .get(
      '/appointments/desk/:appointmentId',
      async ({ params, request }) =>
        unwrap(await lists.deskGet(asker(request), params.appointmentId), appointmentFailures),
      {
        ...route({ scopes, tag: TAG, summary: 'One appointment that I run' }),
        params: appointmentParams,
        response: { 200: deskAppointmentModel, ...problems(appointmentFailures, 'appointment_not_found') },
      },
    )
    .post(
      '/appointments/desk/:appointmentId/move',
      ({ params, body, request }) =>
        once(request, body, (write) => changes.move(asker(request), params.appointmentId, body, write)),
      {
        ...route({
          scopes,
          tag: TAG,
          summary: 'Move an appointment for its customer',
          description:
            'Until it begins. The deposit stays as it is, and the customer can cancel without losing it until the new start. A member of staff moves it within their own diary.',
          idempotent: true,
        }),
        params: appointmentParams,
        body: moveBody,
        response: {
          200: appointmentModel,
          ...problems(
            appointmentFailures,
            'own_service',
            'staff_not_yours',
            'account_frozen',
            'appointment_not_found',
            'staff_not_found',
            'appointment_taken',
            'appointment_overlap',
            'appointment_closed',
            'appointment_outside_hours',
            'appointment_started',
            'appointment_offered',
            ...ENDED_STATES,
            ...PLACE_REFUSALS,
          ),
        },
      },
    )
    .post(
      '/appointments/desk/:appointmentId/cancel',
      ({ params, body, request }) =>
        once(request, body, (write) => changes.cancel(asker(request), params.appointmentId, body.reason, write)),
      {
        ...route({
          scopes,
          tag: TAG,
          summary: 'Cancel an appointment for the place',
          description: 'At any time; the deposit goes back.',
          idempotent: true,
        }),
        params: appointmentParams,
        body: deskCancelBody,
        response: {
          200: appointmentModel,
          ...problems(appointmentFailures, 'appointment_not_found', ...ENDED_STATES),
        },
      },
    )
    .post(
      '/appointments/desk/:appointmentId/complete',
      ({ params, request }) =>
        once(request, {}, (write) => changes.complete(asker(request), params.appointmentId, write)),
      {
        ...route({
          scopes,
          tag: TAG,
          summary: 'It took place',
          description: 'Once it has begun; said by whoever it was with, or by an operator. The deposit is paid out.',
          idempotent: true,
        }),
        ...concluding,
      },
    )
    .post(
      '/appointments/desk/:appointmentId/no-show',
      ({ params, request }) => once(request, {}, (write) => changes.miss(asker(request), params.appointmentId, write)),
      {
        ...route({
          scopes,
          tag: TAG,
          summary: 'The customer did not come',
          description:
            'Once it has begun; said by whoever it was with, or by an operator. The deposit is kept. What the customer has written of it is hidden if an operator says so.',
          idempotent: true,
        }),
        ...concluding,
      },
    )
    .post(
      '/appointments/desk/:appointmentId/refund',
      ({ params, request }) =>
        once(request, {}, (write) => changes.refund(asker(request), params.appointmentId, write)),
      {
        ...route({
          scopes: ['appointments:setup'],
          tag: TAG,
          summary: 'Give a deposit back that was kept',
          description: 'Once, whatever the appointment came to. It is taken back from whoever got it.',
          idempotent: true,
        }),
        params: appointmentParams,
        response: {
          200: appointmentModel,
          ...problems(
            appointmentFailures,
            'account_frozen',
            'appointment_not_found',
            'deposit_not_kept',
            'payee_short_of_funds',
            'account_closed',
            'balance_limit_exceeded',
          ),
        },
      },
    )
}
