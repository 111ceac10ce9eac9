/** The shapes of sending messages, and of seeing how they arrived. */
import { Type } from '@sinclair/typebox'
import { answer, body, described, idOf, moment, reference } from '../../../platform/http/fields'
import { pageOf, pageQuery } from '../../../platform/http/page'
import { media } from '../channels/channel'
import { deliveryStates, notificationStates } from '../service/states'
import { languages } from '../templates/template'

export const literals = <const Names extends readonly string[]>(names: Names) =>
  Type.Unsafe<Names[number]>(Type.Union(names.map((name) => Type.Literal(name))))

export const language = literals(languages)
export const channel = literals(media)
export const templateName = Type.String({
  pattern: '^[a-z][a-z0-9_]{1,59}$',
  description: 'The name of a template, built in or of your own.',
})

/** Plain values for a template: nothing that could run or be nested without end. */
export const templateData = Type.Record(Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_]{0,39}$' }), Type.Unknown(), {
  maxProperties: 50,
  additionalProperties: false,
  description: 'The values that the template prints; see its sample.',
})

const about = Type.String({
  minLength: 1,
  maxLength: 100,
  pattern: '^[\\x21-\\x7e]+$',
  description: 'What it is about. The same person is told the same of the same thing once.',
})

export const sendBody = body(
  {
    to: reference,
    template: templateName,
    data: Type.Optional(templateData),
    channels: Type.Optional(
      Type.Array(channel, {
        minItems: 1,
        maxItems: media.length,
        uniqueItems: true,
        description:
          'Tried in this order until one succeeds; `in_app` shows it in the inbox too. Absent: the template’s own ways.',
      }),
    ),
    language: Type.Optional(described(language, 'Absent: the person’s own.')),
    sendAt: Type.Optional(described(moment, 'Not before; absent: now. ISO 8601.')),
    expiresAt: Type.Optional(described(moment, 'After it the message is worth nothing and is not sent. ISO 8601.')),
    about: Type.Optional(about),
  },
  {
    to: 'customer@demo.kumbu',
    template: 'announcement',
    data: { title: 'Closed on Monday', message: 'We are back on Tuesday at eight.' },
  },
)

export const queuedModel = answer(
  { id: Type.String(), status: literals(notificationStates) },
  { id: 'ntf_01m0z3k8x2f4v5b6n7a9', status: 'waiting' },
)

export const otpBody = body(
  {
    to: reference,
    code: Type.String({
      pattern: '^[0-9A-Z]{4,12}$',
      description: 'Made and checked by the program that asks. It is kept sealed, and only until it is sent.',
    }),
    channel: Type.Optional(
      Type.Union([Type.Literal('email'), Type.Literal('sms')], { description: 'Absent: as the address wants it.' }),
    ),
    expiresInSeconds: Type.Optional(
      Type.Integer({
        minimum: 30,
        maximum: 3600,
        default: 300,
        description: 'How long the code is good. The message says it, and is not sent later.',
      }),
    ),
  },
  { to: 'customer@demo.kumbu', code: '482913' },
)

export const welcomeBody = body({ to: reference }, { to: 'customer@demo.kumbu' })

const notification = {
  id: Type.String(),
  userId: Type.Union([Type.String(), Type.Null()]),
  template: Type.String(),
  category: Type.String(),
  status: literals(notificationStates),
  about: Type.String(),
  dueAt: moment,
  expiresAt: Type.Union([moment, Type.Null()]),
  createdAt: moment,
}

const notificationExample = {
  id: 'ntf_01m0z3k8x2f4v5b6n7a9',
  userId: 'usr_01m0z3k8x2f4v5b6n7ab',
  template: 'money_sent',
  category: 'money',
  status: 'accepted',
  about: 'txn_01m0z3k8x2f4v5b6n7ac',
  dueAt: '2026-11-24T09:30:00.000Z',
  expiresAt: null,
  createdAt: '2026-11-24T09:30:00.000Z',
}

const attempt = Type.Object({
  at: moment,
  provider: Type.Union([Type.String(), Type.Null()]),
  outcome: literals(['accepted', 'transient', 'permanent', 'interrupted', 'replayed']),
  reason: Type.Union([Type.String(), Type.Null()]),
  tookMs: Type.Integer(),
})

const delivery = {
  id: Type.String(),
  channel: Type.String(),
  track: Type.Integer({ description: 'Tracks are begun together.' }),
  step: Type.Integer({ description: 'The next step of a track begins when the one before fails.' }),
  state: literals(deliveryStates),
  provider: Type.Union([Type.String(), Type.Null()]),
  reason: Type.Union([Type.String(), Type.Null()]),
  attempts: Type.Array(attempt),
  dueAt: moment,
  acceptedAt: Type.Union([moment, Type.Null()]),
  deliveredAt: Type.Union([moment, Type.Null()]),
}

const deliveryExample = {
  id: 'dlv_01m0z3k8x2f4v5b6n7ad',
  channel: 'email',
  track: 0,
  step: 0,
  state: 'accepted',
  provider: 'smtp',
  reason: null,
  attempts: [
    { at: '2026-11-24T09:30:00.000Z', provider: 'smtp', outcome: 'transient', reason: 'connection refused', tookMs: 3 },
    { at: '2026-11-24T09:30:02.000Z', provider: 'smtp', outcome: 'accepted', reason: null, tookMs: 41 },
  ],
  dueAt: '2026-11-24T09:30:02.000Z',
  acceptedAt: '2026-11-24T09:30:02.041Z',
  deliveredAt: null,
}

export const detailedModel = answer(
  {
    ...notification,
    data: Type.Record(Type.String(), Type.Unknown(), { description: 'The ids in it, and nothing else.' }),
    deliveries: Type.Array(Type.Object(delivery)),
  },
  { ...notificationExample, data: { amount: 1500, currency: 'USD' }, deliveries: [deliveryExample] },
)
export const notificationModel = answer(notification, notificationExample)
export const notificationsModel = pageOf(Type.Object(notification), [
  { items: [notificationExample], nextCursor: null },
])
export const deadModel = pageOf(
  Type.Object({
    ...delivery,
    notificationId: Type.String(),
    template: Type.String(),
    userId: Type.Union([Type.String(), Type.Null()]),
  }),
  [
    {
      items: [
        {
          ...deliveryExample,
          state: 'dead',
          acceptedAt: null,
          reason: 'smtp 550: no such mailbox',
          notificationId: notificationExample.id,
          template: 'money_sent',
          userId: notificationExample.userId,
        },
      ],
      nextCursor: null,
    },
  ],
)

export const notificationParams = Type.Object({ id: idOf('ntf') })
export const notificationsQuery = Type.Object({
  ...pageQuery,
  to: Type.Optional(reference),
  status: Type.Optional(described(literals(notificationStates), 'Those that have come so far.')),
  template: Type.Optional(templateName),
  about: Type.Optional(about),
})
export const deadQuery = Type.Object({
  ...pageQuery,
  channel: Type.Optional(described(channel, 'By this channel only.')),
  template: Type.Optional(templateName),
})

export const figuresQuery = Type.Object({
  from: Type.Optional(Type.String({ format: 'date-time', description: 'Deliveries put in since; absent: 24 hours.' })),
})

export const figuresModel = answer(
  {
    from: moment,
    channels: Type.Array(
      Type.Object({
        channel: Type.String(),
        state: literals(['on', 'off']),
        deliveries: Type.Integer(),
        states: Type.Record(Type.String(), Type.Integer(), { description: 'They add up to the deliveries.' }),
        retried: Type.Integer({ description: 'That took more than one try.' }),
        byFallback: Type.Integer({ description: 'That were begun because a step before had failed.' }),
        secondsToAccept: Type.Object({
          p50: Type.Union([Type.Number(), Type.Null()]),
          p95: Type.Union([Type.Number(), Type.Null()]),
        }),
        providers: Type.Array(
          Type.Object({
            provider: Type.String(),
            breaker: literals(['closed', 'open', 'half_open']),
            underWay: Type.Integer(),
          }),
        ),
      }),
    ),
    notifications: Type.Record(Type.String(), Type.Integer()),
  },
  {
    from: '2026-11-23T09:30:00.000Z',
    channels: [
      {
        channel: 'email',
        state: 'on',
        deliveries: 120,
        states: { waiting: 1, accepted: 117, delivered: 0, failed: 1, dead: 1, skipped: 0, expired: 0, cancelled: 0 },
        retried: 4,
        byFallback: 0,
        secondsToAccept: { p50: 0.04, p95: 2.1 },
        providers: [{ provider: 'smtp', breaker: 'closed', underWay: 0 }],
      },
    ],
    notifications: { accepted: 117, waiting: 1, failed: 2 },
  },
)

export const channelsModel = answer(
  {
    items: Type.Array(
      Type.Object({
        channel: Type.String(),
        state: literals(['on', 'off']),
        providers: Type.Array(
          Type.Object({
            provider: Type.String(),
            breaker: literals(['closed', 'open', 'half_open']),
            receiptsUrl: Type.Union([Type.String(), Type.Null()], {
              description: 'The address to enter at the provider for its delivery receipts.',
            }),
          }),
        ),
      }),
    ),
  },
  {
    items: [
      {
        channel: 'sms',
        state: 'on',
        providers: [{ provider: 'twilio', breaker: 'closed', receiptsUrl: 'https://kumbu.example/receipts/twilio' }],
      },
    ],
  },
)
