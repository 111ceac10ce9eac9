/** Sending messages, and seeing how they arrived. */
import { Elysia } from 'elysia'
import { decodeCursor, encodeCursor, limitOf, pageOfRows } from '../../../platform/http/page'
import { problems, unwrap } from '../../../platform/http/problem'
import { idForm } from '../../../platform/ids'
import { iso } from '../../../platform/moment'
import { notedBy } from '../../identity'
import { notificationFailures } from '../failures'
import {
  channelsModel,
  deadModel,
  deadQuery,
  detailedModel,
  figuresModel,
  figuresQuery,
  notificationModel,
  notificationParams,
  notificationsModel,
  notificationsQuery,
  otpBody,
  queuedModel,
  sendBody,
  welcomeBody,
} from '../model/messages'
import type { Notifications } from '../service'
import { type NotificationHands, OPERATOR_TAG as TAG } from './hands'

const DAY_MS = 24 * 3_600_000
const OTP_SECONDS = 300

const momentOf = (text: string | undefined) => (text === undefined ? undefined : Date.parse(text))

export function sendingRoutes(
  { sending, messages, figures, providers }: Notifications,
  { words: { route }, idempotency, identity, clock, baseUrl }: NotificationHands,
) {
  const noted = notedBy(identity)

  return new Elysia({ name: 'notifications-sending', normalize: false })
    .post(
      '/notifications/send',
      async ({ body, request, set }) => {
        const { data = {}, sendAt, expiresAt, ...rest } = body
        const input = { ...rest, data, sendAt: momentOf(sendAt), expiresAt: momentOf(expiresAt) }
        const result = await idempotency.run(request, body, (write) => sending.send(input, write, noted(request)))
        set.status = 202
        return unwrap(result, notificationFailures)
      },
      {
        ...route({
          scopes: ['notifications:send'],
          tag: TAG,
          summary: 'Send a message',
          description:
            'To a person, or to an address that is nobody’s here, by the ways that go there: a number gets an SMS, or else WhatsApp. It is on its way when this answers; see its status for how it went.',
          idempotent: true,
        }),
        body: sendBody,
        response: {
          202: queuedModel,
          ...problems(
            notificationFailures,
            'template_protected',
            'template_not_found',
            'recipient_unknown',
            'template_data_missing',
            'template_invalid',
            'channel_off',
            'address_unfit',
            'send_at_too_far',
            'send_at_past',
            'expires_too_soon',
          ),
        },
      },
    )
    .post(
      '/internal/notifications/otp',
      async ({ body, request, set }) => {
        const { to, code, channel, expiresInSeconds = OTP_SECONDS } = body
        const input = { to, code, channel, expiresInSeconds }
        const result = await idempotency.run(request, body, (write) => sending.otp(input, write, noted(request)))
        set.status = 202
        return unwrap(result, notificationFailures)
      },
      {
        ...route({
          scopes: ['notifications:send'],
          tag: TAG,
          summary: 'Send a code that another program of the house made',
          description:
            'By SMS to a number, by mail to whoever else is named, unless the channel is named too. Sealed on its way, shown nowhere, and never sent after it has expired. No address gets more than one code in a minute, three in ten, and ten in a day.',
          idempotent: true,
        }),
        body: otpBody,
        response: {
          202: queuedModel,
          ...problems(notificationFailures, 'recipient_unknown', 'channel_off', 'address_unfit', 'code_sent_too_often'),
        },
      },
    )
    .post(
      '/internal/notifications/welcome',
      async ({ body, request, set }) => {
        const result = await idempotency.run(request, body, (write) => sending.welcome(body.to, write, noted(request)))
        set.status = 202
        return unwrap(result, notificationFailures)
      },
      {
        ...route({
          scopes: ['notifications:send'],
          tag: TAG,
          summary: 'Welcome a person',
          description: 'A person is welcomed once, however often this is asked for.',
          idempotent: true,
        }),
        body: welcomeBody,
        response: { 202: queuedModel, ...problems(notificationFailures, 'recipient_unknown') },
      },
    )
    .get(
      '/notifications/messages',
      async ({ query }) => {
        const { to, status, template, about } = query
        const after = decodeCursor(query.cursor, idForm('ntf'))
        const { items, next } = await messages.search({ to, status, template, about, limit: limitOf(query), after })
        return { items, nextCursor: next === undefined ? null : encodeCursor(next) }
      },
      {
        ...route({ scopes: ['notifications:read'], tag: TAG, summary: 'What was sent, newest first' }),
        query: notificationsQuery,
        response: { 200: notificationsModel },
      },
    )
    .get(
      '/notifications/messages/:id',
      async ({ params }) => unwrap(await messages.get(params.id), notificationFailures),
      {
        ...route({
          scopes: ['notifications:read'],
          tag: TAG,
          summary: 'One message, with every way and every try',
          description: 'Codes and links that let somebody in are not shown.',
        }),
        params: notificationParams,
        response: { 200: detailedModel, ...problems(notificationFailures, 'notification_not_found') },
      },
    )
    .post(
      '/notifications/messages/:id/cancel',
      async ({ params, request }) => unwrap(await messages.cancel(params.id, noted(request)), notificationFailures),
      {
        ...route({
          scopes: ['notifications:send'],
          tag: TAG,
          summary: 'Call a message off',
          description:
            'One that was sent by name. What waits is not sent, and comes into no inbox; what has gone stays where it is.',
        }),
        params: notificationParams,
        response: {
          200: notificationModel,
          ...problems(notificationFailures, 'notification_not_found', 'template_protected', 'nothing_waits'),
        },
      },
    )
    .get(
      '/notifications/dead',
      ({ query }) => {
        const { channel, template } = query
        return pageOfRows(query, 'dlv', (limit, after) => messages.dead({ channel, template, limit, after }))
      },
      {
        ...route({
          scopes: ['notifications:read'],
          tag: TAG,
          summary: 'Deliveries that failed with no way behind them, newest first',
          description:
            'The person may have been told on another track. What people’s own endpoints refuse is not among them. What it said is not shown.',
        }),
        query: deadQuery,
        response: { 200: deadModel },
      },
    )
    .post(
      '/notifications/dead/:id/replay',
      async ({ params, request, set }) => {
        const replayed = unwrap(await messages.replay(params.id, noted(request)), notificationFailures)
        set.status = 202
        return replayed
      },
      {
        ...route({
          scopes: ['notifications:manage'],
          tag: TAG,
          summary: 'Send a dead message again',
          description: 'Named by the notification’s id. One that has expired meanwhile is not sent.',
        }),
        params: notificationParams,
        response: {
          202: notificationModel,
          ...problems(notificationFailures, 'notification_not_found', 'not_dead'),
        },
      },
    )
    .get(
      '/notifications/metrics',
      async ({ query }) => {
        const from = momentOf(query.from) ?? clock() - DAY_MS
        const found = unwrap(await figures.since(from), notificationFailures)
        return { from: iso(from), ...found }
      },
      {
        ...route({ scopes: ['notifications:read'], tag: TAG, summary: 'How well messages arrive, by channel' }),
        query: figuresQuery,
        response: { 200: figuresModel, ...problems(notificationFailures, 'period_too_long') },
      },
    )
    .get(
      '/notifications/channels',
      () => ({
        items: (['email', 'sms', 'whatsapp', 'push', 'webhook'] as const).map((medium) => ({
          channel: medium,
          state: providers.isOn(medium) ? ('on' as const) : ('off' as const),
          providers: providers
            .all()
            .filter(({ channel }) => channel.medium === medium)
            .map(({ channel, breaker }) => ({
              provider: channel.provider,
              breaker: breaker.state(),
              receiptsUrl: channel.receipts
                ? `${baseUrl()}/receipts/${channel.provider}${channel.receiptsQuery ?? ''}`
                : null,
            })),
        })),
      }),
      {
        ...route({
          scopes: ['notifications:manage'],
          tag: TAG,
          summary: 'Which channels are set up, and how their providers are',
        }),
        response: { 200: channelsModel },
      },
    )
}
