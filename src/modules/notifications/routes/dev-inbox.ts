/** The development inbox over HTTP. It exists in development and demo mode only. */
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import { answer } from '../../../platform/http/fields'
import type { RouteWords } from '../../../platform/http/route'
import type { DevInbox } from '../channels/dev-inbox'
import { devInboxPage } from './dev-inbox-page'

const devInboxModel = Type.Array(
  answer({
    id: Type.String(),
    channel: Type.String(),
    to: Type.String(),
    subject: Type.String(),
    text: Type.String(),
    at: Type.String(),
  }),
  {
    examples: [
      [
        {
          id: 'msg_01m0z3k8x2f4v5b6n7ag',
          channel: 'email',
          to: 'customer@demo.kumbu',
          subject: 'You sent USD 15.00',
          text: 'Hello Carla, …',
          at: '2026-11-24T09:30:00.000Z',
        },
      ],
    ],
  },
)

export function devInboxRoutes(inbox: DevInbox, { route }: RouteWords) {
  return new Elysia({ name: 'dev-inbox', normalize: false }).get(
    '/dev/inbox',
    ({ query, request }) => {
      const messages = inbox.list(query.to)
      return request.headers.get('accept')?.includes('text/html') ? devInboxPage(messages) : messages
    },
    {
      ...route({
        scopes: 'public',
        tag: 'Development',
        summary: 'Messages that were sent, newest first',
        description: 'JSON, or a page for a browser. Production has no such address.',
      }),
      query: Type.Object({ to: Type.Optional(Type.String({ maxLength: 254 })) }),
      response: { 200: devInboxModel },
    },
  )
}
