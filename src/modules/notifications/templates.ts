/** What messages say. A template gets plain values and gives plain text; the HTML is made from that text, escaped. */
import { escapeHtml } from '../../platform/html'
import { formatMoney } from '../../platform/money'
import type { Message } from './channels/channel'

export interface TemplateData {
  verify_email: { code: string }
  welcome: Record<string, never>
  registration_repeated: Record<string, never>
  sessions_revoked: Record<string, never>
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
}

const NOT_YOU = 'If this was not you, call your operator at once.'

const feeLine = (fee: number, currency: string) => (fee > 0 ? [`The fee was ${formatMoney(fee, currency)}.`] : [])

const templates: { [Name in TemplateName]: (data: TemplateData[Name]) => Words } = {
  verify_email: ({ code }) => ({
    subject: `${code} is your Kumbu code`,
    lines: [`Your code is ${code}.`, 'It works once, for five minutes. Tell it to nobody, not even to us.'],
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
  name: string,
): Omit<Message, 'to'> {
  const { subject, lines } = templates[template](data)
  const greeting = `Hello ${name},`
  return {
    subject,
    text: [greeting, ...lines, 'Kumbu'].join('\n\n'),
    html: page([greeting, ...lines, 'Kumbu']),
  }
}

function page(paragraphs: string[]): string {
  const body = paragraphs.map((line) => `<p>${escapeHtml(line)}</p>`).join('')
  return `<!doctype html><html><body style="font:16px/1.5 sans-serif;max-width:32em;margin:2em auto;padding:0 1em;color:#222">${body}</body></html>`
}
