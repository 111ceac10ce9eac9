/** A person's own inbox, preferences and devices. */
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import { principalOf } from '../../../platform/http/context'
import { decodeCursor, limitOf, pageFrom } from '../../../platform/http/page'
import { problems, unwrap } from '../../../platform/http/problem'
import { identityFailures, notedBy } from '../../identity'
import { notificationFailures } from '../failures'
import {
  deviceTokenBody,
  inboxModel,
  inboxQuery,
  itemModel,
  itemParams,
  preferencesBody,
  preferencesModel,
  pushKeyModel,
  readAllModel,
  streamModel,
  subscriptionBody,
  targetModel,
  targetParams,
  targetsModel,
  unreadModel,
  webhookBody,
  webhookModel,
} from '../model/person'
import type { Notifications } from '../service'
import type { PreferenceChanges, Preferences } from '../service/preferences'
import { type NotificationHands, TAG } from './hands'
import { eventStream } from './stream'

const POSITION = /^\d{1,15} ntf_[0-9a-z]{20}$/

export function personRoutes(
  { inbox, preferences, targets }: Notifications,
  { words: { route }, identity, clock, pushKey }: NotificationHands,
) {
  const noted = notedBy(identity)

  const own = (summary: string, description?: string) => stated('notifications:own', summary, description)
  const settings = (summary: string, description?: string) => stated('notifications:settings', summary, description)
  const stated = (scope: string, summary: string, description?: string) =>
    route({ scopes: [scope], tag: TAG, summary, ...(description === undefined ? {} : { description }) })

  return new Elysia({ name: 'notifications-person', normalize: false })
    .get(
      '/notifications/inbox',
      async ({ query, request }) => {
        const limit = limitOf(query)
        const [at, id] = decodeCursor(query.cursor, POSITION)?.split(' ') ?? []
        const items = await inbox.list(principalOf(request).userId, {
          unread: query.unread === 'true',
          limit: limit + 1,
          after: at === undefined || id === undefined ? undefined : { at: Number(at), id },
        })
        return pageFrom(items, limit, (item) => `${Date.parse(item.createdAt)} ${item.id}`)
      },
      { ...own('My inbox, newest first'), query: inboxQuery, response: { 200: inboxModel } },
    )
    .get(
      '/notifications/inbox/unread',
      async ({ request }) => ({ unread: await inbox.unread(principalOf(request).userId) }),
      { ...own('How many are unread'), response: { 200: unreadModel } },
    )
    .get(
      '/notifications/inbox/stream',
      async ({ request }) => eventStream(inbox, identity, principalOf(request), request, clock),
      {
        ...route({
          scopes: ['notifications:own'],
          tag: TAG,
          summary: 'My inbox, live',
          description:
            'Server-sent events: `unread` at first, then `notification` for each new one, with the unread count. `Last-Event-ID` brings what was missed.',
          answers: 'text/event-stream',
        }),
        response: { 200: streamModel },
      },
    )
    .post(
      '/notifications/inbox/read',
      async ({ request }) => ({ read: await inbox.readAll(principalOf(request).userId) }),
      { ...own('Mark all as read'), response: { 200: readAllModel } },
    )
    .post(
      '/notifications/inbox/:id/read',
      async ({ params, request }) =>
        unwrap(await inbox.read(principalOf(request).userId, params.id), notificationFailures),
      {
        ...own('Mark one as read'),
        params: itemParams,
        response: { 200: itemModel, ...problems(notificationFailures, 'notification_not_found') },
      },
    )
    .get(
      '/notifications/preferences',
      async ({ request }) => shown(await preferences.of(principalOf(request).userId)),
      { ...own('How I want to be told'), response: { 200: preferencesModel } },
    )
    .put(
      '/notifications/preferences',
      async ({ body, request }) => {
        const { quietHours, muted, digests, ...rest } = body
        const changes: PreferenceChanges = {
          ...rest,
          ...(quietHours === undefined ? {} : { quiet: quietHours && minutesOf(quietHours) }),
          ...(muted === undefined ? {} : { muted: withoutInbox(muted) }),
          ...(digests === undefined ? {} : { digests }),
        }
        return shown(unwrap(await preferences.change(principalOf(request).userId, changes), notificationFailures))
      },
      {
        ...settings(
          'Change how I want to be told',
          'Only what is named changes. Messages about security come in any case.',
        ),
        body: preferencesBody,
        response: {
          200: preferencesModel,
          ...problems(notificationFailures, 'time_zone_unknown', 'quiet_hours_empty'),
        },
      },
    )
    .get(
      '/notifications/devices',
      async ({ request }) => ({ items: await targets.list(principalOf(request).userId) }),
      {
        ...settings('My browsers, phones and endpoint that messages are pushed to'),
        response: { 200: targetsModel },
      },
    )
    .get('/notifications/devices/push-key', () => ({ publicKey: pushKey }), {
      ...own('The key by which a browser knows us (VAPID, RFC 8292)'),
      response: { 200: pushKeyModel },
    })
    .post(
      '/notifications/devices/browsers',
      async ({ body: { endpoint, keys, name = 'Browser' }, request, set }) => {
        const { userId } = principalOf(request)
        const added = await targets.addPush(userId, { kind: 'web', address: endpoint, keys, name }, noted(request))
        set.status = 201
        return unwrap(added, notificationFailures)
      },
      {
        ...settings('Push to this browser', 'What `pushManager.subscribe` gave, as JSON.'),
        body: subscriptionBody,
        response: { 201: targetModel, ...problems(notificationFailures, 'target_address_refused', 'too_many_targets') },
      },
    )
    .post(
      '/notifications/devices/phones',
      async ({ body: { token, name = 'Phone' }, request, set }) => {
        const added = await targets.addPush(
          principalOf(request).userId,
          { kind: 'fcm', address: token, name },
          noted(request),
        )
        set.status = 201
        return unwrap(added, notificationFailures)
      },
      {
        ...settings('Push to this phone', 'The registration token that Firebase gave the app.'),
        body: deviceTokenBody,
        response: { 201: targetModel, ...problems(notificationFailures, 'too_many_targets') },
      },
    )
    .put(
      '/notifications/devices/webhook',
      async ({ body: { url }, request }) => {
        const { userId, sessionId } = principalOf(request)
        const user = await identity.known(userId)
        unwrap(await identity.stepUp.required(user, sessionId), identityFailures)
        return unwrap(await targets.setWebhook(userId, url, noted(request)), notificationFailures)
      },
      {
        ...settings(
          'Post my notifications to an endpoint of mine',
          'Signed as Standard Webhooks say: `webhook-id` is the same for a repeat, `webhook-timestamp` may be five minutes old at most. A new address takes the place of the one before.',
        ),
        body: webhookBody,
        response: {
          200: webhookModel,
          ...problems({ ...identityFailures, ...notificationFailures }, 'step_up_required', 'target_address_refused'),
        },
      },
    )
    .delete(
      '/notifications/devices/:id',
      async ({ params, request, set }) => {
        unwrap(await targets.remove(principalOf(request).userId, params.id, noted(request)), notificationFailures)
        set.status = 204
      },
      {
        ...settings('Push there no more'),
        params: targetParams,
        response: { 204: Type.Void(), ...problems(notificationFailures, 'target_not_found') },
      },
    )
}

const minutes = (text: string) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3))
const clockTime = (minute: number) =>
  `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`
const minutesOf = ({ from, to }: { from: string; to: string }) => ({ from: minutes(from), to: minutes(to) })

function withoutInbox(muted: Preferences['muted']): Preferences['muted'] {
  return Object.fromEntries(
    Object.entries(muted).map(([category, media]) => [category, media.filter((medium) => medium !== 'in_app')]),
  )
}

function shown({ language, timeZone, quiet, muted, digests }: Preferences) {
  const quietHours = quiet && { from: clockTime(quiet.from), to: clockTime(quiet.to) }
  return { language, timeZone, quietHours, muted, digests }
}
