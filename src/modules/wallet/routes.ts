/** Wallets over HTTP. */
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import { contextOf, principalOf } from '../../platform/http/context'
import { idOf } from '../../platform/http/fields'
import type { Idempotency } from '../../platform/http/idempotency'
import { decodeCursor, encodeCursor, limitOf } from '../../platform/http/page'
import { problems, unwrap } from '../../platform/http/problem'
import type { RouteWords } from '../../platform/http/route'
import { idForm } from '../../platform/ids'
import { fail } from '../../platform/result'
import { ownId } from '../identity'
import { walletFailures } from './failures'
import {
  balanceModel,
  currencyQuery,
  receiptParams,
  statusModel,
  transactionsModel,
  transactionsQuery,
  transferBody,
  transferModel,
  walletParams,
} from './model'
import type { Wallet } from './service'

const TAG = 'Wallet'

export function walletRoutes(wallet: Wallet, { route }: RouteWords, idempotency: Idempotency) {
  /** The user whose wallet the path names; only ever the caller’s own. */
  function ownWallet(request: Request, userId: string): string {
    const own = ownId({ id: principalOf(request).userId }, userId)
    return own ?? unwrap(fail('not_your_wallet'), walletFailures)
  }

  async function transactions({
    params,
    query,
    request,
  }: {
    params: typeof walletParams.static
    query: typeof transactionsQuery.static
    request: Request
  }) {
    const { items, next } = await wallet.transactions(ownWallet(request, params.userId), {
      currency: query.currency,
      type: query.type,
      limit: limitOf(query),
      after: decodeCursor(query.cursor, idForm('txn')),
      from: query.from === undefined ? undefined : Date.parse(query.from),
      to: query.to === undefined ? undefined : Date.parse(query.to),
    })
    return { items, nextCursor: next === null ? null : encodeCursor(next) }
  }

  return new Elysia({ name: 'wallet', normalize: false })
    .get(
      '/wallet/:userId/balance',
      async ({ params, query, request }) =>
        unwrap(await wallet.balance(ownWallet(request, params.userId), query.currency), walletFailures),
      {
        ...route({ scopes: ['wallet:read'], tag: TAG, summary: 'Balance, held and available' }),
        params: walletParams,
        query: currencyQuery,
        response: { 200: balanceModel, ...problems(walletFailures, 'not_your_wallet', 'account_not_found') },
      },
    )
    .post(
      '/wallet/:userId/transfer',
      async ({ params, body, request, set }) => {
        const fromUserId = ownWallet(request, params.userId)
        const result = await idempotency.run(request, body, (write) => wallet.transfer({ fromUserId, ...body }, write))
        set.status = 201
        return unwrap(result, walletFailures)
      },
      {
        ...route({
          scopes: ['wallet:transfer'],
          tag: TAG,
          summary: 'Send money',
          description:
            'Moves money at once, to a user id, a phone number or an e-mail address. Send an `Idempotency-Key`: a repeat then gets the first answer.',
          idempotent: true,
        }),
        params: walletParams,
        body: transferBody,
        response: {
          201: transferModel,
          ...problems(
            walletFailures,
            'not_your_wallet',
            'pin_wrong',
            'account_frozen',
            'recipient_not_found',
            'recipient_cannot_receive',
            'pin_not_set',
            'recipient_is_sender',
            'insufficient_funds',
            'currency_mismatch',
            'balance_limit_exceeded',
            'pin_locked',
          ),
        },
      },
    )
    .get('/wallet/:userId/transactions', transactions, {
      ...route({
        scopes: ['wallet:read'],
        tag: TAG,
        summary: 'Movements, newest first',
        description: 'One row a movement, with the balance after it.',
      }),
      params: walletParams,
      query: transactionsQuery,
      response: { 200: transactionsModel, ...problems(walletFailures, 'not_your_wallet') },
    })
    .post(
      '/wallet/:userId/transactions/:transferId/receipt',
      async ({ params, request, set }) => {
        unwrap(await wallet.sendReceipt(ownWallet(request, params.userId), params.transferId), walletFailures)
        set.status = 202
        return {}
      },
      {
        ...route({
          scopes: ['wallet:read'],
          tag: TAG,
          summary: 'Send me the receipt of a movement',
          description: 'By e-mail, to the address of the wallet’s owner.',
        }),
        params: receiptParams,
        response: { 202: Type.Object({}), ...problems(walletFailures, 'not_your_wallet', 'movement_not_found') },
      },
    )
    .post(
      '/users/:userId/freeze',
      async ({ params, request }) =>
        unwrap(await wallet.setFrozen(params.userId, true, actorOf(request)), walletFailures),
      {
        ...route({
          scopes: ['users:freeze'],
          tag: 'Operator',
          summary: 'Freeze a person and their wallet',
          description:
            'They are signed out everywhere, and their wallet neither pays nor receives. Only an operator freezes staff, and nobody themselves.',
        }),
        params: Type.Object({ userId: idOf('usr') }),
        response: {
          200: statusModel,
          ...problems(walletFailures, 'role_protected', 'user_not_found', 'status_conflict'),
        },
      },
    )
    .post(
      '/users/:userId/unfreeze',
      async ({ params, request }) =>
        unwrap(await wallet.setFrozen(params.userId, false, actorOf(request)), walletFailures),
      {
        ...route({ scopes: ['users:manage'], tag: 'Operator', summary: 'Unfreeze a person and their wallet' }),
        params: Type.Object({ userId: idOf('usr') }),
        response: {
          200: statusModel,
          ...problems(walletFailures, 'role_protected', 'user_not_found', 'status_conflict'),
        },
      },
    )
}

function actorOf(request: Request) {
  const { userId, role } = principalOf(request)
  return { id: userId, role, address: contextOf(request).address }
}
