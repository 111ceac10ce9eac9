/** The books, for whoever keeps them. */
import { Elysia } from 'elysia'
import type { RouteWords } from '../../platform/http/route'
import { totalsModel } from './model'
import type { Ledger } from './service'

export function ledgerRoutes(ledger: Ledger, { route }: RouteWords) {
  return new Elysia({ name: 'ledger', normalize: false }).get(
    '/ledger/totals',
    async () => ({ items: await ledger.totals() }),
    {
      ...route({
        scopes: ['ledger:read'],
        tag: 'Operator',
        summary: 'Balances by kind of account',
        description: 'All balances of a currency sum to zero: what is issued is what the trust account holds.',
      }),
      response: { 200: totalsModel },
    },
  )
}
