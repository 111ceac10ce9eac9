/** The fields that the shapes of appointments share. */
import { FormatRegistry, Type } from '@sinclair/typebox'
import { idOf } from '../../../platform/http/fields'
import { isTimeZone } from '../../../platform/time-zone'

FormatRegistry.Set('time-zone', isTimeZone)

export const serviceId = idOf('svc')
export const staffId = idOf('stf')
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

/** The person whom it is about and the words of whoever decided. */
export const reason = Type.String({ minLength: 1, maxLength: 200, format: 'printable' })

export const minutes = (minimum: number, maximum: number, description: string) =>
  Type.Integer({ minimum, maximum, description })

export const orNull = <Schema extends Parameters<typeof Type.Optional>[0]>(schema: Schema) =>
  Type.Union([schema, Type.Null()])
