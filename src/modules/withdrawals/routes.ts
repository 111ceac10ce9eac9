/** Withdrawals over HTTP: the customer’s side, and the till’s or ATM’s. */
import { Elysia } from 'elysia'
import { contextOf, principalOf } from '../../platform/http/context'
import type { Idempotency } from '../../platform/http/idempotency'
import { pageOfRows } from '../../platform/http/page'
import { problems, unwrap } from '../../platform/http/problem'
import type { RouteWords } from '../../platform/http/route'
import { withdrawalFailures } from './failures'
import {
  paidModel,
  requestBody,
  requestedModel,
  validateBody,
  withdrawalModel,
  withdrawalParams,
  withdrawalsModel,
  withdrawalsQuery,
} from './model'
import type { Withdrawals } from './service'

const TAG = 'Withdrawals'

export function withdrawalRoutes(withdrawals: Withdrawals, { route }: RouteWords, idempotency: Idempotency) {
  return new Elysia({ name: 'withdrawals', normalize: false })
    .post(
      '/atm/withdrawal-request',
      async ({ body, request, set }) => {
        const { userId } = principalOf(request)
        // The answer holds the token, which is kept nowhere in the clear.
        const sealed = { sealed: true }
        const result = await idempotency.run(
          request,
          body,
          (write) => withdrawals.request({ userId, ...body }, write),
          sealed,
        )
        set.status = 201
        return unwrap(result, withdrawalFailures)
      },
      {
        ...route({
          scopes: ['withdrawals:request'],
          tag: TAG,
          summary: 'Ask for a withdrawal token',
          description: 'Holds the amount and its fee, and answers a token and a QR code to show at a till or ATM.',
          idempotent: true,
        }),
        body: requestBody,
        response: {
          201: requestedModel,
          ...problems(
            withdrawalFailures,
            'pin_wrong',
            'account_frozen',
            'pin_not_set',
            'insufficient_funds',
            'pin_locked',
          ),
        },
      },
    )
    .post(
      '/atm/validate-token',
      async ({ body, request }) => {
        const payer = principalOf(request)
        return unwrap(
          await idempotency.run(request, body, (write) => withdrawals.validate(payer, body.token, write)),
          withdrawalFailures,
        )
      },
      {
        ...route({
          scopes: ['withdrawals:pay'],
          tag: TAG,
          summary: 'Validate a token and pay the cash',
          description:
            'When this answers 200, the books are done: hand over the cash. A token is paid once, whoever else tries.',
          idempotent: true,
        }),
        body: validateBody,
        response: {
          200: paidModel,
          ...problems(
            withdrawalFailures,
            'own_withdrawal',
            'till_closed',
            'account_frozen',
            'token_unknown',
            'withdrawal_paid',
            'withdrawal_cancelled',
            'withdrawal_reversed',
            'withdrawal_expired',
            'token_malformed',
            'balance_limit_exceeded',
            'terminal_locked',
          ),
        },
      },
    )
    .get(
      '/atm/withdrawals',
      ({ query, request }) =>
        pageOfRows(query, 'wdr', (limit, after) => withdrawals.list(principalOf(request).userId, limit, after)),
      {
        ...route({ scopes: ['withdrawals:request'], tag: TAG, summary: 'My withdrawals, newest first' }),
        query: withdrawalsQuery,
        response: { 200: withdrawalsModel },
      },
    )
    .get(
      '/atm/withdrawals/:id',
      async ({ params, request }) => unwrap(await withdrawals.get(principalOf(request), params.id), withdrawalFailures),
      {
        ...route({
          scopes: ['withdrawals:read'],
          tag: TAG,
          summary: 'One withdrawal',
          description: 'For the customer who asked for it and the agent or ATM that paid it.',
        }),
        params: withdrawalParams,
        response: { 200: withdrawalModel, ...problems(withdrawalFailures, 'withdrawal_not_found') },
      },
    )
    .post(
      '/atm/withdrawals/:id/cancel',
      async ({ params, request }) => {
        const { userId } = principalOf(request)
        return unwrap(
          await idempotency.run(request, {}, (write) => withdrawals.cancel(userId, params.id, write)),
          withdrawalFailures,
        )
      },
      {
        ...route({
          scopes: ['withdrawals:request'],
          tag: TAG,
          summary: 'Cancel a withdrawal',
          description: 'Ends the hold. Cancelling twice does nothing more.',
          idempotent: true,
        }),
        params: withdrawalParams,
        response: {
          200: withdrawalModel,
          ...problems(
            withdrawalFailures,
            'withdrawal_not_found',
            'withdrawal_paid',
            'withdrawal_reversed',
            'withdrawal_expired',
          ),
        },
      },
    )
    .post(
      '/atm/withdrawals/:id/reverse',
      async ({ params, request }) => {
        const { userId, role } = principalOf(request)
        const payer = { userId, role, address: contextOf(request).address }
        return unwrap(
          await idempotency.run(request, {}, (write) => withdrawals.reverse(payer, params.id, write)),
          withdrawalFailures,
        )
      },
      {
        ...route({
          scopes: ['withdrawals:pay'],
          tag: TAG,
          summary: 'Reverse a payment whose cash was not handed over',
          description:
            'For the agent or ATM that paid: books the exact opposite, fee and commission included. Reversing twice does nothing more.',
          idempotent: true,
        }),
        params: withdrawalParams,
        response: {
          200: withdrawalModel,
          ...problems(
            withdrawalFailures,
            'account_frozen',
            'till_closed',
            'withdrawal_not_found',
            'withdrawal_not_paid',
            'insufficient_funds',
          ),
        },
      },
    )
}
