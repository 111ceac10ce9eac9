/** Wallets: a person’s balance, transfers and movements. */
export { transferCompleted } from './events'
export { walletRoutes } from './routes'
export { createWallet, type Wallet } from './service'
