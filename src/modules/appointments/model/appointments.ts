/** Appointments, the waiting list and calendars: the shapes of what people and those who serve them send and get. */
import { Type } from '@sinclair/typebox'
import { answer, anyAmount, body, currency, described, idOf, moment, pin } from '../../../platform/http/fields'
import { pageOf, pageQuery } from '../../../platform/http/page'
import { appointmentId, localDate, orNull, reason, serviceId, staffId } from './fields'

const status = Type.Union([
  Type.Literal('offered'),
  Type.Literal('booked'),
  Type.Literal('completed'),
  Type.Literal('missed'),
  Type.Literal('cancelled'),
  Type.Literal('declined'),
  Type.Literal('lapsed'),
])

const startsAt = Type.String({
  pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}(?:(?::\\d{2}(?:\\.\\d{1,3})?)?(?:Z|[+-]\\d{2}:\\d{2}))?$',
  description: 'A moment with Z or an offset, or local time where the service is (YYYY-MM-DDTHH:mm).',
})

export const bookingBody = body(
  { serviceId, staffId: Type.Optional(staffId), startsAt, pin: Type.Optional(pin) },
  { serviceId: 'svc_01m0z3k8x2f4v5b6n7af', startsAt: '2026-11-25T09:00', pin: '2580' },
)
export const moveBody = body({ startsAt, staffId: Type.Optional(staffId) }, { startsAt: '2026-11-26T09:00' })
export const acceptBody = body({ pin: Type.Optional(pin) }, { pin: '2580' })
export const cancelBody = body({ reason: Type.Optional(reason) }, { reason: 'I am travelling.' })
export const deskCancelBody = body({ reason }, { reason: 'The room is flooded.' })

const named = Type.Object({ id: Type.String(), name: Type.String() })
const appointment = {
  id: Type.String(),
  status,
  version: Type.Integer({ description: 'Counts every change.' }),
  service: named,
  staff: named,
  place: Type.String(),
  startsAt: moment,
  endsAt: moment,
  local: Type.String({ description: 'The start on the clock where the service is, with its offset.' }),
  timeZone: Type.String(),
  price: anyAmount,
  deposit: anyAmount,
  currency,
  depositState: Type.Union([
    Type.Literal('none'),
    Type.Literal('held'),
    Type.Literal('captured'),
    Type.Literal('released'),
    Type.Literal('refunded'),
    Type.Literal('uncollected'),
  ]),
  cancelUntil: Type.String({ format: 'date-time', description: 'Until then cancelling gives the deposit back.' }),
  offeredUntil: orNull(moment),
  cancelledBy: orNull(
    Type.Union([Type.Literal('customer'), Type.Literal('staff'), Type.Literal('operator'), Type.Literal('system')]),
  ),
  reason: orNull(Type.String()),
  createdAt: moment,
}
const shown = {
  id: 'apt_01m0z3k8x2f4v5b6n7af',
  status: 'booked',
  version: 1,
  service: { id: 'svc_01m0z3k8x2f4v5b6n7af', name: 'Account opening' },
  staff: { id: 'stf_01m0z3k8x2f4v5b6n7af', name: 'Graça' },
  place: 'Av. Eduardo Mondlane 42, Maputo',
  startsAt: '2026-11-25T07:00:00.000Z',
  endsAt: '2026-11-25T07:30:00.000Z',
  local: '2026-11-25T09:00+02:00',
  timeZone: 'Africa/Maputo',
  price: 2000,
  deposit: 500,
  currency: 'USD',
  depositState: 'held',
  cancelUntil: '2026-11-24T07:00:00.000Z',
  offeredUntil: null,
  cancelledBy: null,
  reason: null,
  createdAt: '2026-11-20T09:30:00.000Z',
}
const atDesk = { ...appointment, customer: named }
const shownAtDesk = { ...shown, customer: { id: 'usr_01m0z3k8x2f4v5b6n7af', name: 'Amina Macuácua' } }

export const appointmentModel = answer(appointment, shown)
export const appointmentsModel = pageOf(Type.Object(appointment), [{ items: [shown], nextCursor: null }])
export const deskAppointmentModel = answer(atDesk, shownAtDesk)
export const deskAppointmentsModel = pageOf(Type.Object(atDesk), [{ items: [shownAtDesk], nextCursor: null }])
export const appointmentParams = Type.Object({ appointmentId })
export const deskQuery = Type.Object({
  ...pageQuery,
  staffId: Type.Optional(described(staffId, 'Of this member of staff only.')),
  status: Type.Optional(described(status, 'In this state only.')),
  from: Type.Optional(Type.String({ format: 'date-time', description: 'Starts from this moment on.' })),
  to: Type.Optional(Type.String({ format: 'date-time', description: 'Starts before this moment.' })),
})

export const calendarModel = Type.String({
  examples: ['BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR'],
})

export const waitBody = body(
  { serviceId, staffId: Type.Optional(staffId), from: localDate, to: localDate },
  { serviceId: 'svc_01m0z3k8x2f4v5b6n7af', from: '2026-11-25', to: '2026-11-30' },
)
const wait = {
  id: Type.String(),
  serviceId: Type.String(),
  staffId: orNull(Type.String()),
  from: Type.String(),
  to: Type.String(),
  state: Type.Union([Type.Literal('waiting'), Type.Literal('offered'), Type.Literal('ended')]),
  createdAt: moment,
}
const shownWait = {
  id: 'wtl_01m0z3k8x2f4v5b6n7af',
  serviceId: 'svc_01m0z3k8x2f4v5b6n7af',
  staffId: null,
  from: '2026-11-25',
  to: '2026-11-30',
  state: 'waiting',
  createdAt: '2026-11-24T09:30:00.000Z',
}
export const waitModel = answer(wait, shownWait)
export const waitsModel = pageOf(Type.Object(wait), [{ items: [shownWait], nextCursor: null }])
export const waitParams = Type.Object({ waitId: idOf('wtl') })

export const feedModel = answer(
  { url: Type.String({ description: 'Secret: whoever has it sees the calendar. It is shown this once.' }) },
  {
    url: 'https://money.example/api/v1/appointments/feeds/x7Yb0q3mE5v8K2nR4tW6zA1cD9fG-hJ_LpQsUuVwXyZ',
  },
)
export const feedParams = Type.Object({ token: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }) })
