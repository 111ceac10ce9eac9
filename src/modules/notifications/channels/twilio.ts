/**
 * SMS by Twilio. Facts are from Twilio’s documentation: "Messages resource" (request, statuses), "Error and warning
 * dictionary" (codes), "Webhooks security" (signatures).
 */
import type { Clock } from '../../../platform/ids'
import type { Channel, OutgoingMessage, ReceiptAnswer, ReceiptRequest, ReceiptStatus, Sent } from './channel'
import { type FaultTable, notUnderstood, outcomeOf, receiptsOf } from './faults'
import { basic, call, idFrom, memberOf, parsed, providerCheck } from './http'
import { hmac, sameSecret } from './signatures'

/** A number (or name) of ours, or a messaging service that chooses one. */
export type TwilioSender =
  | { from: string; messagingServiceSid?: undefined }
  | { from?: undefined; messagingServiceSid: string }

export type TwilioOptions = TwilioSender & {
  accountSid: string
  authToken: string
  /** `https://api.twilio.com` if nothing is said. */
  apiBase?: string
  /** Where receipts are to be sent; `undefined` while this instance cannot be reached from outside. */
  statusCallback?: () => string | undefined
  clock: Clock
  deadlineMs?: number
}

const PROVIDER = 'twilio'
const CONCURRENCY = 8
/** The limits of `ValidityPeriod`, in seconds. */
const SHORTEST_VALIDITY = 5
const LONGEST_VALIDITY = 36_000

const FAULTS: FaultTable = {
  21211: ['invalid', 'invalid number'],
  21214: ['invalid', 'number cannot be reached'],
  21265: ['invalid', 'a short code'],
  21614: ['invalid', 'not a mobile number'],
  21635: ['invalid', 'a landline'],
  30005: ['invalid', 'unknown number'],
  21266: ['refused', 'sender and recipient are the same'],
  21268: ['refused', 'a premium number'],
  21408: ['not_here', 'region not enabled'],
  21602: ['refused', 'no text'],
  21608: ['not_here', 'number not verified for a trial account'],
  21610: ['refused', 'opted out'],
  21612: ['not_here', 'no route to the number'],
  21617: ['refused', 'text too long'],
  30004: ['refused', 'blocked'],
  30007: ['not_here', 'filtered by the carrier'],
  // Also of a good number, while its carrier is away.
  30006: ['not_here', 'a landline, or a carrier that cannot be reached'],
  20003: ['ours', 'credentials refused'],
  20005: ['ours', 'account not active'],
  20006: ['ours', 'access denied'],
  20404: ['ours', 'no such account'],
  21212: ['ours', 'invalid sender'],
  21603: ['ours', 'no sender'],
  21606: ['ours', 'sender cannot send SMS'],
  21609: ['ours', 'invalid address for receipts'],
  21659: ['ours', 'sender not known'],
  21660: ['ours', 'sender not of this account'],
  21661: ['ours', 'sender cannot send SMS'],
  21703: ['ours', 'messaging service without senders'],
  30002: ['ours', 'account suspended'],
  20429: ['limit', 'too many requests'],
  21611: ['limit', 'queue of the sender is full'],
  30001: ['limit', 'queue is full'],
  20500: ['passing', 'provider error'],
  21730: ['passing', 'provider under maintenance'],
  30003: ['passing', 'handset not reachable'],
  30008: ['passing', 'unknown error'],
}

const STATUSES: Readonly<Record<string, ReceiptStatus>> = {
  accepted: 'accepted',
  scheduled: 'accepted',
  queued: 'accepted',
  sending: 'accepted',
  sent: 'accepted',
  delivered: 'delivered',
  read: 'read',
  undelivered: 'failed',
  failed: 'failed',
  canceled: 'failed',
}

export function createTwilio(options: TwilioOptions): Channel {
  const { accountSid, authToken, apiBase = 'https://api.twilio.com', statusCallback, clock, deadlineMs } = options
  const account = `${apiBase}/2010-04-01/Accounts/${encodeURIComponent(accountSid)}`
  const authorization = basic(accountSid, authToken)

  async function send(message: OutgoingMessage): Promise<Sent> {
    const answer = await call({
      provider: PROVIDER,
      url: `${account}/Messages.json`,
      headers: { authorization, 'content-type': 'application/x-www-form-urlencoded' },
      body: formOf(message).toString(),
      deadlineMs,
    })
    if ('outcome' in answer) return answer
    const body = parsed(answer.text)
    if (answer.status >= 200 && answer.status < 300) {
      const providerId = idFrom(memberOf(body, 'sid'))
      return providerId === undefined ? notUnderstood(PROVIDER, answer) : { outcome: 'accepted', providerId }
    }
    const code = memberOf(body, 'code')
    return outcomeOf({
      provider: PROVIDER,
      answer,
      code: typeof code === 'number' ? code : undefined,
      table: FAULTS,
      clock,
    })
  }

  function formOf({ to, short, expiresAt }: OutgoingMessage): URLSearchParams {
    const form = new URLSearchParams({ To: to, Body: short })
    if (options.from !== undefined) form.set('From', options.from)
    else form.set('MessagingServiceSid', options.messagingServiceSid)
    const callback = statusCallback?.()
    if (callback !== undefined) form.set('StatusCallback', callback)
    if (expiresAt !== undefined) form.set('ValidityPeriod', String(validityOf(expiresAt - clock())))
    return form
  }

  function receipts({ method, url, headers, body }: ReceiptRequest): ReceiptAnswer {
    const form = new URLSearchParams(body)
    const signature = headers.get('x-twilio-signature') ?? ''
    if (!urlsAsSigned(url).some((each) => sameSecret(signature, signatureOf(authToken, each, form)))) {
      return { verdict: 'forged' }
    }
    const providerId = idFrom(form.get('MessageSid'))
    const word = form.get('MessageStatus')
    if (method !== 'POST' || providerId === undefined || word === null) return { verdict: 'malformed' }
    const told = { providerId, word, code: errorCode(form.get('ErrorCode')) }
    return { verdict: 'accepted', receipts: receiptsOf(PROVIDER, STATUSES, FAULTS, told) }
  }

  return {
    provider: PROVIDER,
    medium: 'sms',
    concurrency: CONCURRENCY,
    send,
    receipts,
    check: providerCheck(clock, { provider: PROVIDER, url: `${account}.json`, headers: { authorization } }, (body) => {
      const status = memberOf(body, 'status')
      return status === 'active' ? { state: 'up' } : { state: 'down', detail: `${PROVIDER}: account not active` }
    }),
    close() {},
  }
}

/** What has waited at Twilio until it is worth nothing is not sent any more. */
function validityOf(leftMs: number): number {
  return Math.min(Math.max(Math.ceil(leftMs / 1000), SHORTEST_VALIDITY), LONGEST_VALIDITY)
}

const errorCode = (text: string | null) => (text !== null && /^[1-9]\d{0,5}$/.test(text) ? text : undefined)

/** The address and then each parameter’s name and value, by name; a value that comes twice counts once. */
function signatureOf(authToken: string, url: string, form: URLSearchParams): string {
  const names = [...new Set(form.keys())].sort()
  const parts = names.flatMap((name) => [...new Set(form.getAll(name))].sort().map((value) => `${name}${value}`))
  return hmac('sha1', authToken, `${url}${parts.join('')}`, 'base64')
}

/** Twilio signs some addresses with their port and some without. */
function urlsAsSigned(url: string): string[] {
  const parts = /^(https?):\/\/([^/:?#@]+)(:\d+)?([/?#].*)?$/.exec(url)
  if (!parts) return [url]
  const [, scheme, host, port, rest = ''] = parts
  if (port !== undefined) return [url, `${scheme}://${host}${rest}`]
  return [url, `${scheme}://${host}:${scheme === 'https' ? 443 : 80}${rest}`]
}
