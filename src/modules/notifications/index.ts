/** Messages to people about what happened: by which ways, in which words, and whether they arrived. */

export {
  ChannelSettingError,
  createChannels,
  TAKES,
  vapidKeys,
} from './channels'
export type { Channel, Medium } from './channels/channel'
export { createDevInbox, type DevInbox } from './channels/dev-inbox'
export { subscribeNotices } from './notices'
export {
  devInboxRoutes,
  notificationRoutes,
  outsideRoutes,
  RECEIPTS_PATH,
  receiptGate,
  UNSUBSCRIBE_PATH,
} from './routes'
export { createNotifications, type Notifications } from './service'
export { subscribeTargets } from './service/targets'
