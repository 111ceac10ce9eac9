/** Tills over HTTP. */
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import { principalOf } from '../../platform/http/context'
import { idOf } from '../../platform/http/fields'
import type { Idempotency } from '../../platform/http/idempotency'
import { problems, unwrap } from '../../platform/http/problem'
import type { RouteWords } from '../../platform/http/route'
import { agentsFailures } from './failures'
import { cashInBody, cashInModel, floatBody, floatModel, tillModel } from './model'
import type { Agents } from './service'

const TAG = 'Agents'

export function agentsRoutes(agents: Agents, { route }: RouteWords, idempotency: Idempotency) {
  return new Elysia({ name: 'agents', normalize: false })
    .get('/agents/me', ({ request }) => agents.till(principalOf(request).userId), {
      ...route({ scopes: ['agents:read'], tag: TAG, summary: 'My float and my commission' }),
      response: { 200: tillModel },
    })
    .post(
      '/agents/me/cash-in',
      async ({ body, request, set }) => {
        const agentId = principalOf(request).userId
        const result = await idempotency.run(request, body, (write) => agents.cashIn({ agentId, ...body }, write))
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
        const result = await idempotency.run(request, body, (write) =>
          agents.issueFloat({ agentId: params.agentId, ...body }, write),
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
}
