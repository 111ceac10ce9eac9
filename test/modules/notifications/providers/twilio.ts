/** Twilio’s Messages resource, as its public documentation describes it, with the magic numbers of its test credentials. */
import { createProviderServer, hmacOf, type ReceiptOptions, type Taken } from './server'

export interface TwilioMessage extends Taken {
  from: string | undefined
  messagingServiceSid: string | undefined
  statusCallback: string | undefined
  validityPeriod: number | undefined
}

export interface TwilioAccount {
  accountSid: string
  authToken: string
}

const STATUS_OF_CODE: Readonly<Record<number, number>> = { 20003: 401, 20404: 404, 20429: 429, 20500: 500 }

/** From "Test credentials": numbers that are refused in a certain way. */
const MAGIC: Readonly<Record<string, number>> = {
  '+15005550001': 21211,
  '+15005550002': 21612,
  '+15005550003': 21408,
  '+15005550004': 21610,
  '+15005550009': 21614,
}

export function createTwilioServer({ accountSid, authToken }: TwilioAccount) {
  const authorization = `Basic ${btoa(`${accountSid}:${authToken}`)}`

  return createProviderServer<TwilioMessage>({
    newId: (number) => `SM${number.toString(16).padStart(32, '0')}`,
    error,
    receipt,
    async handle(request, take) {
      const { pathname } = new URL(request.url)
      if (request.headers.get('authorization') !== authorization) return error(20003)
      if (request.method === 'GET' && pathname === `/2010-04-01/Accounts/${accountSid}.json`) {
        return Response.json({ sid: accountSid, status: 'active', type: 'Full' })
      }
      if (request.method !== 'POST' || pathname !== `/2010-04-01/Accounts/${accountSid}/Messages.json`) {
        return error(20404)
      }
      const form = new URLSearchParams(await request.text())
      const code = faultIn(request, form)
      if (code !== undefined) return error(code)
      const validity = form.get('ValidityPeriod')
      const message = take({
        to: form.get('To') ?? '',
        text: form.get('Body') ?? '',
        from: form.get('From') ?? undefined,
        messagingServiceSid: form.get('MessagingServiceSid') ?? undefined,
        statusCallback: form.get('StatusCallback') ?? undefined,
        validityPeriod: validity === null ? undefined : Number(validity),
      })
      const { id, to, text } = message
      return Response.json({ sid: id, to, body: text, status: 'queued', error_code: null }, { status: 201 })
    },
  })

  function receipt(url: string, id: string, status: string, { error: code, forged = false }: ReceiptOptions): Request {
    const form = new URLSearchParams({
      SmsSid: id,
      SmsStatus: status,
      MessageStatus: status,
      To: '+258841234567',
      MessageSid: id,
      AccountSid: accountSid,
      From: '+15005550006',
      ApiVersion: '2010-04-01',
      ...(code === undefined ? {} : { ErrorCode: code }),
    })
    const sorted = [...form].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => name + value)
    const key = forged ? 'another token' : authToken
    return new Request(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'x-twilio-signature': hmacOf('sha1', key, url + sorted.join('')).toString('base64'),
      },
      body: form.toString(),
    })
  }
}

function error(code: number): Response {
  const status = STATUS_OF_CODE[code] ?? 400
  const more = `https://www.twilio.com/docs/errors/${code}`
  return Response.json({ code, message: 'Words with +258841234567 in them.', more_info: more, status }, { status })
}

function faultIn(request: Request, form: URLSearchParams): number | undefined {
  if (request.headers.get('content-type') !== 'application/x-www-form-urlencoded') return 21604
  const to = form.get('To') ?? ''
  const text = form.get('Body') ?? ''
  const validity = form.get('ValidityPeriod')
  const callback = form.get('StatusCallback')
  if (!/^\+[1-9]\d{6,14}$/.test(to)) return 21211
  if (!form.get('From') && !form.get('MessagingServiceSid')) return 21603
  if (text === '') return 21602
  if (text.length > 1600) return 21617
  if (callback !== null && !/^https?:\/\/[^/]+\.[^/]+/.test(callback)) return 21609
  if (validity !== null && !(Number(validity) >= 1 && Number(validity) <= 36_000)) return 30012
  return MAGIC[to]
}
