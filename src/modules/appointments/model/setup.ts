/** What can be booked, with whom, and when: the shapes of setting the place up. */
import { Type } from '@sinclair/typebox'
import { answer, body, currency, described, idOf, moment, name } from '../../../platform/http/fields'
import { pageOf, pageQuery } from '../../../platform/http/page'
import { LARGEST_AMOUNT } from '../../../platform/money'
import { localDate, minutes, orNull, reason, serviceId, staffId, timeZone } from './fields'

const YEAR_MINUTES = 366 * 1440

const medium = Type.Union([
  Type.Literal('email'),
  Type.Literal('sms'),
  Type.Literal('whatsapp'),
  Type.Literal('push'),
  Type.Literal('webhook'),
  Type.Literal('in_app'),
])

const reminderPlan = Type.Object(
  {
    name: Type.String({ pattern: '^(?!review$)[a-z][a-z0-9_]{0,29}$', description: 'Which words are sent.' }),
    minutesBefore: minutes(1, 60 * 1440, 'Before the start.'),
    media: Type.Array(medium, { minItems: 1, maxItems: 6, uniqueItems: true, description: 'By all of these at once.' }),
  },
  { additionalProperties: false },
)

const price = (description: string) => Type.Integer({ minimum: 0, maximum: LARGEST_AMOUNT, description })

const printable = { minLength: 1, format: 'printable' }

const serviceMembers = {
  name: described(name, 'As people choose it.'),
  description: Type.String({ ...printable, maxLength: 1000, description: 'What it is, for whoever chooses.' }),
  durationMinutes: minutes(5, 1440, 'How long it takes.'),
  bufferMinutes: minutes(0, 720, 'After the end, before the next one may begin.'),
  price: price('What it costs, in minor units.'),
  deposit: price('What is held at the booking; at most the price.'),
  currency,
  capacity: minutes(1, 500, 'How many people may share one start.'),
  place: Type.String({ ...printable, maxLength: 200, description: 'Where it is.' }),
  timeZone,
  slotStepMinutes: minutes(5, 1440, 'Minutes between two starts, counted from the opening.'),
  minNoticeMinutes: minutes(0, YEAR_MINUTES, 'How long before the start it must be booked.'),
  maxDays: minutes(1, 366, 'How many days ahead it can be booked.'),
  cancelMinutes: minutes(0, YEAR_MINUTES, 'Until so long before the start, cancelling gives the deposit back.'),
  payeeId: described(orNull(idOf('usr')), 'Who gets the deposits; null: they are the place’s own earnings.'),
  reminders: described(
    orNull(Type.Array(reminderPlan, { maxItems: 5 })),
    'Instead of those of the instance; null: those, and an empty list: none.',
  ),
  active: Type.Boolean({ description: 'Whether it can be booked.' }),
}

const { properties: partialService } = Type.Partial(Type.Object(serviceMembers))

const serviceExample = {
  name: 'Account opening',
  description: 'Bring an identity document.',
  durationMinutes: 30,
  bufferMinutes: 10,
  price: 2000,
  deposit: 500,
  currency: 'USD',
  capacity: 1,
  place: 'Av. Eduardo Mondlane 42, Maputo',
  timeZone: 'Africa/Maputo',
  slotStepMinutes: 15,
  minNoticeMinutes: 60,
  maxDays: 60,
  cancelMinutes: 1440,
  payeeId: null,
  reminders: [{ name: 'day', minutesBefore: 1440, media: ['email'] }],
  active: true,
}

export const newServiceBody = body(
  { ...partialService, name: serviceMembers.name, durationMinutes: serviceMembers.durationMinutes, timeZone },
  serviceExample,
)
export const serviceBody = body(partialService, { price: 2500, active: true })

const service = {
  ...serviceMembers,
  description: Type.String(),
  place: Type.String(),
  id: Type.String(),
  createdAt: moment,
  rating: orNull(Type.Number({ description: 'The mean of the stars.' })),
  reviews: Type.Integer(),
}
const shownService = {
  ...serviceExample,
  id: 'svc_01m0z3k8x2f4v5b6n7af',
  createdAt: '2026-11-24T09:30:00.000Z',
  rating: 4.75,
  reviews: 12,
}

export const serviceModel = answer(service, shownService)
export const servicesModel = pageOf(Type.Object(service), [{ items: [shownService], nextCursor: null }])
export const serviceParams = Type.Object({ serviceId })
export const pagedQuery = Type.Object(pageQuery)

export const slotsQuery = Type.Object({ from: localDate, to: localDate, staffId: Type.Optional(staffId) })
export const slotsModel = answer(
  {
    timeZone: Type.String(),
    items: Type.Array(
      Type.Object({
        startsAt: moment,
        endsAt: moment,
        local: Type.String({ description: 'The start on the clock where the service is, with its offset.' }),
        places: Type.Integer({ description: 'How many people can still book it.' }),
        staffIds: Type.Array(Type.String()),
      }),
    ),
  },
  {
    timeZone: 'Africa/Maputo',
    items: [
      {
        startsAt: '2026-11-25T07:00:00.000Z',
        endsAt: '2026-11-25T07:30:00.000Z',
        local: '2026-11-25T09:00+02:00',
        places: 1,
        staffIds: ['stf_01m0z3k8x2f4v5b6n7af'],
      },
    ],
  },
)

const hoursModel = Type.Object(
  {
    weekday: Type.Integer({ minimum: 1, maximum: 7, description: '1 is Monday.' }),
    fromMinute: minutes(0, 1439, 'Minutes after midnight, local time.'),
    toMinute: minutes(1, 1440, '1440 is midnight; what goes on overnight is two days’ hours.'),
  },
  { additionalProperties: false },
)
const weekExample = [
  { weekday: 1, fromMinute: 540, toMinute: 720 },
  { weekday: 1, fromMinute: 780, toMinute: 1020 },
]

export const hoursBody = body(
  { hours: Type.Array(hoursModel, { maxItems: 70, description: 'The whole week, in place of what it was.' }) },
  { hours: weekExample },
)

const staffMembers = {
  name: described(name, 'As customers see it.'),
  userId: described(orNull(idOf('usr')), 'The account by which they see and run their own diary.'),
  timeZone,
  serviceIds: Type.Array(serviceId, { maxItems: 200, description: 'What they do.' }),
  active: Type.Boolean({ description: 'Whether they can be booked.' }),
}
const staffExample = {
  name: 'Graça',
  timeZone: 'Africa/Maputo',
  serviceIds: ['svc_01m0z3k8x2f4v5b6n7af'],
  active: true,
}

export const newStaffBody = body(
  {
    name: staffMembers.name,
    timeZone,
    userId: Type.Optional(staffMembers.userId),
    serviceIds: Type.Optional(staffMembers.serviceIds),
    active: Type.Optional(staffMembers.active),
  },
  { ...staffExample, userId: 'usr_01m0z3k8x2f4v5b6n7af' },
)
export const staffBody = body(
  {
    name: Type.Optional(staffMembers.name),
    timeZone: Type.Optional(timeZone),
    userId: Type.Optional(staffMembers.userId),
    serviceIds: Type.Optional(staffMembers.serviceIds),
    active: Type.Optional(staffMembers.active),
  },
  { active: false },
)

const { userId: _, ...publicMembers } = staffMembers
const shownStaff = { id: 'stf_01m0z3k8x2f4v5b6n7af', ...staffExample }
export const staffListModel = pageOf(Type.Object({ id: Type.String(), ...publicMembers }), [
  { items: [shownStaff], nextCursor: null },
])
export const staffModel = answer(
  { id: Type.String(), ...staffMembers, hours: Type.Array(hoursModel), createdAt: moment },
  {
    ...shownStaff,
    userId: 'usr_01m0z3k8x2f4v5b6n7af',
    hours: weekExample,
    createdAt: '2026-11-24T09:30:00.000Z',
  },
)
export const staffParams = Type.Object({ staffId })

const closureMembers = {
  fromDate: localDate,
  toDate: localDate,
  reason: described(reason, 'For those who run the place.'),
}
const closureExample = { fromDate: '2026-12-25', toDate: '2026-12-26', reason: 'Christmas' }
export const newClosureBody = body(
  {
    ...closureMembers,
    staffId: Type.Optional(described(staffId, 'Who is away; absent: the whole place is closed.')),
    fromMinute: Type.Optional(minutes(0, 1439, 'The part of each day; absent: the whole day.')),
    toMinute: Type.Optional(minutes(1, 1440, 'Minutes after midnight, local time of the staff.')),
  },
  closureExample,
)
const closure = {
  ...closureMembers,
  id: Type.String(),
  staffId: orNull(Type.String()),
  fromMinute: orNull(Type.Integer()),
  toMinute: orNull(Type.Integer()),
  createdAt: moment,
}
const shownClosure = {
  ...closureExample,
  id: 'cls_01m0z3k8x2f4v5b6n7af',
  staffId: null,
  fromMinute: null,
  toMinute: null,
  createdAt: '2026-11-24T09:30:00.000Z',
}
export const closureModel = answer(closure, shownClosure)
export const closuresModel = pageOf(Type.Object(closure), [{ items: [shownClosure], nextCursor: null }])
export const closuresQuery = Type.Object({ ...pageQuery, from: Type.Optional(localDate) })
export const closureParams = Type.Object({ closureId: idOf('cls') })

const review = {
  id: Type.String(),
  rating: Type.Integer({ minimum: 1, maximum: 5 }),
  text: orNull(Type.String()),
  reviewer: orNull(Type.String({ description: 'A first name.' })),
  createdAt: moment,
}
const shownReview = {
  id: 'rev_01m0z3k8x2f4v5b6n7af',
  rating: 5,
  text: 'Quick and friendly.',
  reviewer: 'Amina',
  createdAt: '2026-11-26T09:30:00.000Z',
}
export const reviewsModel = pageOf(Type.Object(review), [{ items: [shownReview], nextCursor: null }])
export const reviewsQuery = Type.Object({
  ...pageQuery,
  hidden: Type.Optional(
    Type.Union([Type.Literal('true'), Type.Literal('false')], {
      description: '`true`: only those that are hidden; needs `appointments:setup`.',
    }),
  ),
})
export const reviewModel = answer(
  { ...review, appointmentId: Type.String(), hidden: Type.Boolean() },
  { ...shownReview, appointmentId: 'apt_01m0z3k8x2f4v5b6n7af', hidden: false },
)
export const reviewBody = body(
  {
    rating: Type.Integer({ minimum: 1, maximum: 5, description: 'Stars.' }),
    text: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 1000,
        format: 'printable',
        description: 'Shown on the service, with the first name.',
      }),
    ),
  },
  { rating: 5, text: 'Quick and friendly.' },
)
export const hideBody = body(
  { hidden: Type.Boolean({ description: 'Hidden: it is not shown and counts in no mean.' }) },
  { hidden: true },
)
export const reviewParams = Type.Object({ reviewId: idOf('rev') })
