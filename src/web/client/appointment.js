/** The page behind the link of a message about an appointment: what it is, and what can be done about it. */
import { call, form, h, resume, signIn } from './common.js'

const place = document.getElementById('page')
const id = location.pathname.split('/').pop()
const path = `/appointments/${id}`

const HANDED_OVER_MS = 60_000
const STARS = ['1', '2', '3', '4', '5']

/** On the clock where the service is. */
const when = (moment, timeZone) =>
  new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'short', timeZone }).format(new Date(moment))

function money(amount, currency) {
  const { maximumFractionDigits: digits } = new Intl.NumberFormat('en', {
    style: 'currency',
    currency,
  }).resolvedOptions()
  return `${currency} ${(amount / 10 ** digits).toFixed(digits)}`
}

/** An act after which the page shows how things stand now. */
const act = (method, to, body) => async (fields) => {
  await call(method, `${path}${to}`, body === undefined ? {} : body(fields))
  await show()
}

const pinField = ['PIN', 'pin', { type: 'password', inputmode: 'numeric', maxlength: '6', autocomplete: 'off' }]

function offered({ deposit, offeredUntil, timeZone }) {
  return [
    h('p', {}, `Kept for you until ${when(offeredUntil, timeZone)}.`),
    form(
      undefined,
      deposit > 0 ? [pinField] : [],
      'Take it',
      act('POST', '/accept', ({ pin }) => (pin ? { pin } : {})),
    ),
    form(undefined, [], 'I do not want it', act('POST', '/decline')),
  ]
}

function cancel({ cancelUntil, deposit }) {
  const late = new Date(cancelUntil) < new Date()
  const kept = late && deposit > 0 ? ' It is too late to get the deposit back.' : ''
  return h(
    'details',
    {},
    h('summary', {}, 'Cancel it'),
    form(undefined, [], 'Cancel the appointment', act('POST', '/cancel')),
    kept === '' ? undefined : h('p', {}, kept),
  )
}

/** On a day that the customer chooses, at one of the times that are free then. */
function move({ service, local }) {
  const times = h('select', { name: 'startsAt', required: true })
  const note = h('p', {})
  const day = h('input', { type: 'date', value: local.slice(0, 10), required: true, onchange: fill })

  async function fill() {
    const date = day.value
    times.replaceChildren()
    note.textContent = ''
    if (date === '') return
    try {
      const { items } = await call('GET', `/appointments/services/${service.id}/slots?from=${date}&to=${date}`)
      if (date !== day.value) return
      times.replaceChildren(...items.map((slot) => h('option', { value: slot.startsAt }, slot.local.slice(11, 16))))
      if (items.length === 0) note.textContent = 'Nothing is free on this day.'
    } catch (error) {
      note.textContent = error.message
    }
  }

  const chosen = form(
    undefined,
    [h('label', {}, 'Day', day), h('label', {}, 'Time', times), note],
    'Move the appointment',
    act('POST', '/move', ({ startsAt }) => ({ startsAt })),
  )
  const open = ({ target }) => (target.open ? fill() : undefined)
  return h('details', { ontoggle: open }, h('summary', {}, 'Move it'), chosen)
}

/** What was written before, or nothing. */
const written = () =>
  call('GET', `${path}/review`).catch((error) => {
    if (error.problem?.code === 'review_not_found') return undefined
    throw error
  })

/** One paragraph: line ends are spaces to whoever reads it. */
const words = (area) => area.value.replaceAll(/\s+/g, ' ').trim()

function review(before) {
  const best = String(before?.rating ?? STARS.at(-1))
  const options = STARS.toReversed().map((each) => h('option', { value: each, selected: each === best }, each))
  const stars = h('select', { name: 'rating' }, ...options)
  const text = h('textarea', { name: 'text', maxlength: '1000', rows: '4' }, before?.text ?? '')
  return form(
    'How was it?',
    [h('label', {}, 'Stars, five are best ', stars), h('label', {}, 'In your words (may be left out)', text)],
    before ? 'Change it' : 'Send',
    act('PUT', '/review', () => ({
      rating: Number(stars.value),
      ...(words(text) === '' ? {} : { text: words(text) }),
    })),
  )
}

const HOW_IT_STANDS = {
  offered: 'is offered to you',
  booked: 'is booked',
  completed: 'took place',
  missed: 'was missed',
  cancelled: 'was cancelled',
  declined: 'was declined',
  lapsed: 'was not answered in time',
}

/** Whether this person is still in line for the service. */
async function waitsOn({ service }) {
  const { items } = await call('GET', '/appointments/waiting?limit=100')
  return items.some(({ serviceId, state }) => serviceId === service.id && state !== 'ended')
}

/** Fetched here and not by a link, which would not renew a session that has run out. */
async function intoCalendar() {
  const text = await call('GET', `${path}/invitation`)
  const href = URL.createObjectURL(new Blob([text], { type: 'text/calendar' }))
  h('a', { href, download: 'appointment.ics' }).click()
  setTimeout(() => URL.revokeObjectURL(href), HANDED_OVER_MS)
}

const isAhead = (moment) => new Date(moment) > new Date()

/** What can be done about one that is booked and has not begun. */
const booked = (appointment) => [
  form(undefined, [], 'Put it into my calendar', intoCalendar),
  ...(isAhead(appointment.cancelUntil) ? [move(appointment)] : []),
  cancel(appointment),
]

async function show() {
  const appointment = await call('GET', path)
  const { status, startsAt, endsAt, timeZone, deposit, currency, depositState, cancelledBy, reason } = appointment
  const isOver = !isAhead(endsAt) && (status === 'booked' || status === 'completed')
  const before = isOver ? await written() : undefined
  const waits = status === 'lapsed' && (await waitsOn(appointment))
  place.replaceChildren(
    h('h1', {}, `${appointment.service.name} ${HOW_IT_STANDS[status] ?? status}`),
    h(
      'p',
      {},
      `${when(startsAt, timeZone)}, with ${appointment.staff.name}${appointment.place ? `, ${appointment.place}` : ''}`,
    ),
    ...(status === 'cancelled' && cancelledBy !== 'customer' && reason ? [h('p', {}, `Why: ${reason}`)] : []),
    ...(deposit > 0 ? [h('p', {}, `Deposit: ${money(deposit, currency)} (${depositState})`)] : []),
    ...(waits ? [h('p', {}, 'You still wait for a place.')] : []),
    ...(status === 'offered' ? offered(appointment) : []),
    ...(status === 'booked' && isAhead(startsAt) ? booked(appointment) : []),
    ...(isOver ? [review(before)] : []),
  )
}

async function begin() {
  if (!(await resume())) await signIn(place)
  await show()
}

begin().catch((error) => place.append(h('p', { role: 'status' }, error.message)))
