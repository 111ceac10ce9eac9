/** The ledger: double entry, append only, in whole minor units. */
export { type PostingCode, postingFailures } from './failures'
export { type AccountKindName, accountKinds, type TransferType } from './kinds'
export { type AccountState, type Leg, legsOf, post } from './posting'
export { ledgerRoutes } from './routes'
export {
  createLedger,
  type Hold,
  type HoldCode,
  type Ledger,
  type Posted,
  type ReverseCode,
  type Transfer,
} from './service'
export type { StatementRow } from './service/statements'
export { type Finding, type LedgerReport, verifyLedger } from './service/verify'
