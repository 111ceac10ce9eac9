/** Messages to people about what happened. */
export type { Channel } from './channels/channel'
export { createInbox, type Inbox } from './channels/inbox'
export { createMailChannel } from './channels/mail'
export { createSmsChannel } from './channels/sms'
export { inboxRoutes } from './routes'
export { createNotifications } from './service'
