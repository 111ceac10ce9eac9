/** People and the audit log, for whoever runs the place, over HTTP. */
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import { contextOf, principalOf } from '../../../platform/http/context'
import { idOf } from '../../../platform/http/fields'
import { pageOfRows } from '../../../platform/http/page'
import { problems, unwrap } from '../../../platform/http/problem'
import type { RouteWords } from '../../../platform/http/route'
import { iso } from '../../../platform/moment'
import { identityFailures } from '../failures'
import {
  auditExportQuery,
  auditModel,
  auditQuery,
  createUserBody,
  setupBody,
  userDetailModel,
  usersModel,
  usersQuery,
} from '../model/operator'
import { userModel } from '../model/user'
import type { Identity } from '../service'
import type { AuditFilter, AuditRow } from '../service/audit'
import { userView } from '../service/users'
import { auditCsv } from './audit-csv'
import type { Hands } from './hands'

const TAG = 'Operator'
const AUDIT_TAG = 'Audit'

export function operatorRoutes(identity: Identity, hands: Hands, { route }: RouteWords) {
  const { people, users, auditLog, closing, setup } = identity
  return new Elysia({ name: 'identity-operator', normalize: false })
    .post(
      '/users',
      async ({ body, request, set }) => {
        set.status = 201
        return unwrap(
          await people.create(body, principalOf(request).userId, contextOf(request).address),
          identityFailures,
        )
      },
      {
        ...route({
          scopes: ['users:manage'],
          tag: TAG,
          summary: 'Create an account of any role',
          description:
            'The account is active at once, and its addresses count as confirmed: whoever creates it vouches for it. A teller needs the `agentId` of their till.',
        }),
        body: createUserBody,
        response: {
          201: userModel,
          ...problems(
            identityFailures,
            'email_taken',
            'phone_taken',
            'pin_trivial',
            'password_common',
            'user_not_found',
          ),
        },
      },
    )
    .get(
      '/users',
      async ({ query }) => {
        const { q: text, role } = query
        const page = await pageOfRows(query, 'usr', (limit, after) => users.search({ text, role, limit, after }))
        return { ...page, items: page.items.map(userView) }
      },
      {
        ...route({ scopes: ['users:read'], tag: TAG, summary: 'Look people up' }),
        query: usersQuery,
        response: { 200: usersModel },
      },
    )
    .get(
      '/users/:userId',
      async ({ params }) => {
        const view = unwrap(await people.find(params.userId), identityFailures)
        const closed = view.status === 'closed' ? await closing.identityOf(view.id) : undefined
        if (!closed) return view
        const { closedAt, eraseAt, ...who } = closed
        return { ...view, closed: { ...who, closedAt: iso(closedAt), eraseAt: iso(eraseAt) } }
      },
      {
        ...route({
          scopes: ['users:read'],
          tag: TAG,
          summary: 'One person',
          description: 'Of a closed account, `closed` says whose it was, while that is kept.',
        }),
        params: Type.Object({ userId: idOf('usr') }),
        response: { 200: userDetailModel, ...problems(identityFailures, 'user_not_found') },
      },
    )
    .post(
      '/users/:userId/reset-factors',
      async ({ params, request }) => {
        const { id, role } = await hands.sure(request)
        const actor = { id, role, address: hands.addressOf(request) }
        return unwrap(await people.resetFactors(params.userId, actor), identityFailures)
      },
      {
        ...route({
          scopes: ['users:manage'],
          tag: TAG,
          summary: 'Remove the second factors of somebody who has lost them all',
          description:
            'See in person, or by a call back to a number that you know, that it is they. They are signed out everywhere and told; their role may demand a new factor at the next sign-in. Nobody does this to themselves.',
        }),
        params: Type.Object({ userId: idOf('usr') }),
        response: {
          200: userModel,
          ...problems(identityFailures, 'step_up_required', 'role_protected', 'user_not_found'),
        },
      },
    )
    .post(
      '/setup',
      async ({ body, set }) => {
        set.status = 201
        return unwrap(await setup.complete(body), identityFailures)
      },
      {
        ...route({
          scopes: 'public',
          tag: TAG,
          summary: 'Make the first operator, with the token of the set-up link',
        }),
        body: setupBody,
        response: {
          201: userModel,
          ...problems(identityFailures, 'setup_token_invalid', 'email_taken', 'password_common'),
        },
      },
    )
    .get(
      '/audit',
      async ({ query }) => {
        const filter = filterOf(query)
        const page = await pageOfRows(query, 'aud', (limit, after) => auditLog.search({ ...filter, limit, after }))
        return { ...page, items: page.items.map(rowView) }
      },
      {
        ...route({
          scopes: ['audit:read'],
          tag: AUDIT_TAG,
          summary: 'Search the audit log, newest first',
          description: 'Who did what to whom, from where, when, and how it ended. It is only ever added to.',
        }),
        query: auditQuery,
        response: { 200: auditModel },
      },
    )
    .get('/audit/export', ({ query }) => auditCsv((page) => auditLog.search({ ...filterOf(query), ...page })), {
      ...route({
        scopes: ['audit:read'],
        tag: AUDIT_TAG,
        summary: 'Export the audit log as CSV, newest first',
        description: 'RFC 4180, UTF-8, with a header row; all rows that fit the filter.',
        answers: 'text/csv',
      }),
      query: auditExportQuery,
      response: {
        200: Type.String({
          examples: ['id,at,actor,action,subject,outcome,address,detail\r\n'],
        }),
      },
    })
}

type Filter = Omit<AuditFilter, 'from' | 'to' | 'limit' | 'after'> & { from?: string; to?: string }

function filterOf({ actor, subject, action, outcome, from, to }: Filter) {
  return {
    actor,
    subject,
    action,
    outcome,
    from: from === undefined ? undefined : Date.parse(from),
    to: to === undefined ? undefined : Date.parse(to),
  }
}

function rowView({ id, at, actor, action, subject, outcome, address, detail }: AuditRow) {
  return {
    id,
    at: iso(at),
    actor,
    action,
    subject,
    outcome: outcome as 'allowed' | 'refused',
    address,
    detail: detail as Record<string, unknown>,
  }
}
