/** The shapes of a person's inbox, preferences and devices. */
import { Type } from '@sinclair/typebox'
import { answer, body, described, idOf, label, moment } from '../../../platform/http/fields'
import { pageOf, pageQuery } from '../../../platform/http/page'
import { channel, language } from './messages'

const clockTime = Type.String({ pattern: '^([01]\\d|2[0-3]):[0-5]\\d$', description: 'Local time, such as 22:00.' })
const mutedChannels = (what: string) =>
  Type.Optional(Type.Array(channel, { uniqueItems: true, maxItems: 6, description: `Not told of ${what} by these.` }))
const digest = (what: string) =>
  Type.Optional(
    Type.Union([Type.Literal('hourly'), Type.Literal('daily'), Type.Null()], {
      description: `How often mails about ${what} are gathered; null: each comes by itself.`,
    }),
  )

const preferences = {
  language: described(language, 'Of the messages that the person gets.'),
  timeZone: Type.String({ minLength: 1, maxLength: 60, description: 'IANA, such as Africa/Maputo.' }),
  quietHours: Type.Union(
    [Type.Object({ from: clockTime, to: clockTime }, { additionalProperties: false }), Type.Null()],
    {
      description: 'Nothing that is not about security is sent in these hours; they may go over midnight.',
    },
  ),
  muted: Type.Object(
    { money: mutedChannels('money'), appointments: mutedChannels('appointments'), news: mutedChannels('news') },
    { additionalProperties: false, description: 'Channels by which not to be told. The inbox is never muted.' },
  ),
  digests: Type.Object(
    { money: digest('money'), appointments: digest('appointments'), news: digest('news') },
    { additionalProperties: false, description: 'Mails that are gathered into one: at the full hour, or at eight.' },
  ),
}

const preferencesExample = {
  language: 'pt',
  timeZone: 'Africa/Maputo',
  quietHours: { from: '22:00', to: '07:00' },
  muted: { news: ['email'] },
  digests: { money: 'daily' },
}

export const preferencesModel = answer(preferences, preferencesExample)
export const preferencesBody = body(
  {
    language: Type.Optional(preferences.language),
    timeZone: Type.Optional(preferences.timeZone),
    quietHours: Type.Optional(preferences.quietHours),
    muted: Type.Optional(preferences.muted),
    digests: Type.Optional(preferences.digests),
  },
  { language: 'pt', timeZone: 'Africa/Maputo' },
)

const item = {
  id: Type.String(),
  template: Type.String(),
  category: Type.String(),
  title: Type.String(),
  text: Type.String(),
  about: Type.String({ description: 'The id of what it is about.' }),
  readAt: Type.Union([moment, Type.Null()]),
  createdAt: Type.String({ ...moment, description: 'When it came; what was put off came when it was due.' }),
}
const itemExample = {
  id: 'ntf_01m0z3k8x2f4v5b6n7a9',
  template: 'money_received',
  category: 'money',
  title: 'You received USD 15.00',
  text: 'Kumbu: Carla sent you USD 15.00.',
  about: 'txn_01m0z3k8x2f4v5b6n7ac',
  readAt: null,
  createdAt: '2026-11-24T09:30:00.000Z',
}
export const itemModel = answer(item, itemExample)
export const inboxModel = pageOf(Type.Object(item), [{ items: [itemExample], nextCursor: null }])
export const inboxQuery = Type.Object({
  ...pageQuery,
  unread: Type.Optional(
    Type.Union([Type.Literal('true'), Type.Literal('false')], { description: '`true`: only what was not read yet.' }),
  ),
})
export const unreadModel = answer({ unread: Type.Integer() }, { unread: 3 })
export const readAllModel = answer({ read: Type.Integer() }, { read: 3 })
export const streamModel = Type.Unknown({
  examples: ['retry: 3000\nevent: unread\ndata: {"unread":3}\n\n'],
})
export const itemParams = Type.Object({ id: idOf('ntf') })

const target = {
  id: Type.String(),
  kind: Type.Union([Type.Literal('web'), Type.Literal('fcm'), Type.Literal('webhook')]),
  name: Type.String(),
  pausedAt: Type.Union([moment, Type.Null()], {
    description:
      'Of an endpoint: when it had refused so many messages in a row that it gets no more until it is named again.',
  }),
  createdAt: moment,
}
const targetExample = {
  id: 'tgt_01m0z3k8x2f4v5b6n7a9',
  kind: 'web',
  name: 'Firefox on Android',
  pausedAt: null,
  createdAt: '2026-11-24T09:30:00.000Z',
}
export const targetModel = answer(target, targetExample)
export const targetsModel = answer({ items: Type.Array(Type.Object(target)) }, { items: [targetExample] })
export const targetParams = Type.Object({ id: idOf('tgt') })

const key = (length: number, description: string) =>
  Type.String({ pattern: `^[A-Za-z0-9_-]{${length}}=*$`, description })
const deviceName = described(label, 'How its owner calls the device.')

export const subscriptionBody = body(
  {
    endpoint: Type.String({
      minLength: 10,
      maxLength: 2_000,
      pattern: '^https?://',
      description: 'This and the keys as `PushSubscription.toJSON()` gives them.',
    }),
    keys: Type.Object(
      { p256dh: key(87, 'The browser’s public key.'), auth: key(22, 'Its authentication secret.') },
      { additionalProperties: false, description: 'RFC 8291, in base64url.' },
    ),
    expirationTime: Type.Optional(
      Type.Union([Type.Number(), Type.Null()], {
        description: 'Taken and not used: a browser that is gone is noticed.',
      }),
    ),
    name: Type.Optional(deviceName),
  },
  {
    endpoint: 'https://updates.push.services.mozilla.com/wpush/v2/gAAAA…',
    keys: {
      p256dh: 'BIJm48XcsaaJ0CO7RU7a7sqYq9s_qmcYkFaISb7H29q0SQmtmQUoF-hp_2ylXtm-wpXFoM-ItrEOXc3YrdDiSZM',
      auth: 'tBHItJI5svbpez7KI4CCXg',
    },
    name: 'Firefox on Android',
  },
)
export const deviceTokenBody = body(
  {
    token: Type.String({
      minLength: 20,
      maxLength: 4_096,
      pattern: '^[\\x21-\\x7e]+$',
      description: 'The registration token that the app got from FCM.',
    }),
    name: Type.Optional(deviceName),
  },
  { token: 'fGcm-registration-token-of-the-app', name: 'My phone' },
)
export const pushKeyModel = answer(
  { publicKey: Type.String({ description: 'The `applicationServerKey` of `pushManager.subscribe`.' }) },
  { publicKey: 'BIJm48XcsaaJ0CO7RU7a7sqYq9s_qmcYkFaISb7H29q0SQmtmQUoF-hp_2ylXtm-wpXFoM-ItrEOXc3YrdDiSZM' },
)

export const webhookBody = body(
  {
    url: Type.String({
      minLength: 10,
      maxLength: 2_000,
      pattern: '^https?://',
      description: 'Of a server of your own, at a public address by HTTPS.',
    }),
  },
  { url: 'https://shop.example/kumbu' },
)
export const webhookModel = answer(
  {
    ...target,
    url: Type.String(),
    secret: Type.String({ description: 'Signs every request (Standard Webhooks). It is shown this once.' }),
  },
  { ...targetExample, kind: 'webhook', name: 'shop.example', url: 'https://shop.example/kumbu', secret: 'whsec_…' },
)
