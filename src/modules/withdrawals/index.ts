/** Cash-out by one-time token or QR code. */
export {
  type WithdrawalFacts,
  withdrawalCancelled,
  withdrawalExpired,
  withdrawalPaid,
  withdrawalRequested,
  withdrawalReversed,
} from './events'
export { withdrawalRoutes } from './routes'
export { createWithdrawals } from './service'
