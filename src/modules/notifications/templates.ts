/** What messages say. A template gets plain values and gives plain text; the HTML is made from that text, escaped. */
import { escapeHtml } from '../../platform/html'
import { formatMoney } from '../../platform/money'
import type { CodePurpose, SecurityChange } from '../identity'
import type { Message } from './channels/channel'

export interface TemplateData {
  code: { code: string; purpose: CodePurpose }
  welcome: Record<string, never>
  registration_repeated: Record<string, never>
  sessions_revoked: Record<string, never>
  password_reset: { link: string }
  new_device: { userAgent: string; address: string; at: string }
  security_changed: { change: SecurityChange }
  money_sent: Moved & { fee: number; to: string }
  money_received: Moved & { from: string }
  cash_in: Moved & { from: string }
  float_issued: Moved
  withdrawal_requested: Withdrawn
  withdrawal_paid: Withdrawn & { by: string }
  withdrawal_paid_out: Withdrawn & { commission: number; customer: string }
  withdrawal_cancelled: Withdrawn
  withdrawal_expired: Withdrawn
  withdrawal_reversed: Withdrawn
}

interface Moved {
  amount: number
  currency: string
  balance: number
  transferId: string
}

interface Withdrawn {
  amount: number
  fee: number
  currency: string
  withdrawalId: string
}

export type TemplateName = keyof TemplateData

interface Words {
  subject: string
  lines: string[]
  /** For an SMS; the subject if there is none. */
  short?: string
}

const CODE_PURPOSES: Record<CodePurpose, string> = {
  verify_email: 'to open your account',
  verify_phone: 'to confirm your phone number',
  change_email: 'to confirm your new e-mail address',
  change_phone: 'to confirm your phone number',
  second_factor: 'to sign in or to confirm a change',
}

const SECURITY_CHANGES: Record<SecurityChange, string> = {
  password_changed: 'Your password was changed.',
  pin_changed: 'Your PIN was changed.',
  email_changed: 'The e-mail address of your account was changed.',
  phone_changed: 'The phone number of your account was changed.',
  phone_removed: 'The phone number of your account was removed.',
  phone_taken_over: 'Your phone number was confirmed by another account, so it is no longer yours here.',
  totp_added: 'An authenticator app was set up for your account.',
  totp_removed: 'The authenticator app was removed from your account.',
  email_factor_added: 'Codes by e-mail are a second factor of your account now.',
  email_factor_removed: 'Codes by e-mail are no second factor of your account any more.',
  sms_factor_added: 'Codes by SMS are a second factor of your account now.',
  sms_factor_removed: 'Codes by SMS are no second factor of your account any more.',
  passkey_added: 'A passkey was added to your account.',
  passkey_removed: 'A passkey was removed from your account.',
  recovery_codes_made: 'New recovery codes were made for your account; those before are worth nothing.',
  recovery_code_used: 'A recovery code was used to sign in to your account.',
  factors_reset: 'Your second factors were removed by the operator, and you were signed out everywhere.',
  api_key_made: 'An API key was made for your account.',
  application_allowed: 'An application was allowed to act for your account.',
  second_factor_locked:
    'Somebody who knows your password typed ten wrong codes. Codes are locked for a while: change your password.',
  sign_ins_failing: 'Somebody has tried many wrong passwords on your account. It is not locked, and they are not in.',
  account_closed: 'Your account was closed.',
}

const NOT_YOU = 'If this was not you, call your operator at once.'

const feeLine = (fee: number, currency: string) => (fee > 0 ? [`The fee was ${formatMoney(fee, currency)}.`] : [])

const templates: { [Name in TemplateName]: (data: TemplateData[Name]) => Words } = {
  code: ({ code, purpose }) => ({
    subject: `${code} is your Kumbu code`,
    lines: [
      `Your code ${CODE_PURPOSES[purpose]} is ${code}.`,
      'It works once, for five minutes. Tell it to nobody, not even to us.',
    ],
    short: `Kumbu: ${code} is your code ${CODE_PURPOSES[purpose]}. Five minutes, once. Tell it to nobody.`,
  }),
  password_reset: ({ link }) => ({
    subject: 'Choose a new password',
    lines: [
      'Somebody, we hope you, asked for a new password. Choose it here:',
      link,
      'The link works once, for 30 minutes. If this was not you, do nothing: your password stays as it is.',
    ],
  }),
  new_device: ({ userAgent, address, at }) => ({
    subject: 'A new device signed in',
    lines: [
      'Somebody signed in to your account from a device that you had not used before:',
      `${userAgent}, from ${address}, at ${at}`,
      'If this was you, there is nothing to do. If not, change your password and sign out everywhere at once.',
    ],
  }),
  security_changed: ({ change }) => ({
    subject: SECURITY_CHANGES[change],
    lines: [SECURITY_CHANGES[change], NOT_YOU],
    short: `Kumbu: ${SECURITY_CHANGES[change]} ${NOT_YOU}`,
  }),
  welcome: () => ({
    subject: 'Welcome to Kumbu',
    lines: ['Your account is open.', 'Choose a PIN next: it authorizes every payment, and only you know it.'],
  }),
  registration_repeated: () => ({
    subject: 'You have an account already',
    lines: ['Somebody tried to register with your e-mail address. You have an account already: just sign in.', NOT_YOU],
  }),
  sessions_revoked: () => ({
    subject: 'You were signed out',
    lines: ['A used sign-in came back a second time, so we ended that session to be safe. Sign in again.', NOT_YOU],
  }),
  money_sent: ({ amount, fee, currency, balance, to, transferId }) => ({
    subject: `You sent ${formatMoney(amount, currency)}`,
    lines: [
      `You sent ${formatMoney(amount, currency)} to ${to}.`,
      ...feeLine(fee, currency),
      `Your balance is ${formatMoney(balance, currency)}.`,
      `Reference: ${transferId}`,
      NOT_YOU,
    ],
  }),
  money_received: ({ amount, currency, balance, from, transferId }) => ({
    subject: `You received ${formatMoney(amount, currency)}`,
    lines: [
      `${from} sent you ${formatMoney(amount, currency)}.`,
      `Your balance is ${formatMoney(balance, currency)}.`,
      `Reference: ${transferId}`,
    ],
  }),
  cash_in: ({ amount, currency, balance, from, transferId }) => ({
    subject: `You received ${formatMoney(amount, currency)}`,
    lines: [
      `${from} took your cash and credited ${formatMoney(amount, currency)}.`,
      `Your balance is ${formatMoney(balance, currency)}.`,
      `Reference: ${transferId}`,
    ],
  }),
  float_issued: ({ amount, currency, balance, transferId }) => ({
    subject: `Your float grew by ${formatMoney(amount, currency)}`,
    lines: [`Your float is now ${formatMoney(balance, currency)}.`, `Reference: ${transferId}`],
  }),
  withdrawal_requested: ({ amount, fee, currency, withdrawalId }) => ({
    subject: `A withdrawal of ${formatMoney(amount, currency)} is waiting for you`,
    lines: [
      `${formatMoney(amount + fee, currency)} is held until you take the cash, cancel, or the token expires.`,
      `Reference: ${withdrawalId}`,
      NOT_YOU,
    ],
  }),
  withdrawal_paid: ({ amount, fee, currency, by, withdrawalId }) => ({
    subject: `You withdrew ${formatMoney(amount, currency)}`,
    lines: [
      `${by} paid you ${formatMoney(amount, currency)} in cash.`,
      ...feeLine(fee, currency),
      `Reference: ${withdrawalId}`,
      NOT_YOU,
    ],
  }),
  withdrawal_paid_out: ({ amount, currency, commission, customer, withdrawalId }) => ({
    subject: `You paid out ${formatMoney(amount, currency)}`,
    lines: [
      `You paid ${formatMoney(amount, currency)} in cash to ${customer}; your float grew by the same.`,
      ...(commission > 0 ? [`Your commission was ${formatMoney(commission, currency)}.`] : []),
      `Reference: ${withdrawalId}`,
    ],
  }),
  withdrawal_cancelled: ({ amount, fee, currency, withdrawalId }) => ({
    subject: 'Your withdrawal was cancelled',
    lines: [`${formatMoney(amount + fee, currency)} is available to you again.`, `Reference: ${withdrawalId}`],
  }),
  withdrawal_expired: ({ amount, fee, currency, withdrawalId }) => ({
    subject: 'Your withdrawal token has expired',
    lines: [`${formatMoney(amount + fee, currency)} is available to you again.`, `Reference: ${withdrawalId}`],
  }),
  withdrawal_reversed: ({ amount, fee, currency, withdrawalId }) => ({
    subject: 'Your withdrawal was reversed',
    lines: [
      `The cash was not handed over, so ${formatMoney(amount + fee, currency)} went back to your wallet, the fee included.`,
      `Reference: ${withdrawalId}`,
    ],
  }),
}

export function render<Name extends TemplateName>(
  template: Name,
  data: TemplateData[Name],
  name: string | undefined,
): Pick<Message, 'subject' | 'text' | 'html' | 'short'> {
  const { subject, lines, short = subject } = templates[template](data)
  const greeting = name === undefined ? 'Hello,' : `Hello ${name},`
  return {
    subject,
    text: [greeting, ...lines, 'Kumbu'].join('\n\n'),
    html: page([greeting, ...lines, 'Kumbu']),
    short,
  }
}

const LINK = /^https?:\/\/\S+$/

function page(paragraphs: string[]): string {
  const body = paragraphs.map((line) => `<p>${linked(escapeHtml(line))}</p>`).join('')
  return `<!doctype html><html><body style="font:16px/1.5 sans-serif;max-width:32em;margin:2em auto;padding:0 1em;color:#222">${body}</body></html>`
}

/** A line that is an address can be followed. */
const linked = (line: string) => (LINK.test(line) ? `<a href="${line}">${line}</a>` : line)
