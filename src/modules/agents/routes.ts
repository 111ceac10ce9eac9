/** Tills over HTTP. */
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import { contextOf, principalOf } from '../../platform/http/context'
import { idOf } from '../../platform/http/fields'
import type { Idempotency } from '../../platform/http/idempotency'
import { problems, unwrap } from '../../platform/http/problem'
import type { RouteWords } from '../../platform/http/route'
import { type Identity, identityFailures } from '../identity'
import { agentsFailures } from './failures'
import {
  cashInBody,
  cashInModel,
  floatBody,
  floatModel,
  tellerBody,
  tellerModel,
  tellerParams,
  tellersModel,
  tillModel,
} from './model'
import { type Agents, tellerOf } from './service'

const TAG = 'Agents'

export function agentsRoutes(agents: Agents, identity: Identity, { route }: RouteWords, idempotency: Idempotency) {
  return new Elysia({ name: 'agents', normalize: false })
    .get('/agents/me', async ({ request }) => unwrap(await agents.till(principalOf(request).userId), agentsFailures), {
      ...route({
        scopes: ['agents:read'],
        tag: TAG,
        summary: 'My float and my commission',
        description: 'A teller sees those of the till that they work at.',
      }),
      response: { 200: tillModel, ...problems(agentsFailures, 'till_closed') },
    })
    .post(
      '/agents/me/cash-in',
      async ({ body, request, set }) => {
        const by = principalOf(request).userId
        const result = await idempotency.run(request, body, (write) => agents.cashIn({ by, ...body }, write))
        set.status = 201
        return unwrap(result, agentsFailures)
      },
      {
        ...route({
          scopes: ['agents:cash-in'],
          tag: TAG,
          summary: 'Cash in: credit a customer who hands over cash',
          description: 'Moves e-money from the agent’s float to the customer, who is told at once.',
          idempotent: true,
        }),
        body: cashInBody,
        response: {
          201: cashInModel,
          ...problems(
            agentsFailures,
            'account_frozen',
            'till_closed',
            'customer_not_found',
            'customer_cannot_receive',
            'cash_in_to_self',
            'insufficient_funds',
            'balance_limit_exceeded',
          ),
        },
      },
    )
    .post(
      '/agents/:agentId/float',
      async ({ params, body, request, set }) => {
        const { address } = contextOf(request)
        const decided = { agentId: params.agentId, actor: principalOf(request).userId, address }
        const result = await idempotency.run(request, body, (write) =>
          agents.issueFloat({ ...decided, ...body }, write),
        )
        set.status = 201
        return unwrap(result, agentsFailures)
      },
      {
        ...route({
          scopes: ['agents:manage'],
          tag: 'Operator',
          summary: 'Issue float to an agent or ATM',
          description: 'Creates e-money against the trust account, for money that has arrived in the bank.',
          idempotent: true,
        }),
        params: Type.Object({ agentId: idOf('usr') }),
        body: floatBody,
        response: {
          201: floatModel,
          ...problems(agentsFailures, 'agent_not_found', 'account_frozen', 'balance_limit_exceeded'),
        },
      },
    )
    .get('/agents/me/tellers', async ({ request }) => ({ items: await agents.tellers(principalOf(request).userId) }), {
      ...route({ scopes: ['agents:tellers'], tag: TAG, summary: 'Tellers at my till' }),
      response: { 200: tellersModel },
    })
    .post(
      '/agents/me/tellers',
      async ({ body, request, set }) => {
        const agentId = principalOf(request).userId
        const made = await identity.people.create(
          { ...body, role: 'teller', agentId },
          agentId,
          contextOf(request).address,
        )
        set.status = 201
        return tellerOf(unwrap(made, identityFailures))
      },
      {
        ...route({
          scopes: ['agents:tellers'],
          tag: TAG,
          summary: 'Let a teller work at my till',
          description: 'They sign in themselves, and cash in and pay out with my float. Each payment says who made it.',
        }),
        body: tellerBody,
        response: {
          201: tellerModel,
          ...problems(identityFailures, 'email_taken', 'phone_taken', 'password_common'),
        },
      },
    )
    .post(
      '/agents/me/tellers/:tellerId/stop',
      async ({ params, request }) => {
        const stopped = await agents.stopTeller(principalOf(request), params.tellerId, true)
        return unwrap(stopped, agentsFailures)
      },
      {
        ...route({
          scopes: ['agents:tellers'],
          tag: TAG,
          summary: 'Stop a teller',
          description: 'They are signed out at once, and cannot sign in.',
        }),
        params: tellerParams,
        response: { 200: tellerModel, ...problems(agentsFailures, 'teller_not_found') },
      },
    )
    .post(
      '/agents/me/tellers/:tellerId/resume',
      async ({ params, request }) => {
        const resumed = await agents.stopTeller(principalOf(request), params.tellerId, false)
        return unwrap(resumed, agentsFailures)
      },
      {
        ...route({ scopes: ['agents:tellers'], tag: TAG, summary: 'Let a stopped teller work again' }),
        params: tellerParams,
        response: { 200: tellerModel, ...problems(agentsFailures, 'teller_frozen', 'teller_not_found') },
      },
    )
}
