/** The fields that requests share, each with its form and its bounds. */
import { FormatRegistry, type TSchema, Type } from '@sinclair/typebox'
import { idForm } from '../ids'
import { currencyDigits, LARGEST_AMOUNT } from '../money'

/** Refuses members that it does not know: a misspelt field on a money route must not be overlooked. */
export function body<Members extends Record<string, TSchema>>(members: Members, example: object) {
  return Type.Object(members, { additionalProperties: false, examples: [example] })
}

export function answer<Members extends Record<string, TSchema>>(members: Members, example?: object) {
  return Type.Object(members, example ? { examples: [example] } : {})
}

/** The same field, with what it means where it stands. */
export const described = <Schema extends TSchema>(schema: Schema, description: string): Schema => ({
  ...schema,
  description,
})

const MOMENT =
  /^(\d{4})-(\d\d)-(\d\d)T(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/

// Control and format characters forge headers and log lines and hide in names; half a surrogate pair is no character.
FormatRegistry.Set('printable', (text) => text.trim() !== '' && !/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(text))
FormatRegistry.Set('mailbox', (text) =>
  /^[^\s@<>"(),:;\\[\]\p{C}]+@[^\s@<>"(),:;\\[\]\p{C}]+\.[^\s@.<>"(),:;\\[\]\p{C}]+$/u.test(text),
)
FormatRegistry.Set('currency', (text) => currencyDigits(text) !== undefined)
FormatRegistry.Set('date-time', isMoment)
FormatRegistry.Set('phone', (text) => /^\+[1-9](?:[\s().-]?\d){6,14}$/.test(text))

/**
 * RFC 3339, section 5.6; seconds may be left out. A date alone, or one as people write it, would mean another moment on
 * each machine, and a day that no calendar has would become another day.
 */
function isMoment(text: string): boolean {
  const parts = MOMENT.exec(text)
  if (!parts) return false
  const [year, month, day] = parts.slice(1).map(Number) as [number, number, number]
  const date = new Date(Date.UTC(year, month - 1, day))
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day
}

/** Whole minor units, 1 to 2^53-1. */
export const amount = Type.Integer({
  minimum: 1,
  maximum: LARGEST_AMOUNT,
  description: 'Whole minor units (cents), at least 1.',
})

/** An amount in an answer; a balance of a system account may be negative. */
export const anyAmount = Type.Integer({ description: 'Whole minor units (cents).' })

/** A currency that is asked for; only one that exists can be. */
export const currency = Type.String({ pattern: '^[A-Z]{3}$', format: 'currency', description: 'ISO 4217.' })

/** Whom money goes to. */
export const reference = Type.String({
  minLength: 3,
  maxLength: 254,
  format: 'printable',
  description: 'User id, phone number or e-mail address.',
})

export const name = Type.String({ minLength: 1, maxLength: 100, format: 'printable' })

/** What somebody calls a thing of theirs. */
export const label = Type.String({ minLength: 1, maxLength: 60, format: 'printable' })

export const email = Type.String({ minLength: 3, maxLength: 254, format: 'mailbox' })

export const phone = Type.String({
  minLength: 8,
  maxLength: 24,
  format: 'phone',
  description: 'International, with +.',
})

export const password = Type.String({ minLength: 8, maxLength: 128, description: 'Any characters, 8 to 128.' })

/** A password that is only compared: it may be anything that was once allowed. */
export const givenPassword = Type.String({ minLength: 1, maxLength: 128 })

export const pin = Type.String({ pattern: '^\\d{4,6}$', description: '4 to 6 digits.' })

export const note = Type.String({ minLength: 1, maxLength: 140, format: 'printable' })

export const moment = Type.String({ format: 'date-time', description: 'ISO 8601, UTC.' })

export const userIdOrMe = Type.String({
  pattern: '^(me|usr_[0-9a-z]{20})$',
  description: 'A user id, or `me`.',
  default: 'me',
})

/** The id of one of our things, as a parameter or a field. */
export const idOf = (prefix: string) => Type.String({ pattern: idForm(prefix).source })
