/**
 * SMS by Africa’s Talking. Facts are from their documentation: "SMS: sending" (form, status codes), "SMS:
 * notifications" (delivery reports), "Application data" (the account’s balance). The form of `/version1/messaging` is
 * used, and not the bulk JSON variant, because it takes one message as well and the sandbox has it too.
 */
import type { Clock } from '../../../platform/ids'
import type { Channel, OutgoingMessage, ReceiptAnswer, ReceiptRequest, ReceiptStatus, Sent } from './channel'
import { type FaultTable, notUnderstood, outcomeOf, receiptsOf } from './faults'
import { call, idFrom, memberOf, parsed, providerCheck } from './http'
import { sameSecret } from './signatures'

export interface AfricasTalkingOptions {
  username: string
  apiKey: string
  /** A registered sender name or short code. */
  from?: string
  /** The live host if nothing is said, and the sandbox for the user `sandbox`. */
  apiBase?: string
  /** Their reports are not signed: the address that they are sent to carries this as `?token=…`. */
  receiptsToken: string
  clock: Clock
  deadlineMs?: number
}

const PROVIDER = 'africas-talking'
const CONCURRENCY = 8
const TAKEN = new Set([100, 101, 102])

const FAULTS: FaultTable = {
  401: ['ours', 'held for risk'],
  402: ['ours', 'invalid sender'],
  403: ['invalid', 'invalid number'],
  404: ['invalid', 'number of a kind that gets no SMS'],
  405: ['ours', 'balance too low'],
  406: ['refused', 'opted out'],
  407: ['not_here', 'no route to the number'],
  409: ['refused', 'do not disturb'],
  500: ['passing', 'provider error'],
  501: ['passing', 'gateway error'],
  502: ['passing', 'rejected by the gateway'],
}

/** Words that stand where a whole request is refused and no recipient is named. */
const CODES_OF_WORDS: Readonly<Record<string, number>> = {
  RiskHold: 401,
  InvalidSenderId: 402,
  InsufficientBalance: 405,
}

const STATUSES: Readonly<Record<string, ReceiptStatus>> = {
  Sent: 'accepted',
  Submitted: 'accepted',
  Buffered: 'accepted',
  Success: 'delivered',
  Rejected: 'failed',
  Failed: 'failed',
  AbsentSubscriber: 'failed',
  Expired: 'failed',
}

/** Only a number that does not exist is invalid: one that is suspended or on another network may come back. */
const FAILURES: FaultTable = {
  UserDoesNotExist: ['invalid', 'no such number'],
  UserIsInactive: ['passing', 'subscriber inactive'],
  UserAccountSuspended: ['passing', 'subscriber suspended'],
  NotNetworkSubscriber: ['passing', 'subscriber of another network'],
  UserInBlackList: ['refused', 'opted out'],
  DoNotDisturbRejection: ['refused', 'do not disturb'],
  AbsentSubscriber: ['passing', 'handset not reachable'],
  Expired: ['passing', 'handset not reachable in time'],
}

export function createAfricasTalking(options: AfricasTalkingOptions): Channel {
  const { username, apiKey, from, receiptsToken, clock, deadlineMs } = options
  const host = username === 'sandbox' ? 'api.sandbox.africastalking.com' : 'api.africastalking.com'
  const base = `${options.apiBase ?? `https://${host}`}/version1`
  const headers = { apiKey, accept: 'application/json' }

  async function send({ to, short }: OutgoingMessage): Promise<Sent> {
    const form = new URLSearchParams({ username, to, message: short })
    if (from !== undefined) form.set('from', from)
    const answer = await call({
      provider: PROVIDER,
      url: `${base}/messaging`,
      headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
      body: form.toString(),
      deadlineMs,
    })
    if ('outcome' in answer) return answer
    const judge = (code?: number) => outcomeOf({ provider: PROVIDER, answer, code, table: FAULTS, clock })
    if (answer.status < 200 || answer.status >= 300) return judge()

    const data = memberOf(parsed(answer.text), 'SMSMessageData')
    const recipient = memberOf(memberOf(data, 'Recipients'), 0)
    const code = codeOf(memberOf(recipient, 'statusCode')) ?? codeInWords(memberOf(data, 'Message'))
    if (code === undefined) return notUnderstood(PROVIDER, answer)
    if (!TAKEN.has(code)) return judge(code)
    const providerId = idFrom(memberOf(recipient, 'messageId'))
    return providerId === undefined ? notUnderstood(PROVIDER, answer) : { outcome: 'accepted', providerId }
  }

  function receipts({ method, url, body }: ReceiptRequest): ReceiptAnswer {
    const token = new URL(url).searchParams.get('token') ?? ''
    if (!sameSecret(token, receiptsToken)) return { verdict: 'forged' }
    const form = new URLSearchParams(body)
    const providerId = idFrom(form.get('id'))
    const word = form.get('status')
    if (method !== 'POST' || providerId === undefined || word === null) return { verdict: 'malformed' }
    const told = { providerId, word, code: failureCode(word, form.get('failureReason')) }
    return { verdict: 'accepted', receipts: receiptsOf(PROVIDER, STATUSES, FAILURES, told) }
  }

  const user = `${base}/user?username=${encodeURIComponent(username)}`
  return {
    provider: PROVIDER,
    medium: 'sms',
    receiptsQuery: `?token=${receiptsToken}`,
    concurrency: CONCURRENCY,
    send,
    receipts,
    check: providerCheck(clock, { provider: PROVIDER, url: user, headers }, (body) => {
      // How much is left there is for whoever signs in there, not for whoever asks how we are.
      return memberOf(body, 'UserData') === undefined ? { state: 'down', detail: 'answered nonsense' } : { state: 'up' }
    }),
    close() {},
  }
}

const codeOf = (value: unknown): number | undefined => {
  const code = Number(typeof value === 'number' || typeof value === 'string' ? value : Number.NaN)
  return Number.isInteger(code) && code >= 100 && code <= 999 ? code : undefined
}

const codeInWords = (value: unknown): number | undefined =>
  typeof value === 'string' && Object.hasOwn(CODES_OF_WORDS, value) ? CODES_OF_WORDS[value] : undefined

/** Their word for why it failed, or else for how far it has come. */
function failureCode(word: string, failureReason: string | null): string {
  const named = failureReason === null || failureReason === '' ? word : failureReason
  return /^[A-Za-z]{1,40}$/.test(named) ? named : word
}
