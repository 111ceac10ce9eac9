/** Calendars to subscribe to: making and ending their secret addresses, and what is at them. */
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import { principalOf } from '../../../platform/http/context'
import { problems, unwrap } from '../../../platform/http/problem'
import type { RouteWords } from '../../../platform/http/route'
import { appointmentFailures } from '../failures'
import { calendarModel, feedModel, feedParams } from '../model/appointments'
import { staffParams } from '../model/setup'
import type { Appointments } from '../service'
import { askerAs, TAG } from './hands'

const desk = askerAs('desk')

export function feedRoutes({ feeds }: Appointments, { route }: RouteWords) {
  return new Elysia({ name: 'appointments-feeds', normalize: false })
    .post(
      '/appointments/feed',
      async ({ request, set }) => {
        set.status = 201
        return feeds.make(principalOf(request).userId)
      },
      {
        ...route({
          scopes: ['appointments:book', 'profile:security'],
          tag: TAG,
          summary: 'A secret address of my calendar',
          description: 'For a calendar program to look at. A new address ends the one before.',
        }),
        response: { 201: feedModel },
      },
    )
    .delete(
      '/appointments/feed',
      async ({ request, set }) => {
        await feeds.end(principalOf(request).userId)
        set.status = 204
      },
      {
        ...route({
          scopes: ['appointments:book', 'profile:security'],
          tag: TAG,
          summary: 'End the address of my calendar',
        }),
        response: { 204: Type.Void() },
      },
    )
    .post(
      '/appointments/staff/:staffId/feed',
      async ({ params, request, set }) => {
        set.status = 201
        return unwrap(await feeds.makeForStaff(desk(request), params.staffId), appointmentFailures)
      },
      {
        ...route({
          scopes: ['appointments:manage', 'profile:security'],
          tag: TAG,
          summary: 'A secret address of a member of staff’s calendar',
          description: 'One’s own; whoever runs the place may do it for anybody.',
        }),
        params: staffParams,
        response: { 201: feedModel, ...problems(appointmentFailures, 'staff_not_found') },
      },
    )
    .delete(
      '/appointments/staff/:staffId/feed',
      async ({ params, request, set }) => {
        unwrap(await feeds.endForStaff(desk(request), params.staffId), appointmentFailures)
        set.status = 204
      },
      {
        ...route({ scopes: ['appointments:manage', 'profile:security'], tag: TAG, summary: 'End that address' }),
        params: staffParams,
        response: { 204: Type.Void(), ...problems(appointmentFailures, 'staff_not_found') },
      },
    )
    .get(
      '/appointments/feeds/:token',
      async ({ params, set }) => {
        const text = unwrap(await feeds.read(params.token), appointmentFailures)
        set.headers['content-type'] = 'text/calendar; charset=utf-8'
        return text
      },
      {
        ...route({
          scopes: 'public',
          tag: TAG,
          answers: 'text/calendar',
          summary: 'A calendar, at its secret address',
          description: 'RFC 5545: the last 30 days and the next 365.',
        }),
        params: feedParams,
        response: { 200: calendarModel, ...problems(appointmentFailures, 'feed_not_found') },
      },
    )
}
