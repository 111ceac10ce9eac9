/** The SMS API of Africa’s Talking, as its public documentation describes it. */
import { createProviderServer, type ReceiptOptions, type Taken } from './server'

export interface AfricasTalkingMessage extends Taken {
  from: string | undefined
}

export interface AfricasTalkingAccount {
  username: string
  apiKey: string
}

const WORDS: Readonly<Record<number, string>> = {
  100: 'Processed',
  101: 'Success',
  102: 'Queued',
  401: 'RiskHold',
  402: 'InvalidSenderId',
  403: 'InvalidPhoneNumber',
  404: 'UnsupportedNumberType',
  405: 'InsufficientBalance',
  406: 'UserInBlacklist',
  407: 'CouldNotRoute',
  409: 'DoNotDisturbRejection',
  500: 'InternalServerError',
  501: 'GatewayError',
  502: 'RejectedByGateway',
}

export function createAfricasTalkingServer({ username, apiKey }: AfricasTalkingAccount) {
  return createProviderServer<AfricasTalkingMessage>({
    newId: (number) => `ATXid_${number.toString(16).padStart(32, '0')}`,
    error,
    receipt,
    async handle(request, take) {
      const { pathname, searchParams } = new URL(request.url)
      if (request.headers.get('apikey') !== apiKey) return unauthorised()
      if (request.method === 'GET' && pathname === '/version1/user' && searchParams.get('username') === username) {
        return Response.json({ UserData: { balance: 'KES 1785.50' } })
      }
      if (request.method !== 'POST' || pathname !== '/version1/messaging') return new Response('', { status: 404 })
      const form = new URLSearchParams(await request.text())
      if (form.get('username') !== username) return unauthorised()
      // Without this it answers in XML.
      if (request.headers.get('accept') !== 'application/json') return new Response('<AfricasTalkingResponse/>')
      const to = form.get('to') ?? ''
      const text = form.get('message') ?? ''
      if (to === '' || text === '') return new Response('Request is missing required form field', { status: 400 })
      if (!/^\+[1-9]\d{6,14}$/.test(to)) return error(403)
      const message = take({ to, text, from: form.get('from') ?? undefined })
      return recipients([{ statusCode: 101, number: to, status: 'Success', cost: 'KES 0.8000', messageId: message.id }])
    },
  })
}

const unauthorised = () => new Response('The supplied authentication is invalid', { status: 401 })

function recipients(
  all: Record<string, unknown>[],
  message = `Sent to ${all.length}/1 Total Cost: KES 0.8000`,
): Response {
  return Response.json({ SMSMessageData: { Message: message, Recipients: all } }, { status: 201 })
}

/** A sender that is not ours fails the whole request: no recipient is named. */
function error(code: number): Response {
  if (code === 402) return recipients([], 'InvalidSenderId')
  const status = WORDS[code] ?? 'Unheard'
  return recipients([{ statusCode: code, number: '+258841234567', status, cost: '0', messageId: 'None' }])
}

function receipt(url: string, id: string, status: string, { error: reason, forged = false }: ReceiptOptions): Request {
  const address = new URL(url)
  if (forged) address.searchParams.set('token', 'a-guess')
  const form = new URLSearchParams({
    id,
    status,
    phoneNumber: '+258841234567',
    networkCode: '64301',
    retryCount: '0',
    ...(reason === undefined ? {} : { failureReason: reason }),
  })
  return new Request(address, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: form.toString(),
  })
}
