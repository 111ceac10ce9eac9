/** What a setting's text may be, and what it becomes. Whatever is not allowed is refused with what is. */
import { engineOf } from '../platform/db/engine'
import { currencyDigits } from '../platform/money'
import { isTimeZone } from '../platform/time-zone'

/** Says what is allowed; `parse` puts the setting's name and value before it. */
export class NotAllowed extends Error {}

export const wholeNumber =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < min || value > max) throw new NotAllowed(`a whole number from ${min} to ${max}`)
    return value
  }

export const oneOf =
  <const Names extends readonly string[]>(...names: Names) =>
  (text: string): Names[number] => {
    if (!names.includes(text)) throw new NotAllowed(`one of ${names.join(', ')}`)
    return text
  }

export const urlOf =
  (...schemes: string[]) =>
  (text: string): string => {
    if (!URL.canParse(text) || !schemes.includes(new URL(text).protocol)) {
      throw new NotAllowed(`an address that begins with ${schemes.map((scheme) => `${scheme}//`).join(' or ')}`)
    }
    return text.replace(/\/+$/, '')
  }

/** Several addresses, separated by spaces. */
export const urlsOf =
  (...schemes: string[]) =>
  (text: string): string[] =>
    text
      .trim()
      .split(/\s+/)
      .map(urlOf(...schemes))

/** Goes into a header, so it has no spaces and no control characters. */
export const credential = (text: string): string => {
  if (!/^[\x21-\x7e]+$/.test(text)) throw new NotAllowed('a text without spaces or line breaks')
  return text
}

export const timeZoneName = (text: string): string => {
  if (!isTimeZone(text)) throw new NotAllowed('the name of a time zone, such as Africa/Maputo')
  return text
}

export const postgresUrl = (text: string): string => {
  if (engineOf(text) !== 'postgres' || !URL.canParse(text))
    throw new NotAllowed('an address that begins with postgres://')
  return text
}

export const anyText = (text: string): string => {
  if (text.trim() === '') throw new NotAllowed('a text that is not empty')
  return text
}

export const onOff = (text: string): boolean => {
  if (/^(true|on|1)$/i.test(text)) return true
  if (/^(false|off|0)$/i.test(text)) return false
  throw new NotAllowed('true or false')
}

export const currencyCode = (text: string): string => {
  if (!/^[A-Z]{3}$/.test(text) || currencyDigits(text) === undefined) {
    throw new NotAllowed('an ISO 4217 currency code in capitals, such as USD, MZN or KES')
  }
  return text
}

export const mailAddress = (text: string): string => {
  if (!/^[^\r\n]*[^\s@<>]+@[^\s@<>]+>?$/.test(text))
    throw new NotAllowed('a mail address, such as Kumbu <no-reply@example.com>')
  return text
}

const listOf =
  <Value extends string>(each: (text: string) => Value) =>
  (text: string): Value[] =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '')
      .map(each)

export const originList = listOf(urlOf('http:', 'https:'))

export const addressList = listOf((text) => text)

export const callingCodeList = listOf((text) => {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new NotAllowed('calling codes without +, such as 258,27')
  return text
})

const REMINDER =
  /^(?<amount>[1-9]\d{0,3})(?<unit>[hm]):(?<media>(?:email|sms|whatsapp|push)(?:\+(?:email|sms|whatsapp|push))*)$/

interface ReminderSetting {
  name: string
  minutesBefore: number
  media: Array<'email' | 'sms' | 'whatsapp' | 'push'>
}

/** `24h:email+whatsapp,1h:sms`; what is said at the same time is one reminder. */
export function reminderList(text: string): ReminderSetting[] {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(reminderOf)
  return [...Map.groupBy(parts, ({ minutesBefore }) => minutesBefore)].map(([minutesBefore, together]) => ({
    name: together[0]?.name ?? '',
    minutesBefore,
    media: [...new Set(together.flatMap(({ media }) => media))],
  }))
}

function reminderOf(part: string): ReminderSetting {
  const { amount = '', unit = '', media = '' } = REMINDER.exec(part)?.groups ?? {}
  if (amount === '') throw new NotAllowed('a list such as 24h:email+whatsapp,1h:sms')
  const minutesBefore = Number(amount) * (unit === 'h' ? 60 : 1)
  return { name: `${amount}${unit}`, minutesBefore, media: media.split('+') as ReminderSetting['media'] }
}

export const roleList = listOf(oneOf('operator', 'agent', 'teller', 'support', 'auditor', 'customer', 'biller'))
