/** Addresses that nothing is sent to any more, for operators. */
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import { pageOfRows } from '../../../platform/http/page'
import { problems, unwrap } from '../../../platform/http/problem'
import { notedBy } from '../../identity'
import { notificationFailures } from '../failures'
import {
  suppressBody,
  suppressionModel,
  suppressionParams,
  suppressionsModel,
  suppressionsQuery,
} from '../model/suppressions'
import type { Notifications } from '../service'
import type { SuppressionView } from '../service/suppressions'
import { type NotificationHands, OPERATOR_TAG as TAG } from './hands'

export function suppressionRoutes({ suppressions }: Notifications, { words: { route }, identity }: NotificationHands) {
  const noted = notedBy(identity)

  return new Elysia({ name: 'notifications-suppressions', normalize: false })
    .get(
      '/notifications/suppressions',
      async ({ query }) => {
        const page = await pageOfRows(query, 'sup', suppressions.list)
        return { ...page, items: page.items.map(shown) }
      },
      {
        ...route({
          scopes: ['notifications:manage'],
          tag: TAG,
          summary: 'Addresses that nothing is sent to any more, newest first',
        }),
        query: suppressionsQuery,
        response: { 200: suppressionsModel },
      },
    )
    .post(
      '/notifications/suppressions',
      async ({ body: { channel, address }, request, set }) => {
        const made = unwrap(await suppressions.addNow(channel, address, noted(request)), notificationFailures)
        set.status = 201
        return shown(made)
      },
      {
        ...route({ scopes: ['notifications:manage'], tag: TAG, summary: 'Send nothing to an address any more' }),
        body: suppressBody,
        response: { 201: suppressionModel, ...problems(notificationFailures, 'address_unfit') },
      },
    )
    .delete(
      '/notifications/suppressions/:id',
      async ({ params, request, set }) => {
        unwrap(await suppressions.remove(params.id, noted(request)), notificationFailures)
        set.status = 204
      },
      {
        ...route({ scopes: ['notifications:manage'], tag: TAG, summary: 'Send to it again' }),
        params: suppressionParams,
        response: { 204: Type.Void(), ...problems(notificationFailures, 'suppression_not_found') },
      },
    )
}

const shown = ({ medium, cause, ...rest }: SuppressionView) => ({
  ...rest,
  channel: medium,
  cause: cause as 'invalid' | 'complaint' | 'operator',
})
