/** The ledger: double entry, append only, in whole minor units. */
export { type PostingCode, postingFailures } from './failures'
export { type AccountKindName, accountKinds, type TransferType } from './kinds'
export { type AccountState, type Leg, legsOf, post } from './posting'
export { ledgerRoutes } from './routes'
export {
  createLedger,
  type HoldCode,
  type Ledger,
  type Posted,
} from './service'
export type { StatementRow } from './service/statements'
export { verifyLedger } from './service/verify'
