/** A person’s own appointments. */
import { Elysia } from 'elysia'
import { principalOf } from '../../../platform/http/context'
import type { Idempotency } from '../../../platform/http/idempotency'
import { pageOfRows } from '../../../platform/http/page'
import { problems, unwrap } from '../../../platform/http/problem'
import type { RouteWords } from '../../../platform/http/route'
import { fail, ok } from '../../../platform/result'
import { appointmentFailures } from '../failures'
import {
  acceptBody,
  appointmentModel,
  appointmentParams,
  appointmentsModel,
  bookingBody,
  calendarModel,
  cancelBody,
  moveBody,
} from '../model/appointments'
import { pagedQuery, reviewBody, reviewModel } from '../model/setup'
import type { Appointments } from '../service'
import { askerAs, onceBy, TAG } from './hands'
import { ENDED_STATES, PLACE_REFUSALS } from './refusals'

const scopes = ['appointments:book'] as const
/** What a calendar strikes out; that somebody came, or did not, is no reason to. */
const GONE: ReadonlySet<string> = new Set(['cancelled', 'declined', 'lapsed'])
const asker = askerAs('customer')

export function ownRoutes(appointments: Appointments, { route }: RouteWords, idempotency: Idempotency) {
  const once = onceBy(idempotency)
  const { booking, changes, lists, reviews } = appointments
  return new Elysia({ name: 'appointments-own', normalize: false })
    .post(
      '/appointments',
      async ({ body, request, set }) => {
        const { userId } = principalOf(request)
        const result = await idempotency.run(request, body, (write) => booking.book({ userId, ...body }, write))
        set.status = 201
        return unwrap(result, appointmentFailures)
      },
      {
        ...route({
          scopes,
          tag: TAG,
          summary: 'Book an appointment',
          description:
            'With a member of staff, or with whoever is free. A deposit is held on the wallet and asks for the PIN. Local times are those where the service is; one that the clocks skip or show twice is refused.',
          idempotent: true,
        }),
        body: bookingBody,
        response: {
          201: appointmentModel,
          ...problems(
            appointmentFailures,
            'own_service',
            'pin_wrong',
            'account_frozen',
            'service_not_found',
            'staff_not_found',
            'appointment_taken',
            'appointment_overlap',
            'appointment_closed',
            'appointment_outside_hours',
            'service_inactive',
            'too_many_appointments',
            'deposit_changed',
            'pin_not_set',
            ...PLACE_REFUSALS,
            'pin_required',
            'insufficient_funds',
            'pin_locked',
          ),
        },
      },
    )
    .get(
      '/appointments',
      ({ query, request }) =>
        pageOfRows(query, 'apt', (limit, before) => lists.own(principalOf(request).userId, limit, before)),
      {
        ...route({ scopes, tag: TAG, summary: 'My appointments, last booked first' }),
        query: pagedQuery,
        response: { 200: appointmentsModel },
      },
    )
    .get(
      '/appointments/:appointmentId',
      async ({ params, request }) => unwrap(await lists.get(asker(request), params.appointmentId), appointmentFailures),
      {
        ...route({ scopes, tag: TAG, summary: 'One of my appointments' }),
        params: appointmentParams,
        response: { 200: appointmentModel, ...problems(appointmentFailures, 'appointment_not_found') },
      },
    )
    .get(
      '/appointments/:appointmentId/invitation',
      async ({ params, request, set }) => {
        const found = unwrap(await lists.get(asker(request), params.appointmentId), appointmentFailures)
        const method = GONE.has(found.status) ? 'CANCEL' : 'REQUEST'
        const text = await appointments.invitation(found.id, method)
        set.headers['content-type'] = `text/calendar; charset=utf-8; method=${method}`
        set.headers['content-disposition'] = 'attachment; filename="appointment.ics"'
        return unwrap(text === undefined ? fail('appointment_not_found') : ok(text), appointmentFailures)
      },
      {
        ...route({
          scopes,
          tag: TAG,
          answers: 'text/calendar',
          summary: 'One of my appointments, for a calendar',
          description: 'RFC 5545.',
        }),
        params: appointmentParams,
        response: { 200: calendarModel, ...problems(appointmentFailures, 'appointment_not_found') },
      },
    )
    .post(
      '/appointments/:appointmentId/move',
      ({ params, body, request }) =>
        once(request, body, (write) => changes.move(asker(request), params.appointmentId, body, write)),
      {
        ...route({
          scopes,
          tag: TAG,
          summary: 'Move an appointment',
          description: 'Until the deadline for cancelling, which moves with it. The deposit stays as it is.',
          idempotent: true,
        }),
        params: appointmentParams,
        body: moveBody,
        response: {
          200: appointmentModel,
          ...problems(
            appointmentFailures,
            'own_service',
            'account_frozen',
            'appointment_not_found',
            'staff_not_found',
            'appointment_taken',
            'appointment_overlap',
            'appointment_closed',
            'appointment_outside_hours',
            'appointment_too_late_to_move',
            'appointment_started',
            'appointment_offered',
            ...ENDED_STATES,
            ...PLACE_REFUSALS,
          ),
        },
      },
    )
    .post(
      '/appointments/:appointmentId/cancel',
      ({ params, body, request }) =>
        once(request, body, (write) => changes.cancel(asker(request), params.appointmentId, body.reason, write)),
      {
        ...route({
          scopes,
          tag: TAG,
          summary: 'Cancel an appointment',
          description: 'Until `cancelUntil` the deposit comes back; afterwards it is kept.',
          idempotent: true,
        }),
        params: appointmentParams,
        body: cancelBody,
        response: {
          200: appointmentModel,
          ...problems(appointmentFailures, 'appointment_not_found', 'appointment_started', ...ENDED_STATES),
        },
      },
    )
    .post(
      '/appointments/:appointmentId/accept',
      ({ params, body, request }) =>
        once(request, body, (write) =>
          booking.accept(principalOf(request).userId, params.appointmentId, body.pin, write),
        ),
      {
        ...route({
          scopes,
          tag: TAG,
          summary: 'Accept a place that was offered',
          description: 'Until `offeredUntil`. A deposit asks for the PIN.',
          idempotent: true,
        }),
        params: appointmentParams,
        body: acceptBody,
        response: {
          200: appointmentModel,
          ...problems(
            appointmentFailures,
            'own_service',
            'pin_wrong',
            'account_frozen',
            'appointment_not_found',
            'staff_not_found',
            'appointment_booked',
            'appointment_closed',
            'appointment_outside_hours',
            'service_inactive',
            'staff_not_for_service',
            'pin_not_set',
            ...ENDED_STATES,
            'pin_required',
            'insufficient_funds',
            'pin_locked',
          ),
        },
      },
    )
    .post(
      '/appointments/:appointmentId/decline',
      ({ params, request }) =>
        once(request, {}, (write) => changes.decline(principalOf(request).userId, params.appointmentId, write)),
      {
        ...route({
          scopes,
          tag: TAG,
          summary: 'Decline a place that was offered',
          description: 'It goes to the next in line.',
          idempotent: true,
        }),
        params: appointmentParams,
        response: {
          200: appointmentModel,
          ...problems(appointmentFailures, 'appointment_not_found', 'appointment_booked', ...ENDED_STATES),
        },
      },
    )
    .get(
      '/appointments/:appointmentId/review',
      async ({ params, request }) =>
        unwrap(await reviews.own(principalOf(request).userId, params.appointmentId), appointmentFailures),
      {
        ...route({ scopes, tag: TAG, summary: 'What I thought of it' }),
        params: appointmentParams,
        response: { 200: reviewModel, ...problems(appointmentFailures, 'review_not_found') },
      },
    )
    .put(
      '/appointments/:appointmentId/review',
      async ({ params, body, request }) =>
        unwrap(await reviews.put(principalOf(request).userId, params.appointmentId, body), appointmentFailures),
      {
        ...route({
          scopes,
          tag: TAG,
          summary: 'Say what I thought of it',
          description: 'Once it is over; can be changed for 30 days. Others see the first name only.',
        }),
        params: appointmentParams,
        body: reviewBody,
        response: {
          200: reviewModel,
          ...problems(
            appointmentFailures,
            'appointment_not_found',
            'review_too_early',
            'review_closed',
            'appointment_cancelled',
            'appointment_missed',
            'appointment_offered',
            'appointment_declined',
            'appointment_lapsed',
          ),
        },
      },
    )
}
