/** Wallets: a person’s balance, transfers and movements. */
export { receiptAsked, transferCompleted } from './events'
export { walletRoutes } from './routes'
export { createWallet, type Wallet } from './service'
