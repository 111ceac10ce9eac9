/**
 * The kinds of account, and where every shilling can be. Balances are credits less debits: the trust account mirrors the
 * money in the bank with a negative sign, so all balances of a currency sum to zero and issued e-money equals trust.
 */
export interface AccountKind {
  /** Whether its balance may fall under zero. */
  readonly mayOverdraw: boolean
  /** Whether each owner has one of their own, or the instance has it. */
  readonly owned: boolean
  /** Every movement of a sort passes through it, so PostgreSQL gets several rows of it to lock. */
  readonly busy: boolean
}

export const accountKinds = {
  /** A customer’s wallet. */
  customer: { mayOverdraw: false, owned: true, busy: false },
  /** The e-money an agent or ATM buys and sells cash with. */
  float: { mayOverdraw: false, owned: true, busy: false },
  /** What an agent has earned. */
  commission: { mayOverdraw: false, owned: true, busy: false },
  /** What is owed to a biller until it is settled. */
  settlement: { mayOverdraw: false, owned: true, busy: false },
  /** What the operator has earned. */
  fees: { mayOverdraw: false, owned: false, busy: true },
  /** Money whose owner is not known yet. */
  suspense: { mayOverdraw: false, owned: false, busy: false },
  /** The money in the bank that all e-money is issued against. */
  trust: { mayOverdraw: true, owned: false, busy: true },
} as const satisfies Record<string, AccountKind>

export type AccountKindName = keyof typeof accountKinds

/** Movements, in the words of the GSMA Mobile Money API 1.2.0 (`type` of a transaction); `issuance` is our own. */
export type TransferType =
  | 'transfer'
  | 'deposit'
  | 'withdrawal'
  | 'billpay'
  | 'merchantpay'
  | 'disbursement'
  | 'adjustment'
  | 'reversal'
  /** E-money issued against the trust account. */
  | 'issuance'
