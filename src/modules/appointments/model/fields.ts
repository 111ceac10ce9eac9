/** The fields that the shapes of appointments share. */
import { FormatRegistry, Type } from '@sinclair/typebox'
import { described, idOf } from '../../../platform/http/fields'
import { isTimeZone } from '../../../platform/time-zone'

FormatRegistry.Set('time-zone', isTimeZone)

export const serviceId = described(idOf('svc'), 'What is booked.')
export const staffId = described(idOf('stf'), 'With whom; where it may be left out: whoever is free.')
export const appointmentId = idOf('apt')

export const timeZone = Type.String({
  minLength: 1,
  maxLength: 64,
  format: 'time-zone',
  description: 'IANA name, such as Africa/Maputo.',
})

export const localDate = Type.String({
  pattern: '^\\d{4}-\\d{2}-\\d{2}$',
  description: 'A date where the service is.',
})

export const reason = Type.String({
  minLength: 1,
  maxLength: 200,
  format: 'printable',
  description: 'Why, in the words of whoever decides it: the other side reads it.',
})

export const minutes = (minimum: number, maximum: number, description: string) =>
  Type.Integer({ minimum, maximum, description })

export const orNull = <Schema extends Parameters<typeof Type.Optional>[0]>(schema: Schema) =>
  Type.Union([schema, Type.Null()])
