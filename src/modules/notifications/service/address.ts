/** Addresses as people write them, in the one form in which they are kept and compared. */
import type { Keyring } from '../../../platform/security/keyring'
import type { Medium } from '../channels/channel'

const MAIL_ADDRESS = /^[^\s@<>"(),:;\\[\]]+@[^\s@<>"(),:;\\[\]]+\.[^\s@.<>"(),:;\\[\]]+$/
const PHONE_NUMBER = /^\+[1-9]\d{6,14}$/

/** A number without what makes it readable; anything else as it stands. */
export const plainAddress = (text: string): string => text.trim().replaceAll(/(?<=^\+[\d\s().-]*)[\s().-]/g, '')

export const isMailAddress = (plain: string): boolean => MAIL_ADDRESS.test(plain)
export const isPhoneNumber = (plain: string): boolean => PHONE_NUMBER.test(plain)

/** Whether numbers of its country are served; no codes: all are. */
export const isServed = (callingCodes: readonly string[], phone: string): boolean =>
  callingCodes.length === 0 || callingCodes.some((code) => phone.startsWith(`+${code}`))

/** Whose limits a message to an address counts against that is no user’s. */
export const recipientHash = (keyring: Keyring, address: string): string =>
  keyring.hash('notification-recipient', address.toLowerCase())

/** Whether the medium could go there. */
export const fitsMedium = (medium: Medium, plain: string): boolean =>
  medium === 'email' ? isMailAddress(plain) : (medium === 'sms' || medium === 'whatsapp') && isPhoneNumber(plain)
